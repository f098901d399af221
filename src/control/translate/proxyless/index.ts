/** What stock gRPC clients and servers understand of the mesh: the subset of the Envoy API that gRPC's xDS proposals (A27, A28, A29,
 *  A36, A41, A50) name, under the names that Istio's proxyless gRPC uses. What gRPC would refuse or pass over is put in its words. */
export { translateClientListener } from "./client-listener.ts";
export { translateProxylessCluster, translateUnusableCluster } from "./cluster.ts";
export { isUnusableCluster, type ListeningAddress, readInboundListenerName } from "./names.ts";
export { translateClientRoutes } from "./routes.ts";
export { translateServerListener } from "./server-listener.ts";
