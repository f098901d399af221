import type { Formatter } from "../format/formatter.ts";
import type { BodyFormat } from "../local-reply/types.ts";
import type { Metadata } from "../matcher/metadata.ts";
import type {
	HeaderMatcher,
	MetadataCriteria,
	MetadataMatcher,
	QueryParameterMatcher,
	StringMatcher,
} from "../matcher/types.ts";
import type { RateLimitPolicy } from "../rate-limit/policy.ts";
import type { RetryPolicy } from "../retry/retry-policy.ts";
import type { RuntimeFraction } from "../runtime/runtime.ts";

/** A route configuration (`envoy.config.route.v3.RouteConfiguration`), validated. */
export interface RouteTableConfig {
	readonly name: string;
	readonly virtualHosts: readonly VirtualHostConfig[];
	readonly ignorePortInHostMatching: boolean;
	readonly ignorePathParameters: boolean;
	/** Header that names the virtual host in place of the request's host, lower case; empty for none. */
	readonly virtualHostHeader: string;
	/** Order in which the levels of header operations run: false runs route, virtual host, table; true the reverse. Those of a weighted
	 *  cluster run before them. */
	readonly mostSpecificHeaderMutationsWins: boolean;
	readonly internalOnlyHeaders: readonly string[];
	readonly headers: HeaderMutations;
	readonly mirrorPolicies: readonly MirrorPolicy[];
	readonly filterConfigs: FilterConfigs;
	readonly metadata: Metadata;
}

/** `typed_per_filter_config` by filter name. What a config is only the filter of that kind knows; `disabled` turns it off. */
export type FilterConfigs = ReadonlyMap<string, PerRouteFilterConfig>;
export interface PerRouteFilterConfig {
	readonly kind: string;
}

export interface VirtualHostConfig {
	readonly name: string;
	/** As written: exact, `*suffix`, `prefix*` or `*`. */
	readonly domains: readonly string[];
	readonly routes: readonly RouteConfig[];
	readonly requireTls: "none" | "external-only" | "all";
	readonly virtualClusters: readonly VirtualCluster[];
	readonly headers: HeaderMutations;
	readonly includeRequestAttemptCount: boolean;
	readonly includeAttemptCountInResponse: boolean;
	readonly includeIsTimeoutRetryHeader: boolean;
	readonly retryPolicy: RetryPolicy | undefined;
	readonly hedgePolicy: HedgePolicy | undefined;
	readonly mirrorPolicies: readonly MirrorPolicy[];
	/** -1 when the listener's buffer limit holds. */
	readonly requestBufferLimitBytes: number;
	readonly filterConfigs: FilterConfigs;
	readonly metadata: Metadata;
	readonly rateLimits: readonly RateLimitPolicy[];
}

/** A named share of a virtual host's requests, for statistics. */
export interface VirtualCluster {
	readonly name: string;
	readonly headers: readonly HeaderMatcher[];
}

export interface RouteConfig {
	readonly name: string;
	readonly match: RouteMatch;
	readonly action: RouteActionConfig;
	readonly metadata: Metadata;
	/** The operation of the span; empty when none. */
	readonly decoratorOperation: string;
	readonly decoratorPropagate: boolean;
	readonly headers: HeaderMutations;
	readonly requestBufferLimitBytes: number;
	/** Name below `vhost.<name>.route.`; empty when the route keeps no statistics. */
	readonly statPrefix: string;
	readonly filterConfigs: FilterConfigs;
}

export interface RouteMatch {
	readonly path: PathMatch;
	readonly runtimeFraction: RuntimeFraction | undefined;
	readonly headers: readonly HeaderMatcher[];
	readonly queryParameters: readonly QueryParameterMatcher[];
	readonly grpc: boolean;
	readonly tls: { readonly presented: boolean | undefined; readonly validated: boolean | undefined } | undefined;
	readonly dynamicMetadata: readonly MetadataMatcher[];
	readonly cookies: readonly CookieMatcher[];
	/** Objects of the filter state that must be there, as text. */
	readonly filterState: readonly { readonly key: string; readonly matcher: StringMatcher }[];
}

/** `envoy.config.route.v3.CookieMatcher`. */
export interface CookieMatcher {
	readonly name: string;
	readonly matcher: StringMatcher;
	readonly invert: boolean;
}

