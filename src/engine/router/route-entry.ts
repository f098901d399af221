import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import type { Metadata } from "../matcher/metadata.ts";
import type { RateLimitPolicy } from "../rate-limit/policy.ts";
import { createHeaderOperations, type HeaderOperations } from "./header-operations.ts";
import type {
	DirectResponseConfig,
	FilterConfigs,
	ForwardConfig,
	HeaderMutations,
	PathMatch,
	PerRouteFilterConfig,
	RedirectConfig,
	RouteConfig,
	RouteTableConfig,
	VirtualHostConfig,
	WeightedClusterConfig,
} from "./route-config.ts";

/** The decision for a request: one object per route (and per cluster of a weighted route), made once and shared by all requests,
 *  with everything inherited from the virtual host and the table already in it. */
export interface RouteEntry {
	/** Empty when the route has none. */
	readonly name: string;
	readonly virtualHostName: string;
	readonly metadata: Metadata;
	readonly action: ForwardAction | RedirectAction | DirectResponseConfig | { readonly kind: "non-forwarding" };
	/** Whether `prepareRequest` has anything to do. */
	readonly changesRequest: boolean;
	/** Operations of all levels in Envoy's order. */
	readonly requestHeaders: HeaderOperations;
	readonly responseHeaders: HeaderOperations;
	/** The most specific config of each filter: cluster weight, route, virtual host, table. */
	readonly filterConfigs: FilterConfigs;
	/** The same by level, from the least specific one on, for filters whose configs add up; levels without any are left out. */
	readonly filterConfigLevels: readonly FilterConfigs[];
	readonly decoratorOperation: string;
	readonly decoratorPropagate: boolean;
	/** -1 when the listener's buffer limit holds. */
	readonly requestBufferLimitBytes: number;
	readonly includeRequestAttemptCount: boolean;
	readonly includeAttemptCountInResponse: boolean;
	readonly includeIsTimeoutRetryHeader: boolean;
	/** `vhost.<virtual host>.route.<prefix>.`; empty when the route keeps no statistics. */
	readonly statPrefix: string;
	/** Those of the virtual host; the route's own are in its action. */
	readonly virtualHostRateLimits: readonly RateLimitPolicy[];
}

/** A forward action with its cluster picked and its policies resolved. */
export interface ForwardAction extends Omit<ForwardConfig, "cluster"> {
	/** `header` names the request header that carries the cluster's name. */
	readonly cluster:
		| { readonly kind: "name"; readonly name: string }
		| { readonly kind: "header"; readonly header: string };
	readonly pathMatch: PathMatch;
	/** The host a weighted cluster gives the request before anything else happens to it; empty when it gives none. */
	readonly clusterHost: string;
}

export interface RedirectAction extends RedirectConfig {
	readonly pathMatch: PathMatch;
}

/** A compiled route configuration: one per version, shared by all connections. */
export interface RouteTable {
	readonly name: string;
	/** Headers that requests from outside may not have; lower case. */
	readonly internalOnlyHeaders: readonly string[];
	/** The first route of the virtual host that takes the request; undefined answers 404. `random` lies in [0, 1) and drives
	 *  runtime fractions and weighted clusters: the same number gives the same decision. */
	match(request: RequestHead, stream: StreamInfo, random: number): RouteEntry | undefined;
	/** The virtual cluster of a request for statistics; empty when none matches. */
	matchVirtualCluster(request: RequestHead, entry: RouteEntry): string;
	/** Names of every cluster that the table names. */
	readonly clusterNames: ReadonlySet<string>;
}

/** Builds the entry of a route, of one of its weighted clusters when given. */
export function createRouteEntry(
	table: RouteTableConfig,
	host: VirtualHostConfig,
	route: RouteConfig,
	weighted: WeightedClusterConfig | undefined,
): RouteEntry {
	const shared = [route.headers, host.headers, table.headers];
	if (table.mostSpecificHeaderMutationsWins) shared.reverse();
	// A weighted cluster's operations come first in either order.
	const levels = weighted === undefined ? shared : [weighted.headers, ...shared];
	const operations = createLevelOperations(levels);
	const action = resolveAction(table, host, route, weighted);
	const configured = [table.filterConfigs, host.filterConfigs, route.filterConfigs, weighted?.filterConfigs];
	const filterConfigLevels = configured.filter((level) => level !== undefined && level.size > 0) as FilterConfigs[];
	return Object.freeze({
		name: route.name,
		virtualHostName: host.name,
		metadata: route.metadata,
		action,
		changesRequest: !operations.requestHeaders.isEmpty || (action.kind === "forward" && rewrites(action)),
		...operations,
		filterConfigs: mergeFilterConfigs(filterConfigLevels),
		filterConfigLevels,
		decoratorOperation: route.decoratorOperation,
		decoratorPropagate: route.decoratorPropagate,
		requestBufferLimitBytes:
			route.requestBufferLimitBytes === -1 ? host.requestBufferLimitBytes : route.requestBufferLimitBytes,
		includeRequestAttemptCount: host.includeRequestAttemptCount,
		includeAttemptCountInResponse: host.includeAttemptCountInResponse,
		includeIsTimeoutRetryHeader: host.includeIsTimeoutRetryHeader,
		statPrefix: route.statPrefix === "" ? "" : `vhost.${host.name}.route.${route.statPrefix}.`,
		virtualHostRateLimits: host.rateLimits,
	});
}

