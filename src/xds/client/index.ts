/** Discovery, client side: one management server's stream, aggregated or of one type, with its subscriptions.
 *  Knows versions, nonces, ACK and NACK, reconnection; does not know what a resource means.
 *  Spec: xDS transport protocol v3, state of the world and delta. */

export { hashBytes } from "../resource/resource.ts";
export {
	clusterType,
	endpointType,
	extensionType,
	listenerType,
	routeType,
	runtimeType,
	scopedRouteType,
	secretType,
} from "../resource/type-urls.ts";
export type { ClientVariant, ReceivedResource, RefusedResource, ResourceUpdate } from "./client-state.ts";
export { type NamedBytes, unwrapResource } from "./codec.ts";
export { serviceOfType, type XdsService, type XdsTarget, type XdsTls } from "./discovery-stream.ts";
export { createXdsClient, type XdsClient, type XdsClientOptions, type XdsConsumer } from "./xds-client.ts";
