/** The HTTP connection manager: requests of one filter chain's connections, from the bytes to the access log.
 *  Routing and retries are decided in the engine. Spec: Envoy `http_connection_manager.proto`. */
export { HttpConnectionManager } from "./connection-manager.ts";
