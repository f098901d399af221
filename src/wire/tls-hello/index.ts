/** The first bytes of a connection: TLS or not, and what a ClientHello asks for. Reads only; terminates nothing.
 *  Spec: RFC 8446 (ClientHello, record layer), RFC 6066 (server name), RFC 7301 (ALPN). */
export { type FirstBytes, maxClientHelloBytes, parseFirstBytes } from "./client-hello.ts";
