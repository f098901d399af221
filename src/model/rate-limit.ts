import type { Labels, ObjectName } from "./names.ts";
import type { NamedMatch, PathMatch } from "./route.ts";
import type { Source } from "./source.ts";

/** An object whose requests a RateLimitPolicy limits, in the policy's own namespace. */
export interface RateLimitTarget {
	readonly kind: "Service" | "Gateway" | "HTTPRoute" | "GRPCRoute";
	readonly name: string;
	/** A port of the Service, a listener of the Gateway, or a rule of the route, by name; undefined is all of it. */
	readonly sectionName?: string;
	/** Field path of the target in its document. */
	readonly path: string;
}

/** Which requests a limit counts: every condition must hold, an empty list holds always. */
export interface RateLimitMatch {
	/** Any of them. */
	readonly paths: readonly PathMatch[];
	/** Any of them. */
	readonly methods: readonly string[];
	/** All of them. */
	readonly headers: readonly NamedMatch[];
	/** Identities of callers without the scheme, any of them; one `*` at the start or at the end. */
	readonly principals: readonly string[];
}

/** What a budget is counted by: each value has a budget of its own. */
export type RateLimitKey =
	/** Of the caller's SPIFFE ID. */
	| { readonly kind: "principal" | "service-account" | "namespace" }
	| { readonly kind: "client-address" | "method" }
	| { readonly kind: "header"; readonly name: string }
	/** A claim of a JSON web token that a RequestAuthentication has checked; nested ones by their path. */
	| { readonly kind: "claim"; readonly path: readonly string[] }
	| { readonly kind: "constant"; readonly value: string };

/** One budget, or one for each value of its keys. */
export interface RateLimit {
	/** Unique in its policy. */
	readonly name: string;
	readonly match: RateLimitMatch;
	/** Empty: one budget for all requests. */
	readonly keys: readonly RateLimitKey[];
	/** Requests that may pass in a unit. */
	readonly requests: number;
	readonly unitSeconds: number;
	/** Requests that may pass at once after a pause. */
	readonly burst: number;
	/** `local`: each proxy counts for itself; `global`: all proxies share the budget. */
	readonly scope: "local" | "global";
	/** Only counted, and told. */
	readonly isDryRun: boolean;
	/** Budgets that are kept at a time; the longest unused goes. */
	readonly maxKeys: number;
	/** Whether answers carry `x-ratelimit-*` (local limits). */
	readonly sendsHeaders: boolean;
	/** Global: what holds for a proxy that has no lease: a share of the limit, no limit, or no request at all. */
	readonly withoutLease: "share" | "open" | "closed";
	/** Global: that share of the limit in percent, for each proxy; undefined divides by the proxies that are known. */
	readonly sharePercent?: number;
	/** Field path of the limit in its document. */
	readonly path: string;
}

/** `amime.dev/v1alpha1` RateLimitPolicy: how many requests may pass. Every limit of every policy that is for a request counts it; the
 *  first one that is used up refuses it. */
export interface RateLimitPolicy extends ObjectName {
	/** Workloads of its namespace, in the root namespace of the mesh; without selector and targets all of them. */
	readonly selector?: Labels;
	readonly targets?: readonly RateLimitTarget[];
	readonly limits: readonly RateLimit[];
	readonly createdAt: number;
	readonly source: Source;
}

/** The name by which filters, quota buckets, metrics and denials know a limit: `namespace/policy/limit`. */
export function formatLimitName(policy: ObjectName, limit: Pick<RateLimit, "name">): string {
	return `${policy.namespace}/${policy.name}/${limit.name}`;
}
