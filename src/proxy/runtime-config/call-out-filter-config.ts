import type { JwtAuthnConfig, JwtRouteConfig } from "./jwt-authn-config.ts";

/** Filters that ask somebody else. */
export type CallOutFilterConfig = { readonly kind: "jwt-authn"; readonly config: JwtAuthnConfig };

/** What routes say of them. */
export type CallOutOverride = { readonly kind: "jwt-authn"; readonly config: JwtRouteConfig };
