/** Where the proxy's configuration comes from: decides from the bootstrap what to subscribe to (ADS, per-type gRPC, files),
 *  warms what depends on something else, hands it on through the targets declared here, keeps the last good state on disk.
 *  Does not know what a listener does. Spec: Envoy `config_source.proto`, xDS protocol "Resource warming". */
export type { ClusterDiscovery, ClusterQuery, DiscoveryOutcome } from "./cluster-discovery.ts";
export {
	type ConfigSource,
	type ConfigSourceOptions,
	type ConfigSourceState,
	createConfigSource,
} from "./config-source.ts";
export type { AcceptedResource, RefusedVersion, ResourceOrigin } from "./resource-book.ts";
export { describeNode } from "./sources.ts";
export type {
	AssignmentTarget,
	ClusterTarget,
	ConfigTargets,
	ExtensionTarget,
	ListenerTarget,
	PreparedCluster,
	ResourceProblem,
	RouteScopeTarget,
	RouteTarget,
} from "./targets.ts";
export type { Translators } from "./translators.ts";
