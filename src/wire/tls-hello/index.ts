/** The first bytes of a connection: TLS or not, what a ClientHello asks for, and its fingerprints. Reads only; terminates nothing.
 *  Spec: RFC 8446 (ClientHello, record layer), RFC 6066 (server name), RFC 7301 (ALPN). */
export { type FirstBytes, type HelloShape, maxClientHelloBytes, parseFirstBytes } from "./client-hello.ts";
export { computeJa3, computeJa4 } from "./fingerprints.ts";
