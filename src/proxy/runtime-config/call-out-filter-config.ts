import type { ExtAuthzConfig, ExtAuthzRouteConfig } from "./ext-authz-config.ts";
import type { ExtProcConfig, ExtProcRouteConfig } from "./ext-proc.ts";
import type { JwtAuthnConfig, JwtRouteConfig } from "./jwt-authn-config.ts";
import type { RateLimitFilterConfig, RateLimitRouteConfig } from "./rate-limit-filter.ts";
import type { RateLimitQuotaConfig } from "./rate-limit-quota.ts";

/** Filters that ask somebody else. */
export type CallOutFilterConfig =
	| { readonly kind: "ext-authz"; readonly config: ExtAuthzConfig }
	| { readonly kind: "ext-proc"; readonly config: ExtProcConfig }
	| { readonly kind: "jwt-authn"; readonly config: JwtAuthnConfig }
	| { readonly kind: "rate-limit"; readonly config: RateLimitFilterConfig }
	| { readonly kind: "rate-limit-quota"; readonly config: RateLimitQuotaConfig };

/** What routes say of them. */
export type CallOutOverride =
	| { readonly kind: "ext-authz"; readonly config: ExtAuthzRouteConfig }
	| { readonly kind: "ext-proc"; readonly config: ExtProcRouteConfig }
	| { readonly kind: "jwt-authn"; readonly config: JwtRouteConfig }
	| { readonly kind: "rate-limit"; readonly config: RateLimitRouteConfig };
