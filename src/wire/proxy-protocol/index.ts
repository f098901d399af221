/** The PROXY protocol, versions 1 and 2: who the client of a connection is, said by the proxy before us in front of the first byte.
 *  Does not decide what becomes of a connection without one. Spec: HAProxy `proxy-protocol.txt`. */
export { formatProxyHeader, type ProxyHeaderOptions } from "./format.ts";
export { type ProxyAddresses, type ProxyFirstBytes, type ProxyTlv, parseProxyHeader } from "./parse.ts";
