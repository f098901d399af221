/** Type URLs of the resources that discovery carries. */
export const clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
export const endpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
export const listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener";
export const routeType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
export const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
export const extensionType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
export const scopedRouteType = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration";
export const runtimeType = "type.googleapis.com/envoy.service.runtime.v3.Runtime";

/** Types whose state-of-the-world response is the full set: what is absent is deleted. An empty first subscription means all. */
export function isFullSetType(typeUrl: string): boolean {
	return typeUrl === clusterType || typeUrl === listenerType || typeUrl === scopedRouteType;
}

/** Make-before-break: a type is sent before those that refer to it. Types not listed come last. */
const sendOrder: readonly string[] = [runtimeType, clusterType, endpointType, secretType, listenerType, routeType];

/** The rank of a type in a push: lower is sent first. */
export function sendRank(typeUrl: string): number {
	const rank = sendOrder.indexOf(typeUrl);
	return rank === -1 ? sendOrder.length : rank;
}

/** The last part of a type URL, for logs and tables: `Cluster`. */
export function shortTypeName(typeUrl: string): string {
	return typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
}
