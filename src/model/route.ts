import type { ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** How a string in a request is compared. */
export type StringMatch =
	| { readonly kind: "exact"; readonly value: string }
	| { readonly kind: "prefix"; readonly value: string }
	| { readonly kind: "regex"; readonly value: string };

/** A path match of the Gateway API; `prefix` matches whole segments (PathPrefix). */
export type PathMatch = StringMatch;

export interface NamedMatch {
	readonly name: string;
	/** `exact` or `regex`. */
	readonly value: StringMatch;
}

/** One match of a route rule: every condition must hold. */
export interface RouteMatch {
	readonly path: PathMatch;
	readonly headers: readonly NamedMatch[];
	readonly queryParams: readonly NamedMatch[];
	readonly method?: string;
}

/** Changes to a header list, in the order set, add, remove. */
export interface HeaderFilter {
	readonly set: readonly (readonly [name: string, value: string])[];
	readonly add: readonly (readonly [name: string, value: string])[];
	readonly remove: readonly string[];
}

export type PathRewrite =
	| { readonly kind: "full"; readonly value: string }
	| { readonly kind: "prefix"; readonly value: string };

export interface Redirect {
	readonly scheme?: "http" | "https";
	readonly hostname?: string;
	readonly port?: number;
	readonly path?: PathRewrite;
	/** 301, 302, 303, 307 or 308; 302 by default. */
	readonly statusCode: number;
}

export interface BackendRef {
	readonly service: ObjectName;
	readonly port?: number;
	/** Share among the backends of the rule; 1 by default, 0 gets nothing. */
	readonly weight: number;
	readonly requestHeaders?: HeaderFilter;
	readonly responseHeaders?: HeaderFilter;
}

export interface RouteRetry {
	readonly codes: readonly number[];
	readonly attempts: number;
	readonly backoffMs?: number;
}

export interface RouteRule {
	readonly name?: string;
	/** At least one; a rule without matches in the document has the match of prefix `/`. */
	readonly matches: readonly RouteMatch[];
	readonly backends: readonly BackendRef[];
	readonly requestHeaders?: HeaderFilter;
	readonly responseHeaders?: HeaderFilter;
	readonly redirect?: Redirect;
	readonly rewrite?: { readonly hostname?: string; readonly path?: PathRewrite };
	/** 0 disables; undefined leaves the default. */
	readonly timeoutMs?: number;
	readonly backendTimeoutMs?: number;
	readonly retry?: RouteRetry;
	/** Field path of the rule in its document, for explanations. */
	readonly path: string;
}

/** An HTTPRoute of the Gateway API with Service parents (GAMMA). */
export interface HttpRoute extends ObjectName {
	readonly parents: readonly RouteParent[];
	readonly rules: readonly RouteRule[];
	/** Milliseconds since the epoch; older routes win ties. */
	readonly createdAt: number;
	readonly source: Source;
}

export interface RouteParent {
	readonly service: ObjectName;
	/** Undefined attaches to every HTTP port. */
	readonly port?: number;
}
