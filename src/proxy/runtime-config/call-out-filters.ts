import type { Message } from "@bufbuild/protobuf";
import type {
	JwtAuthentication,
	PerRouteConfig,
} from "../../api/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import type { CallOutFilterConfig, CallOutOverride } from "./call-out-filter-config.ts";
import { readJwtAuthn } from "./jwt-authn.ts";
import { readJwtRoute } from "./jwt-authn-route.ts";
import type { Scope } from "./scope.ts";

/** Translates a filter that asks somebody else; undefined when it is another one. */
export function readCallOutFilter(config: Message, scope: Scope): CallOutFilterConfig | undefined {
	switch (config.$typeName) {
		case "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication":
			return { kind: "jwt-authn", config: readJwtAuthn(config as JwtAuthentication, scope) };
		default:
			return undefined;
	}
}

/** Translates what a route says of such a filter. */
export function readCallOutOverride(message: Message, _scope: Scope): CallOutOverride | undefined {
	switch (message.$typeName) {
		case "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig":
			return { kind: "jwt-authn", config: readJwtRoute(message as PerRouteConfig) };
		default:
			return undefined;
	}
}