/** Paths that ignore case are stored in lower case. */
export type PathMatch =
	| { readonly kind: "prefix"; readonly value: string; readonly ignoreCase: boolean }
	| { readonly kind: "exact"; readonly value: string; readonly ignoreCase: boolean }
	/** `/a` matches `/a`, `/a/` and `/a/b`, not `/ab`. */
	| { readonly kind: "separated-prefix"; readonly value: string; readonly ignoreCase: boolean }
	/** Anchored on both sides; sees the path without query. */
	| { readonly kind: "regex"; readonly regex: RegExp }
	/** CONNECT requests only. */
	| { readonly kind: "connect" }
	/** `envoy.path.match.uri_template`. */
	| { readonly kind: "template"; readonly regex: RegExp };

export type RouteActionConfig =
	| ForwardConfig
	| RedirectConfig
	| DirectResponseConfig
	| { readonly kind: "non-forwarding" };

export interface ForwardConfig {
	readonly kind: "forward";
	readonly cluster: ClusterSpecifier;
	/** 503, 404 or 500. */
	readonly clusterNotFoundStatus: number;
	/** `envoy.lb` keys a host must have; undefined when there are none. */
	readonly metadataMatch: MetadataCriteria | undefined;
	readonly pathRewrite: PathRewrite | undefined;
	readonly hostRewrite: HostRewrite | undefined;
	readonly appendXForwardedHost: boolean;
	/** 0 turns it off; 15 000 by default. */
	readonly timeoutMs: number;
	/** 0 turns it off; undefined leaves the connection manager's stream idle timeout. */
	readonly idleTimeoutMs: number | undefined;
	/** Undefined leaves the connection manager's. 0 turns it off. */
	readonly maxStreamDurationMs: number | undefined;
	/** Upper bound of the `grpc-timeout` header; 0 for no bound; undefined when the header does not matter. */
	readonly grpcTimeoutHeaderMaxMs: number | undefined;
	/** Whether the bound is for calls of gRPC alone: `max_grpc_timeout`, which `grpc_timeout_header_max` stands for. */
	readonly boundsOnlyGrpc?: boolean;
	readonly grpcTimeoutHeaderOffsetMs: number;
	/** Undefined falls back to the virtual host's. */
	readonly retryPolicy: RetryPolicy | undefined;
	readonly hedgePolicy: HedgePolicy | undefined;
	readonly mirrorPolicies: readonly MirrorPolicy[];
	readonly priority: "default" | "high";
	readonly hashPolicies: readonly HashPolicy[];
	/** Upgrade type in lower case (`websocket`, `connect`) to what this route says about it. */
	readonly upgrades: ReadonlyMap<string, UpgradePolicy>;
	readonly internalRedirect: InternalRedirectPolicy | undefined;
	readonly rateLimits: readonly RateLimitPolicy[];
	/** Whether the virtual host's policies count beside the route's own, whatever a filter says. */
	readonly includesVirtualHostRateLimits: boolean;
}

export type ClusterSpecifier =
	| { readonly kind: "name"; readonly name: string }
	| { readonly kind: "header"; readonly header: string }
	| {
			readonly kind: "weighted";
			readonly clusters: readonly WeightedClusterConfig[];
			readonly totalWeight: number;
			/** Key prefix of runtime overrides; empty when none. */
			readonly runtimeKeyPrefix: string;
			/** Header whose number picks the cluster; empty for a random pick. */
			readonly randomValueHeader: string;
			/** Whether the route's hash policies pick the cluster. */
			readonly usesHashPolicy: boolean;
	  };

export interface WeightedClusterConfig {
	/** Empty when `clusterHeader` names it. */
	readonly name: string;
	readonly clusterHeader: string;
	readonly weight: number;
	readonly metadataMatch: MetadataCriteria | undefined;
	readonly headers: HeaderMutations;
	readonly hostRewriteLiteral: string;
	readonly filterConfigs: FilterConfigs;
}

export type PathRewrite =
	| { readonly kind: "prefix"; readonly replacement: string }
	| { readonly kind: "regex"; readonly regex: RegExp; readonly substitution: string }
	/** The path again from what the pattern of the template caught: texts, and numbers of groups. */
	| { readonly kind: "template"; readonly regex: RegExp; readonly parts: readonly (string | number)[] }
	| { readonly kind: "format"; readonly value: Formatter };

