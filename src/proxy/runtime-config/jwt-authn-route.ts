import type { PerRouteConfig } from "../../api/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import type { JwtRouteConfig } from "./jwt-authn-config.ts";

/** What a route says of the filter. */
export function readJwtRoute(message: PerRouteConfig): JwtRouteConfig {
	const specifier = message.requirementSpecifier;
	return specifier.case === "requirementName" ? { kind: "requirement", name: specifier.value } : { kind: "off" };
}
