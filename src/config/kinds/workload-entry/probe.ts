import type { WorkloadProbe } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { integer, oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { portNumber } from "../istio/destination.ts";

const day = 86_400;
const seconds = (min: number) => integer({ min, max: day });

const httpGet = object({
	path: defaulted(
		string({ format: "a path", pattern: /^\/\S*$/, maxLength: 4096 }),
		"/",
		"Path that is asked; 200 to 399 is good",
	),
	port: required(portNumber(), "Port that is asked"),
	host: optional(string({ maxLength: 253 }), "Host of the request; the workload's address when absent"),
	scheme: defaulted(oneOf(["HTTP", "HTTPS"]), "HTTP", "Whether over TLS, of whatever certificate", "HTTP"),
	httpHeaders: optional(
		list(
			object({
				name: required(
					string({ format: "a header name", pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/ }),
					"Name of the header",
				),
				value: defaulted(string({ minLength: 0, pattern: /^[^\r\n\0]*$/, format: "a header value" }), "", "Its value"),
			}),
			{ max: 64 },
		),
		"Headers of the request",
	),
});

/** `probe` of a WorkloadGroup. */
export const probe: Schema<WorkloadProbe> = refine(
	object({
		initialDelaySeconds: defaulted(seconds(0), 0, "Time after the registration before the first probe"),
		timeoutSeconds: defaulted(seconds(1), 1, "Time an answer may take"),
		periodSeconds: defaulted(seconds(1), 10, "Time between two probes"),
		successThreshold: defaulted(integer({ min: 1, max: 1000 }), 1, "Good probes in a row that make it ready"),
		failureThreshold: defaulted(integer({ min: 1, max: 1000 }), 3, "Bad probes in a row that make it unready"),
		httpGet: optional(httpGet, "An HTTP request"),
		tcpSocket: optional(
			object({
				host: optional(string({ maxLength: 253 }), "Host; the workload's address when absent"),
				port: required(portNumber(), "Port that must accept connections"),
			}),
			"A connection",
		),
		exec: refused("the control plane runs no programs on workloads: use httpGet or tcpSocket"),
		grpc: refused("use httpGet or tcpSocket"),
	}),
	(value, _node, reader): WorkloadProbe | undefined => {
		const { httpGet: http, tcpSocket: tcp } = value;
		if ((http === undefined) === (tcp === undefined)) return reader.refuse("must have one of httpGet and tcpSocket");
		const common = {
			initialDelayMs: value.initialDelaySeconds * 1000,
			timeoutMs: value.timeoutSeconds * 1000,
			periodMs: value.periodSeconds * 1000,
			successThreshold: value.successThreshold,
			failureThreshold: value.failureThreshold,
		};
		if (tcp !== undefined)
			return { ...common, kind: "tcp", port: tcp.port, ...(tcp.host !== undefined && { host: tcp.host }) };
		return {
			...common,
			kind: "http",
			port: http!.port,
			...(http!.host !== undefined && { host: http!.host }),
			path: http!.path,
			isTls: http!.scheme === "HTTPS",
			headers: (http!.httpHeaders ?? []).map(({ name, value: text }) => [name, text] as const),
		};
	},
);
