import type { Labels, ObjectName } from "./names.ts";
import type { PolicyTarget } from "./policy.ts";
import type { Source } from "./source.ts";

/** What a patch is applied to. */
export type PatchPlace =
	| "LISTENER"
	| "FILTER_CHAIN"
	| "NETWORK_FILTER"
	| "HTTP_FILTER"
	| "LISTENER_FILTER"
	| "ROUTE_CONFIGURATION"
	| "VIRTUAL_HOST"
	| "HTTP_ROUTE"
	| "CLUSTER";

export type PatchContext = "ANY" | "SIDECAR_INBOUND" | "SIDECAR_OUTBOUND" | "GATEWAY";

export type PatchOperation =
	| "MERGE"
	| "MERGE_AND_REPLACE_LIST"
	| "ADD"
	| "REMOVE"
	| "INSERT_BEFORE"
	| "INSERT_AFTER"
	| "INSERT_FIRST"
	| "REPLACE";

/** Which listeners, chains and filters a patch is for; an absent condition holds. */
export interface ListenerPatchMatch {
	readonly name?: string;
	readonly portNumber?: number;
	readonly listenerFilter?: string;
	readonly filterChain?: {
		readonly name?: string;
		readonly sni?: string;
		readonly transportProtocol?: string;
		/** Comma-separated. */
		readonly applicationProtocols?: string;
		readonly destinationPort?: number;
		readonly filter?: { readonly name?: string; readonly subFilter?: { readonly name?: string } };
	};
}

/** Which route configurations, virtual hosts and routes a patch is for. */
export interface RoutePatchMatch {
	readonly name?: string;
	readonly portNumber?: number;
	readonly portName?: string;
	/** `namespace/name` of the Gateway. */
	readonly gateway?: string;
	readonly vhost?: {
		readonly name?: string;
		readonly domainName?: string;
		readonly route?: { readonly name?: string; readonly action: "ANY" | "ROUTE" | "REDIRECT" | "DIRECT_RESPONSE" };
	};
}

/** Which clusters a patch is for. */
export interface ClusterPatchMatch {
	readonly name?: string;
	readonly portNumber?: number;
	/** Full host. */
	readonly service?: string;
	readonly subset?: string;
}

/** One of `configPatches`. */
export interface EnvoyPatch {
	readonly applyTo: PatchPlace;
	readonly context: PatchContext;
	/** Regular expression on the version that the proxy says it has. */
	readonly proxyVersion?: string;
	/** Values that the proxy's metadata must have. */
	readonly proxyMetadata: Readonly<Record<string, string>>;
	readonly listener?: ListenerPatchMatch;
	readonly routeConfiguration?: RoutePatchMatch;
	readonly cluster?: ClusterPatchMatch;
	readonly operation: PatchOperation;
	/** The message, or a part of it, as JSON; undefined for `REMOVE`. */
	readonly value?: unknown;
	/** Field path of the patch in its document. */
	readonly path: string;
}

/** `networking.istio.io/v1alpha3` EnvoyFilter: changes to what proxies are given. */
export interface EnvoyFilter extends ObjectName {
	readonly selector?: Labels;
	readonly targets?: readonly PolicyTarget[];
	/** Lower ones first. */
	readonly priority: number;
	readonly patches: readonly EnvoyPatch[];
	readonly createdAt: number;
	readonly source: Source;
}
