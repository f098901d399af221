import type { PortTrafficPolicy, TrafficPolicy, Tunnel } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { integer, number, oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { portNumber, portSelector } from "../istio/destination.ts";
import { clientTls } from "./client-tls.ts";
import { connectionPool, defined, outlierDetection } from "./connection-pool.ts";
import { loadBalancer } from "./load-balancer.ts";

const common = {
	loadBalancer: optional(loadBalancer, "How an endpoint is chosen"),
	connectionPool: optional(connectionPool, "Circuit breakers"),
	outlierDetection: optional(outlierDetection, "Ejection of failing endpoints"),
	tls: optional(clientTls, "Encryption towards the endpoints"),
};

const tunnel: Schema<Tunnel> = refine(
	object({
		protocol: defaulted(oneOf(["CONNECT", "POST"]), "CONNECT", "Method that opens the tunnel", "CONNECT"),
		targetHost: required(string({ maxLength: 253 }), "Host at the end of the tunnel"),
		targetPort: required(portNumber(), "Port at the end of the tunnel"),
	}),
	({ protocol, targetHost, targetPort }) => ({ method: protocol, targetHost, targetPort }),
);

const portPolicy = object({ port: required(portSelector(), "Port of the service"), ...common });

/** `trafficPolicy` of a DestinationRule or of a subset. */
export const trafficPolicy: Schema<TrafficPolicy> = refine(
	object({
		...common,
		portLevelSettings: optional(
			list(portPolicy, { max: 4096 }),
			"Settings of single ports; what they leave out has its default, not the value above",
		),
		tunnel: optional(tunnel, "An HTTP proxy that TCP connections go through"),
		proxyProtocol: optional(
			object({ version: defaulted(oneOf(["V1", "V2"]), "V1", "Its version", "V1") }),
			"The PROXY protocol towards the endpoints",
		),
		retryBudget: optional(
			object({
				percent: defaulted(number({ min: 0, max: 100 }), 20, "Retries in flight, as a share of requests in flight"),
				budgetInterval: refused("the budget counts what is in flight, not over a time"),
				minRetryConcurrency: defaulted(integer({ min: 0, max: 2 ** 31 - 1 }), 3, "Retries that are always allowed"),
			}),
			"Bound of retries in flight; in place of connectionPool.http.maxRetries",
		),
	}),
	(value): TrafficPolicy => ({
		...toPortPolicy(value),
		...(value.portLevelSettings !== undefined &&
			value.portLevelSettings.length > 0 && {
				portLevel: Object.fromEntries(
					value.portLevelSettings
						.map((item, position) => [item.port, { ...toPortPolicy(item), position }] as const)
						.reverse(),
				),
			}),
		...defined({ tunnel: value.tunnel, retryBudget: value.retryBudget }),
		...(value.proxyProtocol !== undefined && { proxyProtocol: value.proxyProtocol.version === "V1" ? 1 : 2 }),
	}),
);

function toPortPolicy(
	value: { readonly [K in keyof typeof common]: PortTrafficPolicy[K] | undefined },
): PortTrafficPolicy {
	return defined({
		loadBalancer: value.loadBalancer,
		connectionPool: value.connectionPool,
		outlierDetection: value.outlierDetection,
		tls: value.tls,
	});
}
