import { assertNever } from "../../../core/index.ts";
import type { StatsScope } from "../../../telemetry/index.ts";
import type { DataPathContext } from "../../data-path-context.ts";
import type { HttpFilterConfig } from "../../runtime-config/index.ts";
import { createCorsFilter } from "./cors/cors-filter.ts";
import { createFaultFilter } from "./fault/fault-filter.ts";
import type { HttpFilter } from "./filter.ts";
import { createIstioStatsFilter } from "./istio-stats/index.ts";
import { createRbacFilter } from "./rbac/rbac-filter.ts";

/** The filters of a chain in order, without the router. `scope` is `http.<stat_prefix>`. */
export function createHttpFilters(
	configs: readonly HttpFilterConfig[],
	context: DataPathContext,
	scope: StatsScope,
): readonly HttpFilter[] {
	const filters: HttpFilter[] = [];
	configs.forEach((config, index) => {
		const { name, disabled } = config;
		switch (config.kind) {
			case "rbac":
				filters.push(createRbacFilter(name, disabled, index, config.config, scope));
				break;
			case "istio-stats": {
				const metrics = context.istioMetrics();
				filters.push(createIstioStatsFilter({ name, disabled, index, ...config.config, metrics }));
				break;
			}
			case "cors":
				filters.push(createCorsFilter(name, disabled, index, context, scope));
				break;
			case "fault":
				filters.push(createFaultFilter(name, disabled, index, config.config, context, scope));
				break;
			case "router":
				break;
			default:
				assertNever(config);
		}
	});
	return filters;
}
