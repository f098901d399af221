import type { ExtAuthzConfig, ExtAuthzRouteConfig } from "./ext-authz-config.ts";
import type { JwtAuthnConfig, JwtRouteConfig } from "./jwt-authn-config.ts";

/** Filters that ask somebody else. */
export type CallOutFilterConfig =
	| { readonly kind: "ext-authz"; readonly config: ExtAuthzConfig }
	| { readonly kind: "jwt-authn"; readonly config: JwtAuthnConfig };

/** What routes say of them. */
export type CallOutOverride =
	| { readonly kind: "ext-authz"; readonly config: ExtAuthzRouteConfig }
	| { readonly kind: "jwt-authn"; readonly config: JwtRouteConfig };
