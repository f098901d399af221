/** From a request to a route: virtual hosts, matches, redirects, rewrites, header operations, hash keys.
 *  Spec: envoy.config.route.v3. */
export { getCookie, hashRequest } from "./hash.ts";
export {
	createHeaderOperations,
	type HeaderLevel,
	type HeaderOperations,
	noHeaderOperations,
} from "./header-operations.ts";
export { normalizeRequestPath, type PathOptions, type PathOutcome } from "./path-normalization.ts";
export {
	computeRedirect,
	prepareRequest,
	previewHost,
	type RewriteOptions,
	resolveClusterName,
	rewriteHost,
} from "./rewrite.ts";
export type {
	ClusterSpecifier,
	DirectResponseConfig,
	FilterConfigs,
	ForwardConfig,
	HashPolicy,
	HeaderAddition,
	HeaderMutationStep,
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
export {
	type ForwardAction,
	noHeaderMutations,
	type RedirectAction,
	type RouteEntry,
	type RouteTable,
} from "./route-entry.ts";
export { isGrpcRequest, matchRoute } from "./route-match.ts";
export { createRouteTable, withoutPort } from "./route-table.ts";
export { computeScopeKey, type ScopeKeyFragment } from "./scope-key.ts";
export { compileUriRewrite, compileUriTemplate } from "./uri-template.ts";
export { VirtualHostIndex } from "./virtual-host-index.ts";
