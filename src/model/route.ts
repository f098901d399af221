import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** How a string in a request is compared. */
export type StringMatch =
	| { readonly kind: "exact"; readonly value: string }
	| { readonly kind: "prefix"; readonly value: string }
	| { readonly kind: "regex"; readonly value: string };

/** How a path is compared. `prefix` compares whole segments (PathPrefix of the Gateway API), `startsWith` text (Istio's prefix). */
export type PathMatch =
	| (StringMatch & { readonly ignoresCase?: boolean })
	| { readonly kind: "startsWith"; readonly value: string; readonly ignoresCase?: boolean };

/** A condition on a header or a query parameter. */
export interface NamedMatch {
	/** In lower case for headers; `:method`, `:authority` and `:scheme` are headers too. */
	readonly name: string;
	/** `present` asks only that it is there. */
	readonly value: StringMatch | { readonly kind: "present" };
	/** Holds when the condition does not, absence included (Istio's `withoutHeaders`). */
	readonly isNegated?: boolean;
}

/** A condition on a claim of the request's good token: a text, or one of a list of texts. */
export interface ClaimMatch {
	/** Names of the claim, the outermost first. */
	readonly path: readonly string[];
	readonly value: StringMatch;
	/** Holds when the condition does not, absence included. */
	readonly isNegated?: boolean;
}

/** One match of a route rule: every condition must hold. */
export interface RouteMatch {
	readonly name?: string;
	readonly path: PathMatch;
	readonly headers: readonly NamedMatch[];
	readonly queryParams: readonly NamedMatch[];
	readonly method?: string;
	readonly claims?: readonly ClaimMatch[];
	/** Who and where it is for; undefined is for everyone. */
	readonly scope?: MatchScope;
	readonly statPrefix?: string;
}

/** Which clients and listeners a match of a VirtualService is for. */
export interface MatchScope {
	/** Port of the request. */
	readonly port?: number;
	/** Labels of the client's workload. */
	readonly sourceLabels?: Labels;
	/** Namespace of the client's workload. */
	readonly sourceNamespace?: string;
	/** Instead of the rule's own gateways, `mesh` or `namespace/name`; without effect on the source conditions when absent. */
	readonly gateways?: readonly string[];
}

/** Changes to a header list, in the order set, add, remove. */
export interface HeaderFilter {
	readonly set: readonly (readonly [name: string, value: string])[];
	readonly add: readonly (readonly [name: string, value: string])[];
	readonly remove: readonly string[];
	/** The values are formats with Envoy's `%…%` operators, as Istio has them; plain text when absent. */
	readonly isFormat?: boolean;
}

/** What becomes of the path: `prefix` replaces whole segments, `startsWith` the text that matched (Istio's `uri`), `regex` what the
 *  expression finds, with `\1` in the substitution. */
export type PathRewrite =
	| { readonly kind: "full"; readonly value: string }
	| { readonly kind: "prefix"; readonly value: string }
	| { readonly kind: "startsWith"; readonly value: string }
	| { readonly kind: "regex"; readonly pattern: string; readonly substitution: string };

export interface Redirect {
	readonly scheme?: string;
	readonly hostname?: string;
	/** Undefined: the scheme's own, or the listener's (Gateway API). `request`: the listener's. `unchanged`: Envoy decides (Istio). */
	readonly port?: number | "request" | "unchanged";
	readonly path?: PathRewrite;
	/** 301, 302, 303, 307 or 308; 302 by default, 301 in a VirtualService. */
	readonly statusCode: number;
}

/** An answer without a backend. */
export interface DirectResponse {
	readonly status: number;
	readonly body?: Uint8Array | string;
}

/** What a rule sends requests to: a Service by name, any service of the mesh by its full host, or nothing that may be used, whose share
 *  is answered with 500 (Gateway API). */
export type Destination =
	| { readonly kind: "service"; readonly service: ObjectName }
	| { readonly kind: "host"; readonly host: string }
	| { readonly kind: "unusable"; readonly reason: string };

export interface BackendRef {
	readonly destination: Destination;
	/** Subset of a DestinationRule. */
	readonly subset?: string;
	readonly port?: number;
	/** Share among the backends of the rule; 1 by default, 0 gets nothing. */
	readonly weight: number;
	readonly requestHeaders?: HeaderFilter;
	readonly responseHeaders?: HeaderFilter;
	/** Host that this backend sees. */
	readonly hostname?: string;
	/** What becomes of its share of the requests beside changes of headers: in place of what the rule says, mirrors beside the rule's. */
	readonly filters?: FilterActions;
}

/** What filters do beside changing headers. */
export type FilterActions = Pick<
	RouteRule,
	"redirect" | "rewrite" | "cors" | "mirrors" | "directResponse" | "externalAuth"
>;

export interface RouteRetry {
	readonly codes: readonly number[];
	readonly attempts: number;
	readonly backoffMs?: number;
	/** Istio's `retryOn`, in its words; with it (or `default`) the rule retries as Istio does. */
	readonly on?: readonly string[] | "default";
	/** May try other localities; Istio's `retryRemoteLocalities`. */
	readonly triesRemoteLocalities?: boolean;
	/** False tries the same endpoint again; Istio's `retryIgnorePreviousHosts`. */
	readonly avoidsTriedHosts?: boolean;
}

