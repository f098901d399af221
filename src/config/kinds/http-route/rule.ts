import type {
	BackendRef,
	BackendReference,
	ExternalAuth,
	FilterActions,
	Mirror,
	RouteRetry,
	RouteRule,
	SessionPersistence,
} from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { gatewayDuration } from "../../schema/durations.ts";
import { type Field, object, optional } from "../../schema/object.ts";
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
import { checkSession, sessionPersistence } from "../gateway-api/session-persistence.ts";
import type { ExternalAuthSpec } from "./external-auth.ts";
import { backendFilters, checkRuleFilters, type Filters, grpcBackendFilters, ruleFilters } from "./filter.ts";
import { anyRequest, routeMatch } from "./match.ts";

const backendsWith = (filters: Schema<Filters>) =>
	optional(
		list(
			refine(
				object({ ...backendFields, weight, filters: optional(filters, "Filters for requests to this backend") }),
				(value, _node, reader) => {
					const checked = checkBackend(value, reader);
					return checked === undefined ? undefined : { ...checked, path: reader.path };
				},
			),
			{ max: 128 },
		),
		"Services that get the requests, by weight; without one (and without a redirect) the answer is 500",
	);

const backends = backendsWith(backendFilters);

/** `backendRefs` of a rule of a GRPCRoute. */
export const grpcBackends: typeof backends = backendsWith(grpcBackendFilters);

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
	sessionPersistence: optional(sessionPersistence, "Keeps a client at the backend that it had"),
});

type RuleSpec = typeof fields extends Schema<infer T> ? T : never;

/** One of `rules`. */
export const routeRule: Schema<RuleSpec & { readonly path: string }> = refine(fields, (value, _node, reader) => {
	const [match, ...others] = value.matches ?? [];
	// A match without a path has the prefix '/' by default.
	const hasOnePrefix = others.length === 0 && (match === undefined || match.path.kind === "prefix");
	const backendRefs = value.backendRefs ?? [];
	const faulty = [
		checkSession(value, reader),
		checkRuleFilters({ filters: value.filters, backends: backendRefs.length, hasOnePrefix }, reader),
		...backendRefs.map(({ filters }, position) =>
			checkRuleFilters({ filters, backends: 0, hasOnePrefix }, reader.field("backendRefs").item(position)),
		),
	].includes(false);
	return faulty ? undefined : { ...value, path: reader.path };
});

/** What rules of HTTPRoutes and GRPCRoutes have in common. */
interface CommonRule {
	readonly name: string | undefined;
	readonly filters: Filters | undefined;
	readonly backendRefs: typeof backends extends Field<infer T> ? T : never;
	readonly sessionPersistence: SessionPersistence | undefined;
	readonly path: string;
}

/** The part of a rule that HTTPRoutes and GRPCRoutes have alike. `namespace` is that of the route. */
export function toCommonRule(value: CommonRule, namespace: string): Omit<RouteRule, "matches"> {
	const { filters } = value;
	return {
		...(value.name !== undefined && { name: value.name }),
		backends: (value.backendRefs ?? []).map(
			(reference): BackendRef => ({
				destination: toDestination(reference, namespace),
				...(reference.port !== undefined && { port: reference.port }),
				weight: reference.weight,
				...(reference.filters?.requestHeaders !== undefined && { requestHeaders: reference.filters.requestHeaders }),
				...(reference.filters?.responseHeaders !== undefined && { responseHeaders: reference.filters.responseHeaders }),
				...ownFilters(reference.filters, namespace),
			}),
		),
		...(filters?.requestHeaders !== undefined && { requestHeaders: filters.requestHeaders }),
		...(filters?.responseHeaders !== undefined && { responseHeaders: filters.responseHeaders }),
		...toActions(filters, namespace),
		...(value.sessionPersistence !== undefined && { sessionPersistence: value.sessionPersistence }),
		path: value.path,
	};
}

/** What filters do beside changing headers. */
function toActions(filters: Filters | undefined, namespace: string): FilterActions {
	if (filters === undefined) return {};
	const { redirect, rewrite, cors, externalAuth, extensions } = filters;
	const mirrors = filters.mirrors.map(
		({ backend: reference, percent }): Mirror => ({
			destination: toDestination(reference, namespace),
			...(reference.port !== undefined && { port: reference.port }),
			percent,
		}),
	);
	return {
		...(redirect !== undefined && { redirect }),
		...(rewrite !== undefined && { rewrite }),
		...(cors !== undefined && { cors }),
		...(externalAuth !== undefined && { externalAuth: toExternalAuth(externalAuth, namespace) }),
		...(mirrors.length > 0 && { mirrors }),
		// A filter that cannot be applied must not be skipped (Gateway API, HTTPRouteFilter.extensionRef).
		...(extensions.length > 0 && { directResponse: { status: 500 } }),
	};
}

function toExternalAuth({ backend: reference, ...auth }: ExternalAuthSpec, namespace: string): ExternalAuth {
	const { port } = reference;
	return { ...auth, destination: toDestination(reference, namespace), ...(port !== undefined && { port }) };
}

function ownFilters(filters: Filters | undefined, namespace: string): Pick<BackendRef, "filters"> {
	const actions = toActions(filters, namespace);
	return Object.keys(actions).length === 0 ? {} : { filters: actions };
}

/** A rule as the model has it. `namespace` is that of the route. */
export function toRouteRule(value: RuleSpec & { readonly path: string }, namespace: string): RouteRule {
	const matches = value.matches ?? [];
	return {
		...toCommonRule(value, namespace),
		matches: matches.length === 0 ? [anyRequest] : matches,
		...(value.timeouts?.request !== undefined && { timeoutMs: value.timeouts.request }),
		...(value.timeouts?.backendRequest !== undefined && { backendTimeoutMs: value.timeouts.backendRequest }),
		...(value.retry !== undefined && { retry: value.retry }),
	};
}

/** Everything that a rule refers to. */
export function listReferences(value: CommonRule, namespace: string): BackendReference[] {
	const backendRefs = value.backendRefs ?? [];
	const filters = [value.filters, ...backendRefs.map((reference) => reference.filters)].filter(
		(some) => some !== undefined,
	);
	return [
		...backendRefs.map((reference) => toBackendReference(reference, namespace)),
		...filters.flatMap(({ mirrors, extensions, externalAuth }) => [
			...(externalAuth === undefined ? [] : [toAuthorizerReference(externalAuth, namespace)]),
			...mirrors.map(({ backend: reference }) => toBackendReference(reference, namespace)),
			...extensions.map((extension) => ({ ...extension, namespace })),
		]),
	];
}

function toAuthorizerReference({ backend, protocol }: ExternalAuthSpec, namespace: string): BackendReference {
	return { ...toBackendReference(backend, namespace), ...(protocol.kind === "grpc" && { isGrpcAuthorizer: true }) };
}
