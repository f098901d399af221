import type { BackendRef, RouteRetry, RouteRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { gatewayDuration } from "../../schema/durations.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { integer, oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { backendFilters, checkRuleFilters, ruleFilters } from "./filter.ts";
import { anyRequest, routeMatch } from "./match.ts";

const backend = object({
	group: defaulted(oneOf([""]), "", "Group of the backend's kind; only the core group"),
	kind: defaulted(oneOf(["Service"]), "Service", "Kind of the backend", "Service"),
	name: required(dnsLabel(), "Name of the Service"),
	namespace: optional(dnsLabel(), "Namespace of the Service; that of the route when absent"),
	port: required(integer({ min: 1, max: 65_535 }), "Port of the Service"),
	weight: defaulted(
		integer({ min: 0, max: 1_000_000 }),
		1,
		"Share of the requests, relative to the other backends; 0 gets none",
	),
	filters: optional(backendFilters, "Header filters for requests to this backend"),
});

const timeouts = refine(
	object({
		request: optional(
			gatewayDuration(),
			"Time the whole exchange may take, retries included; beyond it 504. 0s is without bound",
		),
		backendRequest: optional(gatewayDuration(), "Time one try may take; at most `request`"),
	}),
	(value, _node, reader) => {
		const { request, backendRequest } = value;
		if (request === undefined || request === 0 || backendRequest === undefined || backendRequest <= request)
			return value;
		return reader.field("backendRequest").refuse("must be at most the request timeout");
	},
);

const retry: Schema<RouteRetry> = refine(
	object({
		codes: optional(list(integer({ min: 400, max: 599 }), { max: 32 }), "Statuses that are tried again"),
		attempts: optional(integer({ min: 0, max: 100 }), "Further tries after the first; 1 when absent"),
		backoff: optional(gatewayDuration(), "Shortest pause before a further try; 25ms when absent"),
	}),
	(value): RouteRetry => ({
		codes: value.codes ?? [],
		attempts: value.attempts ?? 1,
		...(value.backoff === undefined ? {} : { backoffMs: value.backoff }),
	}),
);

const fields = object({
	name: optional(
		string({
			format: "a section name: lower case letters, digits, '-' and '.'",
			pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
			maxLength: 253,
		}),
		"Name of the rule, for explanations",
	),
	matches: optional(list(routeMatch, { max: 128 }), "Requests it is for, any of them; all when absent"),
	filters: optional(ruleFilters, "Changes to requests and responses, redirects"),
	backendRefs: optional(
		list(backend, { max: 128 }),
		"Services that get the requests, by weight; without one (and without a redirect) the answer is 500",
	),
	timeouts: optional(timeouts, "How long a request may take"),
	retry: optional(retry, "When a request is tried again"),
	sessionPersistence: refused("requests are balanced one by one"),
});

type RuleSpec = typeof fields extends Schema<infer T> ? T : never;

/** One of `rules`. */
export const routeRule: Schema<RuleSpec & { readonly path: string }> = refine(fields, (value, _node, reader) => {
	const [match, ...others] = value.matches ?? [];
	const isGood = checkRuleFilters(
		{
			filters: value.filters,
			backends: value.backendRefs?.length ?? 0,
			// A match without a path has the prefix '/' by default.
			hasOnePrefix: others.length === 0 && (match === undefined || match.path.kind === "prefix"),
		},
		reader,
	);
	return isGood ? { ...value, path: reader.path } : undefined;
});

/** A rule as the model has it. `namespace` is that of the route. */
export function toRouteRule(value: RuleSpec & { readonly path: string }, namespace: string): RouteRule {
	const matches = value.matches ?? [];
	return {
		name: value.name,
		matches: matches.length === 0 ? [anyRequest] : matches,
		backends: (value.backendRefs ?? []).map(
			(ref): BackendRef => ({
				destination: { kind: "service", service: { namespace: ref.namespace ?? namespace, name: ref.name } },
				port: ref.port,
				weight: ref.weight,
				requestHeaders: ref.filters?.requestHeaders,
				responseHeaders: ref.filters?.responseHeaders,
			}),
		),
		requestHeaders: value.filters?.requestHeaders,
		responseHeaders: value.filters?.responseHeaders,
		redirect: value.filters?.redirect,
		rewrite: value.filters?.rewrite,
		timeoutMs: value.timeouts?.request,
		backendTimeoutMs: value.timeouts?.backendRequest,
		retry: value.retry,
		path: value.path,
	};
}
