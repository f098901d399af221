/** From a request to a route: virtual hosts, matches, redirects, rewrites, header operations, hash keys.
 *  Spec: envoy.config.route.v3. */
export type { HeaderLevel, HeaderOperations } from "./header-operations.ts";
export type {
	ClusterSpecifier,
	DirectResponseConfig,
	FilterConfigs,
	ForwardConfig,
	HashPolicy,
	HeaderAddition,
	HeaderMutations,
	HedgePolicy,
	HostRewrite,
	InternalRedirectPolicy,
	InternalRedirectPredicate,
	MirrorPolicy,
	PathMatch,
	PathRewrite,
	PerRouteFilterConfig,
	RedirectConfig,
	RouteActionConfig,
	RouteConfig,
	RouteMatch,
	RouteTableConfig,
	UpgradePolicy,
	VirtualCluster,
	VirtualHostConfig,
	WeightedClusterConfig,
} from "./route-config.ts";
export type { ForwardAction, RouteEntry, RouteTable } from "./route-entry.ts";