export type HostRewrite =
	| { readonly kind: "literal"; readonly value: string }
	/** The chosen host's hostname. */
	| { readonly kind: "auto" }
	| { readonly kind: "header"; readonly header: string }
	| { readonly kind: "path-regex"; readonly regex: RegExp; readonly substitution: string }
	| { readonly kind: "format"; readonly value: Formatter };

export interface RedirectConfig {
	readonly kind: "redirect";
	/** 301, 302, 303, 307 or 308. */
	readonly status: number;
	/** Empty keeps the request's. */
	readonly scheme: string;
	/** Whether the scheme came from `https_redirect`. */
	readonly https: boolean;
	/** Whether the request's host stays as it is, its port included (`require_tls`). */
	readonly keepsHost?: boolean;
	/** Empty keeps the request's. */
	readonly host: string;
	/** 0 keeps the request's. */
	readonly port: number;
	readonly path:
		| { readonly kind: "path"; readonly value: string }
		| { readonly kind: "prefix"; readonly replacement: string }
		| { readonly kind: "regex"; readonly regex: RegExp; readonly substitution: string }
		| { readonly kind: "format"; readonly value: Formatter }
		| undefined;
	readonly stripQuery: boolean;
}

export interface DirectResponseConfig {
	readonly kind: "direct-response";
	readonly status: number;
	/** Empty when there is none. */
	readonly body: Uint8Array;
	/** What the body is written by; undefined sends it as it is. */
	readonly bodyFormat: BodyFormat | undefined;
}

/** One change of a list of fields. */
export type HeaderMutationStep =
	| { readonly kind: "append"; readonly addition: HeaderAddition }
	| { readonly kind: "remove"; readonly name: string }
	| { readonly kind: "remove-on-match"; readonly matcher: StringMatcher };

export interface MirrorPolicy {
	/** Empty when `clusterHeader` names it. */
	readonly cluster: string;
	readonly clusterHeader: string;
	readonly fraction: RuntimeFraction | undefined;
	readonly traceSampled: boolean | undefined;
	/** Whether `-shadow` goes behind the host. */
	readonly appendShadowSuffix: boolean;
	/** The host of shadows; empty for the request's. */
	readonly hostRewrite: string;
	/** What shadows have otherwise than the request. */
	readonly headerMutations: readonly HeaderMutationStep[];
}

export type HashPolicy = { readonly terminal: boolean } & (
	| {
			readonly kind: "header";
			readonly name: string;
			readonly regex: RegExp | undefined;
			readonly substitution: string;
	  }
	| {
			readonly kind: "cookie";
			readonly name: string;
			/** Seconds; undefined means that no cookie is made; 0 makes a session cookie. */
			readonly ttlSeconds: number | undefined;
			readonly path: string;
			/** Ready text such as `; SameSite=Strict`. */
			readonly attributes: string;
	  }
	| { readonly kind: "source-ip" }
	| { readonly kind: "query-parameter"; readonly name: string }
	| { readonly kind: "filter-state"; readonly key: string }
);

export interface UpgradePolicy {
	readonly enabled: boolean;
	/** For CONNECT: end the tunnel here and pass its bytes on; `proxyProtocolVersion` 0 for none. */
	readonly connect: { readonly proxyProtocolVersion: 0 | 1 | 2; readonly allowPost: boolean } | undefined;
}

export interface InternalRedirectPolicy {
	readonly maxRedirects: number;
	/** 302 when nothing is listed. */
	readonly statuses: readonly number[];
	readonly allowCrossScheme: boolean;
	readonly responseHeadersToCopy: readonly string[];
	readonly predicates: readonly InternalRedirectPredicate[];
}

export type InternalRedirectPredicate =
	| { readonly kind: "previous-routes" }
	| { readonly kind: "allow-listed-routes"; readonly names: readonly string[] }
	| { readonly kind: "safe-cross-scheme" };

export interface HedgePolicy {
	readonly initialRequests: number;
	readonly onPerTryTimeout: boolean;
}

/** Header operations of one level: removals run before additions. */
export interface HeaderMutations {
	readonly requestAdd: readonly HeaderAddition[];
	readonly requestRemove: readonly string[];
	readonly responseAdd: readonly HeaderAddition[];
	readonly responseRemove: readonly string[];
}

export interface HeaderAddition {
	/** Lower case. */
	readonly name: string;
	readonly value: Formatter;
	readonly action: "append" | "add-if-absent" | "overwrite-or-add" | "overwrite-if-exists";
	/** Add the header even when the value comes out empty. */
	readonly keepEmptyValue: boolean;
}
