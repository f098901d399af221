import type { Message } from "@bufbuild/protobuf";
import type {
	ExtAuthz,
	ExtAuthzPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import type {
	ExternalProcessor,
	ExtProcPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.js";
import type {
	JwtAuthentication,
	PerRouteConfig,
} from "../../api/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import type { RateLimitQuotaFilterConfig } from "../../api/gen/envoy/extensions/filters/http/rate_limit_quota/v3/rate_limit_quota_pb.js";
import type {
	RateLimit,
	RateLimitPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import type { CallOutFilterConfig, CallOutOverride } from "./call-out-filter-config.ts";
import { readExtAuthz, readExtAuthzRoute } from "./ext-authz.ts";
import { readExtProc, readExtProcRoute } from "./ext-proc.ts";
import { readJwtAuthn } from "./jwt-authn.ts";
import { readJwtRoute } from "./jwt-authn-route.ts";
import { readRateLimitFilter, readRateLimitRoute } from "./rate-limit-filter.ts";
import { readRateLimitQuota } from "./rate-limit-quota.ts";
import type { Scope } from "./scope.ts";

/** Translates a filter that asks somebody else; undefined when it is another one. */
export function readCallOutFilter(config: Message, scope: Scope): CallOutFilterConfig | undefined {
	switch (config.$typeName) {
		case "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication":
			return { kind: "jwt-authn", config: readJwtAuthn(config as JwtAuthentication, scope) };
		case "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz": {
			const authz = readExtAuthz(config as ExtAuthz, scope);
			return authz === undefined ? undefined : { kind: "ext-authz", config: authz };
		}
		case "envoy.extensions.filters.http.ratelimit.v3.RateLimit": {
			const limit = readRateLimitFilter(config as RateLimit, scope);
			return limit === undefined ? undefined : { kind: "rate-limit", config: limit };
		}
		case "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaFilterConfig": {
			const quota = readRateLimitQuota(config as RateLimitQuotaFilterConfig, scope);
			return quota === undefined ? undefined : { kind: "rate-limit-quota", config: quota };
		}
		case "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor": {
			const processor = readExtProc(config as ExternalProcessor, scope);
			return processor === undefined ? undefined : { kind: "ext-proc", config: processor };
		}
		default:
			return undefined;
	}
}

/** Translates what a route says of such a filter. */
export function readCallOutOverride(message: Message, scope: Scope): CallOutOverride | undefined {
	switch (message.$typeName) {
		case "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig":
			return { kind: "jwt-authn", config: readJwtRoute(message as PerRouteConfig) };
		case "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute":
			return { kind: "ext-authz", config: readExtAuthzRoute(message as ExtAuthzPerRoute, scope) };
		case "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute":
			return { kind: "ext-proc", config: readExtProcRoute(message as ExtProcPerRoute, scope) };
		case "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute":
			return { kind: "rate-limit", config: readRateLimitRoute(message as RateLimitPerRoute, scope) };
		default:
			return undefined;
	}
}
