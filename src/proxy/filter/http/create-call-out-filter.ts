import { assertNever } from "../../../core/index.ts";
import type { CallOutFilterConfig } from "../../runtime-config/index.ts";
import { createExtAuthzFilter } from "./ext-authz/ext-authz-filter.ts";
import { createExtProcFilter } from "./ext-proc/ext-proc-filter.ts";
import type { HttpFilter } from "./filter.ts";
import type { FilterParts } from "./filter-parts.ts";
import { createJwtAuthnFilter } from "./jwt-authn/jwt-authn-filter.ts";
import { createRateLimitFilter } from "./rate-limit/rate-limit-filter.ts";
import { createRateLimitQuotaFilter } from "./rate-limit-quota/rate-limit-quota-filter.ts";

/** Creates a filter that asks somebody else. */
export function createCallOutFilter(parts: FilterParts, config: CallOutFilterConfig): HttpFilter {
	switch (config.kind) {
		case "ext-authz":
			return createExtAuthzFilter(parts, config.config);
		case "ext-proc":
			return createExtProcFilter(parts, config.config);
		case "jwt-authn":
			return createJwtAuthnFilter(parts, config.config);
		case "rate-limit":
			return createRateLimitFilter(parts, config.config);
		case "rate-limit-quota":
			return createRateLimitQuotaFilter(parts, config.config);
		default:
			return assertNever(config);
	}
}
