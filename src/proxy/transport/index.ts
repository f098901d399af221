/** Transport sockets: TLS towards clients and towards endpoints, with the peer's certificate checked beyond its chain.
 *  Secrets come from `secret`; which socket a connection gets is decided by filter chains and clusters. Spec: Envoy `transport_sockets/tls/v3`. */
export { createDownstreamTls, type DownstreamTls, type HandshakeOutcome } from "./downstream-tls.ts";
export { sendPassthrough, takePassthrough } from "./internal-passthrough.ts";
export { describeTlsFault } from "./tls-faults.ts";
export { TurnWriter } from "./turn-writer.ts";
export { type AlpnOffer, createUpstreamTls, type UpstreamTls } from "./upstream-tls.ts";
