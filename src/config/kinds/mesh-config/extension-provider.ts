import type { ExtensionProvider } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { boolean, integer, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { headerTemplate } from "../istio/headers.ts";

const headerName = string({
	format: "a header name, `x-*` and `*-x` for all that begin or end so, `*` for all",
	pattern: /^(\*?[!#$%&'+\-.^_`|~0-9A-Za-z]+|[!#$%&'+\-.^_`|~0-9A-Za-z]+\*|\*)$/,
});
const headerNames = list(headerName, { max: 100 });
/** The statuses of Envoy's messages; proxies refuse others. */
const statuses: ReadonlySet<number> = new Set([
	...[100, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308],
	...Array.from({ length: 18 }, (_, number) => 400 + number),
	...[421, 422, 423, 424, 426, 428, 429, 431, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
]);
const tenMinutesMs = 600_000;

const common = {
	service: required(
		string({ format: "a host", pattern: /^[!-~]+$/, maxLength: 317 }),
		"Host of the service, `authz.shop.svc.cluster.local` or `namespace/host`",
	),
	port: required(integer({ min: 1, max: 65_535 }), "Port of the service"),
	timeout: defaulted(istioDuration(), tenMinutesMs, "Time an answer may take", "600s"),
	failOpen: defaulted(boolean(), false, "Requests pass when it does not answer"),
	statusOnError: optional(
		refine(string({ format: "an HTTP status", pattern: /^\d{3}$/ }), (text, _node, reader) =>
			statuses.has(Number(text)) ? text : reader.refuse(`${quote(text)} is no status that proxies answer with`),
		),
		"Status of the answer when it does not answer; 403 when absent",
	),
	clearRouteCache: defaulted(boolean(), false, "The route is chosen again after it has changed headers"),
	includeRequestBodyInCheck: optional(
		object({
			maxRequestBytes: required(integer({ min: 1, max: 2 ** 31 - 1 }), "Bytes of the body that it gets at most"),
			allowPartialMessage: defaulted(boolean(), false, "A longer body is cut; else it is answered with 413"),
			packAsBytes: defaulted(boolean(), false, "gRPC: as bytes instead of as text"),
		}),
		"What it gets of the body; nothing when absent",
	),
};

const http = object({
	...common,
	pathPrefix: defaulted(
		string({ format: "a path", pattern: /^(\/[!-~]*)?$/, minLength: 0 }),
		"",
		"Put before the path of the request",
	),
	includeRequestHeadersInCheck: defaulted(headerNames, [], "Headers of the request that it gets"),
	includeHeadersInCheck: defaulted(headerNames, [], "Old name of `includeRequestHeadersInCheck`"),
	includeAdditionalHeadersInCheck: defaulted(
		map(headerTemplate, {
			format: "a header name other than host",
			pattern: /^(?!host$)[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/i,
		}),
		{},
		"Headers that it gets besides",
	),
	headersToUpstreamOnAllow: defaulted(headerNames, [], "Headers of its consent that the application gets"),
	headersToDownstreamOnDeny: defaulted(headerNames, [], "Headers of its refusal that the client gets"),
	headersToDownstreamOnAllow: defaulted(headerNames, [], "Headers of its consent that the client gets"),
});

const grpc = object(common);

type CommonSpec = typeof grpc extends Schema<infer T> ? T : never;

/** One of `extensionProviders`. */
export const extensionProvider: Schema<ExtensionProvider> = refine(
	object({
		name: required(string({ maxLength: 253 }), "What policies call it"),
		envoyExtAuthzHttp: optional(http, "It is asked over HTTP: a 200 is consent"),
		envoyExtAuthzGrpc: optional(grpc, "It is asked over gRPC (`envoy.service.auth.v3.Authorization`)"),
	}),
	({ name, envoyExtAuthzHttp, envoyExtAuthzGrpc }, _node, reader) => {
		if (envoyExtAuthzHttp !== undefined && envoyExtAuthzGrpc === undefined) {
			const value = envoyExtAuthzHttp;
			return {
				...toProvider(name, "http", value),
				pathPrefix: value.pathPrefix,
				headersToCheck: [...value.includeRequestHeadersInCheck, ...value.includeHeadersInCheck],
				additionalHeaders: Object.entries(value.includeAdditionalHeadersInCheck),
				headersUpstream: value.headersToUpstreamOnAllow,
				headersDownstreamOnDeny: value.headersToDownstreamOnDeny,
				headersDownstreamOnAllow: value.headersToDownstreamOnAllow,
			};
		}
		if (envoyExtAuthzGrpc !== undefined && envoyExtAuthzHttp === undefined)
			return toProvider(name, "grpc", envoyExtAuthzGrpc);
		return reader.refuse("must have exactly one of envoyExtAuthzHttp and envoyExtAuthzGrpc");
	},
);

function toProvider(name: string, protocol: "http" | "grpc", value: CommonSpec): ExtensionProvider {
	const body = value.includeRequestBodyInCheck;
	return {
		name,
		protocol,
		service: value.service,
		port: value.port,
		timeoutMs: value.timeout,
		failOpen: value.failOpen,
		...(value.statusOnError !== undefined && { statusOnError: Number(value.statusOnError) }),
		clearRouteCache: value.clearRouteCache,
		pathPrefix: "",
		headersToCheck: [],
		additionalHeaders: [],
		headersUpstream: [],
		headersDownstreamOnDeny: [],
		headersDownstreamOnAllow: [],
		...(body !== undefined && {
			body: { maxBytes: body.maxRequestBytes, allowPartial: body.allowPartialMessage, asBytes: body.packAsBytes },
		}),
	};
}
