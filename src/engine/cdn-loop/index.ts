/** The header `cdn-loop`, by which networks of proxies see that a request comes back to them. Spec: RFC 8586. */
export { parseCdnLoop } from "./parse-cdn-loop.ts";
