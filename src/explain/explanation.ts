import type { ObjectRef } from "../control/provenance/index.ts";

/** A call to simulate. */
export interface Query {
	/** `web`, `shop/web` or `web.shop`: a workload, one of its instances, a Service's instances, or a Gateway; `outside` for a client
	 *  without a proxy. */
	readonly from: string;
	/** The host as the client writes it, with or without a port. */
	readonly to: string;
	/** Port of the service; the host's own, else the first one of the service by default. */
	readonly port?: number;
	/** `TCP` for a connection about which nothing else is known; `GET` by default. */
	readonly method?: string;
	/** With query; `/` by default. */
	readonly path?: string;
	readonly headers?: readonly (readonly [name: string, value: string])[];
	/** Claims of a token that counts as verified; `iss` chooses the provider. */
	readonly claims?: Readonly<Record<string, unknown>>;
	/** The client speaks TLS itself, with this server name. */
	readonly serverName?: string;
	/** SPIFFE ID of the client in place of that of its workload. */
	readonly identity?: string;
	/** Address of the client in place of that of its instance. */
	readonly sourceAddress?: string;
	/** Address that the client connects to in place of that of the service. */
	readonly address?: string;
	/** The request goes to the HTTP proxy of a sidecar with captured traffic. */
	readonly viaHttpProxy?: boolean;
	/** What external authorization services answer; they are believed to allow by default. */
	readonly external?: "allow" | "deny";
}

/** `reached`: an application gets it. `answered`: a rule answers itself (redirect, direct response, injected fault, preflight). `denied`: a policy, a
 *  missing token or mutual TLS forbids it. `unroutable`: it leads nowhere. */
export type Outcome = "reached" | "answered" | "denied" | "unroutable";

/** Where a call ends, and why. */
export interface Ending {
	readonly outcome: Outcome;
	/** One sentence: what happens and why. */
	readonly summary: string;
	/** What the client gets when no application answers; 0 where that is a closed connection. */
	readonly status?: number;
	/** Envoy's short response flags. */
	readonly flags?: string;
	/** Which object to change, and how. */
	readonly fix?: string;
	/** The objects that decided, the most important one first. */
	readonly because: readonly ObjectRef[];
}

/** A simulated call, from its source to its ends. */
export interface Explanation extends Ending {
	readonly query: Query;
	readonly source: PartyExplanation;
	readonly target: TargetExplanation;
	/** What the source's proxy does; absent for a client without one. */
	readonly outbound?: HopExplanation;
	/** By share: one for each cluster that may get the call. */
	readonly destinations: readonly DestinationExplanation[];
}

export interface PartyExplanation {
	/** `sidecar shop/web-0`, `gateway edge/kgw`, `outside`. */
	readonly description: string;
	readonly kind: "sidecar" | "gateway" | "none";
	/** SPIFFE ID; absent without one. */
	readonly identity?: string;
	readonly object?: ObjectRef;
}

export interface TargetExplanation {
	readonly host: string;
	readonly port: number;
	/** Address that the client connects to. */
	readonly address: string;
	readonly object?: ObjectRef;
}

/** What one proxy does with a call. */
export interface HopExplanation {
	/** `namespace/name` of the instance. */
	readonly proxy: string;
	readonly listener: string;
	readonly filterChain: string;
	/** Where the chain ends TLS: what it asks of the client. */
	readonly tls?: string;
	readonly policies: readonly PolicyExplanation[];
	readonly tokens?: TokenExplanation;
	readonly http?: HttpExplanation;
	/** Of a chain that passes bytes on. */
	readonly tcp?: { readonly clusters: readonly { readonly cluster: string; readonly percent: number }[] };
	/** Anything else that the filters may do. */
	readonly notes: readonly string[];
}

export interface HttpExplanation {
	/** Name of the route configuration; the inbound one is inline. */
	readonly routeConfiguration: string;
	/** The path after normalisation, where it is another one. */
	readonly normalizedPath?: string;
	readonly virtualHost?: string;
	readonly route?: RouteExplanation;
	/** Routes before the one that matched, and why they did not. */
	readonly passedOver: readonly RouteMiss[];
}

export interface RouteMiss {
	readonly name: string;
	readonly object?: ObjectRef;
	/** Conditions that did not hold. */
	readonly failed: readonly string[];
}

export interface RouteExplanation {
	readonly name: string;
	readonly object?: ObjectRef;
	/** What it matches, for people. */
	readonly match: string;
	readonly action: "forward" | "redirect" | "direct-response" | "other";
	readonly status?: number;
	/** Of a redirect. */
	readonly location?: string;
	readonly body?: string;
	readonly weights: readonly { readonly cluster: string; readonly percent: number }[];
	/** The request after rewrites, of the first cluster. */
	readonly rewritten?: { readonly path?: string; readonly host?: string };
	/** `set x: 1`, `remove y`, as the request or the response is changed. */
	readonly requestHeaders: readonly string[];
	readonly responseHeaders: readonly string[];
	/** 0 for none. */
	readonly timeoutMs?: number;
	readonly retries?: { readonly attempts: number; readonly on: readonly string[]; readonly perTryTimeoutMs?: number };
	readonly faults: readonly string[];
	readonly mirrors: readonly { readonly cluster: string; readonly percent: number }[];
}

export interface PolicyExplanation {
	readonly action: "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";
	readonly isDryRun: boolean;
	readonly verdict: "allowed" | "denied" | "no match" | "matched";
	/** The rule that decided. */
	readonly object?: ObjectRef;
	/** Its name in access logs and headers. */
	readonly policy?: string;
	/** Rules that were tried, and the conditions that failed. */
	readonly rules: readonly {
		readonly policy: string;
		readonly object?: ObjectRef;
		readonly failed: readonly string[];
	}[];
}

export interface TokenExplanation {
	/** `OK`, or what Envoy says is wrong. */
	readonly status: string;
	/** What was required. */
	readonly requirement: string;
	readonly issuers: readonly string[];
	readonly objects: readonly ObjectRef[];
	/** Keys that lie elsewhere could not be asked for. */
	readonly isSignatureUnchecked?: boolean;
}

export interface DestinationExplanation extends Ending {
	readonly percent: number;
	readonly cluster: string;
	/** The Service and the DestinationRules of the cluster. */
	readonly objects: readonly ObjectRef[];
	/** How endpoints are found: `eds`, `strict-dns`, … */
	readonly discovery?: string;
	readonly endpoints: readonly EndpointExplanation[];
	/** Per workload behind the endpoints. */
	readonly workloads: readonly WorkloadExplanation[];
}

export interface EndpointExplanation {
	readonly address: string;
	readonly health: string;
	/** `region/zone/sub-zone`; empty when unknown. */
	readonly locality: string;
	readonly priority: number;
	readonly weight: number;
	/** Percent of the calls; 0 for one that gets none. */
	readonly share: number;
	/** `namespace/name`. */
	readonly instance?: string;
}

/** What happens where the endpoints of one workload are. */
export interface WorkloadExplanation extends Ending {
	readonly workload: string;
	readonly instance?: string;
	readonly tls: TransportExplanation;
	/** Absent where there is no proxy in front of the application. */
	readonly inbound?: HopExplanation;
}

export interface TransportExplanation {
	readonly mode: "plain text" | "TLS" | "mutual TLS";
	readonly serverName?: string;
	/** Names that the server must have one of. */
	readonly expected: readonly string[];
	/** Mode of the server, from PeerAuthentication. */
	readonly serverMode?: string;
	readonly objects: readonly ObjectRef[];
}
