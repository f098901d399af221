import type { ExternalAuth } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { object, optional, required } from "../../schema/object.ts";
import { integer, oneOf, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { type BackendSpec, backendFields, checkBackend } from "../gateway-api/reference.ts";
import { headerName } from "./header-filter.ts";

/** An ExternalAuth filter as read. */
export interface ExternalAuthSpec extends Omit<ExternalAuth, "destination" | "port"> {
	readonly backend: BackendSpec & { readonly path: string };
}

const backend = refine(object(backendFields), (value, _node, reader) => {
	const checked = checkBackend(value, reader);
	if (checked === undefined) return undefined;
	if (value.kind === "Hostname" && value.port === undefined)
		return reader.field("port").refuse("is required: the port of the authorizer");
	return { ...checked, path: reader.path };
});

const headers = () => list(headerName(), { max: 64 });

const fields = object({
	protocol: required(
		oneOf(["GRPC", "HTTP"]),
		"GRPC is Envoy's `envoy.service.auth.v3.Authorization`; over HTTP the status 200 allows and any other refuses",
	),
	backendRef: required(
		backend,
		"Service that is asked, for GRPC on a port of HTTP/2 (`grpc`, `http2` or `kubernetes.io/h2c`); while it is missing or may not be used requests are answered with 500, while it does not answer with 403",
	),
	grpc: optional(
		object({ allowedHeaders: optional(headers(), "Headers of the request that it sees; all when absent") }),
		"With protocol GRPC",
	),
	http: optional(
		object({
			path: optional(
				string({
					format: "a path such as /check",
					pattern: /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$/,
					minLength: 0,
					maxLength: 1024,
				}),
				"Stands before the path of the request",
			),
			allowedHeaders: optional(
				headers(),
				"Headers of the request that it sees beside Host, Content-Length and Authorization",
			),
			allowedResponseHeaders: optional(
				headers(),
				"Headers of its answer that the backend sees; when absent all but Host and those of the answer's own connection and body",
			),
		}),
		"With protocol HTTP",
	),
	forwardBody: optional(
		object({
			maxSize: optional(
				integer({ min: 0, max: 2_147_483_647 }),
				"Bytes of the longest body that it sees, and that may pass: beyond it the answer is 413. 0 shows it none",
			),
		}),
		"That it sees the body of the request",
	),
});

type Fields = typeof fields extends Schema<infer T> ? T : never;

/** An ExternalAuth filter (GEP-1494). */
export const externalAuth: Schema<ExternalAuthSpec> = refine(fields, (value, _node, reader) => {
	const other = value.protocol === "GRPC" ? "http" : "grpc";
	if (value[other] !== undefined) return reader.field(other).refuse(`must not be set with protocol ${value.protocol}`);
	const protocol = value.protocol === "GRPC" ? overGrpc(value) : overHttp(value, reader);
	const maxBodyBytes = value.forwardBody?.maxSize ?? 0;
	return protocol && { backend: value.backendRef, protocol, ...(maxBodyBytes > 0 && { maxBodyBytes }) };
});

function overGrpc({ grpc }: Fields): ExternalAuth["protocol"] {
	return { kind: "grpc", allowedHeaders: grpc?.allowedHeaders ?? [] };
}

function overHttp({ http }: Fields, reader: Reader): ExternalAuth["protocol"] | undefined {
	const path = http?.path ?? "";
	// Behind such a prefix a request could ask for any path of the authorizer.
	if (path.split("/").some((part) => /^(\.|%2e){1,2}$/i.test(part)))
		return reader.field("http").field("path").refuse("must not have the segments '.' and '..'");
	return {
		kind: "http",
		pathPrefix: path === "" || path.startsWith("/") ? path : `/${path}`,
		allowedHeaders: http?.allowedHeaders ?? [],
		allowedResponseHeaders: http?.allowedResponseHeaders ?? [],
	};
}
