import type { CallOutFilterConfig } from "../../runtime-config/index.ts";
import type { HttpFilter } from "./filter.ts";
import type { FilterParts } from "./filter-parts.ts";
import { createJwtAuthnFilter } from "./jwt-authn/jwt-authn-filter.ts";

/** Creates a filter that asks somebody else. */
export function createCallOutFilter(parts: FilterParts, config: CallOutFilterConfig): HttpFilter {
	return createJwtAuthnFilter(parts, config.config);
}
