/** Requests of the proxy's own to its clusters (authorization services, key sets): over the clusters' pools, with a deadline, retries and
 *  bounded bodies. Failures look like the answers a router would give (503, 504), as callers of Envoy's async client see them. */
export { callHttp, type HttpAnswer, type HttpCall, type HttpCallOptions, type HttpCallRetry } from "./http-call.ts";