/** A share of requests, 0 to 100. */
export type Percent = number;

/** A copy of requests whose answers are dropped. */
export interface Mirror {
	readonly destination: Destination;
	readonly subset?: string;
	readonly port?: number;
	readonly percent: Percent;
}

/** Faults made on purpose. */
export interface Fault {
	readonly delay?: { readonly durationMs: number; readonly percent: Percent };
	readonly abort?: { readonly percent: Percent } & ({ readonly httpStatus: number } | { readonly grpcStatus: number });
}

/** Cross-origin resource sharing. */
export interface Cors {
	readonly allowOrigins: readonly StringMatch[];
	readonly allowMethods: readonly string[];
	readonly allowHeaders: readonly string[];
	readonly exposeHeaders: readonly string[];
	readonly maxAgeMs?: number;
	readonly allowCredentials?: boolean;
	/** Preflights of other origins reach the backend; true by default. */
	readonly forwardsUnmatchedPreflights?: boolean;
}

/** A service that is asked whether requests may pass (Gateway API, GEP-1494); who does not answer refuses. */
export interface ExternalAuth {
	readonly destination: Destination;
	readonly port?: number;
	readonly protocol:
		| {
				readonly kind: "grpc";
				/** Headers of the request that it sees, in lower case; all when empty. */
				readonly allowedHeaders: readonly string[];
		  }
		| {
				readonly kind: "http";
				/** Stands before the path of the request that it is asked about. */
				readonly pathPrefix: string;
				/** Headers that it sees beside those that it always sees. */
				readonly allowedHeaders: readonly string[];
				/** Headers of its answer that the backend sees; all when empty. */
				readonly allowedResponseHeaders: readonly string[];
		  };
	/** The longest body that it is shown, and that may pass; it sees none when undefined. */
	readonly maxBodyBytes?: number;
}

/** How a client stays with the backend that it had (Gateway API, GEP-1619): by a cookie or a header that names it. */
export type SessionPersistence =
	| {
			readonly kind: "cookie";
			/** One made of the route and the rule when undefined. */
			readonly name?: string;
			/** How long clients keep it; as long as they run when undefined. */
			readonly ttlMs?: number;
	  }
	| { readonly kind: "header"; readonly name?: string };

/** One rule of an HTTPRoute, a GRPCRoute or the `http` of a VirtualService. */
export interface RouteRule {
	readonly name?: string;
	/** Limits that policies attach to it, `namespace/policy/limit`, and `…/keys` and `…/cap` for the filters beside that of one that all proxies
	 *  share. */
	readonly rateLimits?: readonly string[];
	/** At least one; a rule without matches in the document has the match of prefix `/`. */
	readonly matches: readonly RouteMatch[];
	readonly backends: readonly BackendRef[];
	readonly requestHeaders?: HeaderFilter;
	readonly responseHeaders?: HeaderFilter;
	readonly redirect?: Redirect;
	readonly directResponse?: DirectResponse;
	readonly rewrite?: { readonly hostname?: string; readonly path?: PathRewrite };
	/** 0 disables; undefined leaves the default. */
	readonly timeoutMs?: number;
	/** Bound of one try. */
	readonly backendTimeoutMs?: number;
	readonly retry?: RouteRetry;
	readonly mirrors?: readonly Mirror[];
	readonly fault?: Fault;
	readonly cors?: Cors;
	readonly externalAuth?: ExternalAuth;
	readonly sessionPersistence?: SessionPersistence;
	/** Field path of the rule in its document, for explanations. */
	readonly path: string;
	/** The delegate whose rule it is, where another VirtualService delegates to it. */
	readonly definedBy?: ObjectName;
}

/** One match of a rule about connections. */
export interface StreamMatch {
	/** Server names of TLS, `*.suffix` allowed; empty matches any connection. */
	readonly sniHosts: readonly string[];
	/** Destination addresses in CIDR form; empty is any. */
	readonly destinationSubnets: readonly string[];
	readonly scope?: MatchScope;
}

/** One rule of a TCPRoute, a TLSRoute or of `tcp` and `tls` of a VirtualService. */
export interface StreamRule {
	readonly name?: string;
	/** Empty matches everything. */
	readonly matches: readonly StreamMatch[];
	readonly backends: readonly BackendRef[];
	readonly path: string;
}

/** `networking.istio.io/v1` VirtualService; delegates are merged in. */
export interface VirtualService extends ObjectName {
	/** Lower case; short names are completed in the object's namespace. */
	readonly hosts: readonly string[];
	/** `mesh` or `namespace/name`; `mesh` alone by default. */
	readonly gateways: readonly string[];
	/** Namespaces that see it, `.` and `*` allowed; undefined is all. */
	readonly exportTo?: readonly string[];
	readonly http: readonly RouteRule[];
	readonly tls: readonly StreamRule[];
	readonly tcp: readonly StreamRule[];
	readonly createdAt: number;
	readonly source: Source;
}
