/** Terminal network filters that answer themselves. Spec: Envoy `extensions/filters/network/{direct_response,echo}`. */
export { DirectResponse } from "./direct-response.ts";
export { Echo } from "./echo.ts";