/** The answer to plain-text requests of a virtual host that requires TLS. */
export function createTlsRedirectEntry(table: RouteTableConfig, host: VirtualHostConfig): RouteEntry {
	const route: RouteConfig = {
		name: "",
		match: {
			path: { kind: "prefix", value: "", ignoreCase: false },
			runtimeFraction: undefined,
			headers: [],
			queryParameters: [],
			grpc: false,
			tls: undefined,
			dynamicMetadata: [],
			cookies: [],
			filterState: [],
		},
		action: {
			kind: "redirect",
			status: 301,
			scheme: "https",
			https: false,
			keepsHost: true,
			host: "",
			port: 0,
			path: undefined,
			stripQuery: false,
		},
		metadata: {},
		decoratorOperation: "",
		decoratorPropagate: true,
		headers: noHeaderMutations,
		requestBufferLimitBytes: -1,
		statPrefix: "",
		filterConfigs: new Map(),
	};
	const bare = { ...host, headers: noHeaderMutations };
	return createRouteEntry({ ...table, headers: noHeaderMutations }, bare, route, undefined);
}

/** A level without operations. */
export const noHeaderMutations: HeaderMutations = Object.freeze({
	requestAdd: [],
	requestRemove: [],
	responseAdd: [],
	responseRemove: [],
});

function createLevelOperations(
	levels: readonly HeaderMutations[],
): Pick<RouteEntry, "requestHeaders" | "responseHeaders"> {
	return {
		requestHeaders: createHeaderOperations(
			levels.map((level) => ({ add: level.requestAdd, remove: level.requestRemove })),
		),
		responseHeaders: createHeaderOperations(
			levels.map((level) => ({ add: level.responseAdd, remove: level.responseRemove })),
		),
	};
}

/** The most specific word on every filter. One that only turns its filter on leaves the config of the levels above in force, as in
 *  Envoy. */
function mergeFilterConfigs(levels: readonly FilterConfigs[]): FilterConfigs {
	const merged = new Map<string, PerRouteFilterConfig>();
	const held = new Map<string, PerRouteFilterConfig>();
	for (const level of levels) {
		for (const [name, config] of level) {
			if (config.kind !== "enabled" && config.kind !== "disabled") held.set(name, config);
			merged.set(name, config.kind === "enabled" ? (held.get(name) ?? config) : config);
		}
	}
	return merged;
}

function resolveAction(
	table: RouteTableConfig,
	host: VirtualHostConfig,
	route: RouteConfig,
	weighted: WeightedClusterConfig | undefined,
): RouteEntry["action"] {
	const { action } = route;
	if (action.kind === "redirect") return { ...action, pathMatch: route.match.path };
	if (action.kind !== "forward") return action;
	const mirrors = [action.mirrorPolicies, host.mirrorPolicies, table.mirrorPolicies].find(
		(policies) => policies.length > 0,
	);
	return {
		...action,
		cluster: resolveCluster(action, weighted),
		metadataMatch:
			weighted?.metadataMatch === undefined
				? action.metadataMatch
				: { ...action.metadataMatch, ...weighted.metadataMatch },
		clusterHost: weighted?.hostRewriteLiteral ?? "",
		retryPolicy: action.retryPolicy ?? host.retryPolicy,
		hedgePolicy: action.hedgePolicy ?? host.hedgePolicy,
		mirrorPolicies: mirrors ?? [],
		pathMatch: route.match.path,
	};
}

function rewrites(action: ForwardAction): boolean {
	return action.hostRewrite !== undefined || action.pathRewrite !== undefined || action.clusterHost !== "";
}

function resolveCluster(action: ForwardConfig, weighted: WeightedClusterConfig | undefined): ForwardAction["cluster"] {
	if (weighted !== undefined) {
		return weighted.name === ""
			? { kind: "header", header: weighted.clusterHeader }
			: { kind: "name", name: weighted.name };
	}
	return action.cluster.kind === "weighted" ? { kind: "name", name: "" } : action.cluster;
}
