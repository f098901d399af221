import type { BackendRef, BackendReference, Mirror, RouteRetry, RouteRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { gatewayDuration } from "../../schema/durations.ts";
import { type Field, object, optional, refused } from "../../schema/object.ts";
import { integer } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import {
	backendFields,
	checkBackend,
	sectionName,
	toBackendReference,
	toDestination,
	weight,
} from "../gateway-api/reference.ts";
import { backendFilters, checkRuleFilters, type Filters, ruleFilters } from "./filter.ts";
import { anyRequest, routeMatch } from "./match.ts";

const backend = refine(
	object({
		...backendFields,
		weight,
		filters: optional(backendFilters, "Header filters for requests to this backend"),
	}),
	(value, _node, reader) => {
		const checked = checkBackend(value, reader);
		return checked === undefined ? undefined : { ...checked, path: reader.path };
	},
);

/** `backendRefs` of a rule. */
export const backends = optional(
	list(backend, { max: 128 }),
	"Services that get the requests, by weight; without one (and without a redirect) the answer is 500",
);

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
		attempts: optional(integer({ min: 0, max: 100 }), "Further tries after the first; 2 when absent"),
		backoff: optional(gatewayDuration(), "Shortest pause before a further try; 25ms when absent"),
	}),
	(value): RouteRetry => ({
		codes: value.codes ?? [],
		attempts: value.attempts ?? 2,
		...(value.backoff === undefined ? {} : { backoffMs: value.backoff }),
	}),
);

const fields = object({
	name: optional(sectionName(), "Name of the rule, for explanations"),
	matches: optional(list(routeMatch, { max: 128 }), "Requests it is for, any of them; all when absent"),
	filters: optional(ruleFilters, "Changes to requests and responses, redirects"),
	backendRefs: backends,
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

/** What rules of HTTPRoutes and GRPCRoutes have in common. */
interface CommonRule {
	readonly name: string | undefined;
	readonly filters: Filters | undefined;
	readonly backendRefs: typeof backends extends Field<infer T> ? T : never;
	readonly path: string;
}

/** The part of a rule that HTTPRoutes and GRPCRoutes have alike. `namespace` is that of the route. */
export function toCommonRule(value: CommonRule, namespace: string): Omit<RouteRule, "matches"> {
	const { filters } = value;
	const mirrors = (filters?.mirrors ?? []).map(
		({ backend: reference, percent }): Mirror => ({
			destination: toDestination(reference, namespace),
			...(reference.port !== undefined && { port: reference.port }),
			percent,
		}),
	);
	return {
		...(value.name !== undefined && { name: value.name }),
		backends: (value.backendRefs ?? []).map(
			(reference): BackendRef => ({
				destination: toDestination(reference, namespace),
				...(reference.port !== undefined && { port: reference.port }),
				weight: reference.weight,
				...(reference.filters?.requestHeaders !== undefined && { requestHeaders: reference.filters.requestHeaders }),
				...(reference.filters?.responseHeaders !== undefined && { responseHeaders: reference.filters.responseHeaders }),
			}),
		),
		...(filters?.requestHeaders !== undefined && { requestHeaders: filters.requestHeaders }),
		...(filters?.responseHeaders !== undefined && { responseHeaders: filters.responseHeaders }),
		...(mirrors.length > 0 && { mirrors }),
		// A filter that cannot be applied must not be skipped (Gateway API, HTTPRouteFilter.extensionRef).
		...((filters?.extensions ?? []).length > 0 && { directResponse: { status: 500 } }),
		path: value.path,
	};
}

/** A rule as the model has it. `namespace` is that of the route. */
export function toRouteRule(value: RuleSpec & { readonly path: string }, namespace: string): RouteRule {
	const matches = value.matches ?? [];
	const { redirect, rewrite, cors } = value.filters ?? {};
	return {
		...toCommonRule(value, namespace),
		matches: matches.length === 0 ? [anyRequest] : matches,
		...(redirect !== undefined && { redirect }),
		...(rewrite !== undefined && { rewrite }),
		...(cors !== undefined && { cors }),
		...(value.timeouts?.request !== undefined && { timeoutMs: value.timeouts.request }),
		...(value.timeouts?.backendRequest !== undefined && { backendTimeoutMs: value.timeouts.backendRequest }),
		...(value.retry !== undefined && { retry: value.retry }),
	};
}

/** Everything that a rule refers to. */
export function listReferences(value: CommonRule, namespace: string): BackendReference[] {
	const { mirrors = [], extensions = [] } = value.filters ?? {};
	return [
		...(value.backendRefs ?? []).map((reference) => toBackendReference(reference, namespace)),
		...mirrors.map(({ backend: reference }) => toBackendReference(reference, namespace)),
		...extensions.map((extension) => ({ ...extension, namespace })),
	];
}
