/** Layer 4 forwarding: connections to clusters, byte for byte, with backpressure and half close.
 *  Spec: Envoy `extensions/filters/network/tcp_proxy/v3`. */
export { type TcpObservation, TcpProxy, type TcpProxyDependencies } from "./tcp-proxy.ts";
