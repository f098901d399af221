import type { RouteAction } from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfiguration } from "../../../api/gen/envoy/config/route/v3/route_pb.js";

/** The clusters that routes lead to, mirrors included. */
export function clusterNamesOf({ virtualHosts }: RouteConfiguration): string[] {
	return virtualHosts.flatMap(({ routes }) =>
		routes.flatMap(({ action }) => (action.case === "route" ? namesOf(action.value) : [])),
	);
}

function namesOf({ clusterSpecifier, requestMirrorPolicies }: RouteAction): string[] {
	const mirrors = requestMirrorPolicies.map(({ cluster }) => cluster);
	if (clusterSpecifier.case === "cluster") return [clusterSpecifier.value, ...mirrors];
	if (clusterSpecifier.case !== "weightedClusters") return mirrors;
	return [...clusterSpecifier.value.clusters.map(({ name }) => name), ...mirrors];
}
