import type { StatsScope } from "../../../telemetry/index.ts";
import type { DataPathContext } from "../../data-path-context.ts";
import type { HttpFilterConfig } from "../../runtime-config/index.ts";
import { createBandwidthLimitFilter } from "./bandwidth-limit/bandwidth-limit-filter.ts";
import { createBufferFilter } from "./buffer/buffer-filter.ts";
import { createCompressorFilter } from "./compressor/compressor-filter.ts";
import { createCorsFilter } from "./cors/cors-filter.ts";
import { createCallOutFilter } from "./create-call-out-filter.ts";
import { createCsrfFilter } from "./csrf/csrf-filter.ts";
import { createDecompressorFilter } from "./decompressor/decompressor-filter.ts";
import { createMissingFilter } from "./discovered/missing-filter.ts";
import { createDynamicForwardProxyFilter } from "./dynamic-forward-proxy/dynamic-forward-proxy-filter.ts";
import { createFaultFilter } from "./fault/fault-filter.ts";
import type { HttpFilter } from "./filter.ts";
import { createGrpcStatsFilter } from "./grpc-stats/grpc-stats-filter.ts";
import { createGrpcWebFilter } from "./grpc-web/grpc-web-filter.ts";
import { createHeaderMutationFilter } from "./header-mutation/header-mutation-filter.ts";
import { createHeaderToMetadataFilter } from "./header-to-metadata/header-to-metadata-filter.ts";
import { createHealthCheckFilter } from "./health-check/health-check-filter.ts";
import { createIstioStatsFilter } from "./istio-stats/index.ts";
import { createJsonToMetadataFilter } from "./json-to-metadata/json-to-metadata-filter.ts";
import { createLocalRateLimitFilter } from "./local-rate-limit/local-rate-limit-filter.ts";
import { createRbacFilter } from "./rbac/rbac-filter.ts";
import { createSetFilterStateFilter } from "./set-filter-state/set-filter-state-filter.ts";
import { createSetMetadataFilter } from "./set-metadata/set-metadata-filter.ts";
import { createStatefulSessionFilter } from "./stateful-session/stateful-session-filter.ts";
import { createTapFilter } from "./tap/tap-filter.ts";

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
			case "buffer":
				filters.push(createBufferFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "compressor":
				filters.push(createCompressorFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "decompressor":
				filters.push(
					createDecompressorFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "dynamic-forward-proxy":
				filters.push(createDynamicForwardProxyFilter({ name, disabled, index, context, scope, chain: configs }));
				break;
			case "grpc-stats":
				filters.push(createGrpcStatsFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "grpc-web":
				filters.push(createGrpcWebFilter({ name, disabled, index, context, scope, chain: configs }));
				break;
			case "csrf":
				filters.push(createCsrfFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "header-mutation":
				filters.push(
					createHeaderMutationFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "header-to-metadata":
				filters.push(
					createHeaderToMetadataFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "json-to-metadata":
				filters.push(
					createJsonToMetadataFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "bandwidth-limit":
				filters.push(
					createBandwidthLimitFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "health-check":
				filters.push(createHealthCheckFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "local-rate-limit":
				filters.push(
					createLocalRateLimitFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "set-filter-state":
				filters.push(createSetFilterStateFilter({ name, disabled, index, context, scope, chain: configs }, config));
				break;
			case "set-metadata":
				filters.push(createSetMetadataFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "stateful-session":
				filters.push(
					createStatefulSessionFilter({ name, disabled, index, context, scope, chain: configs }, config.config),
				);
				break;
			case "tap":
				filters.push(createTapFilter({ name, disabled, index, context, scope, chain: configs }, config.config));
				break;
			case "discovered":
				filters.push(createMissingFilter({ name, disabled, index, context, scope, chain: configs }));
				break;
			case "on-demand":
			case "router":
				break;
			default:
				filters.push(createCallOutFilter({ name, disabled, index, context, scope, chain: configs }, config));
		}
	});
	return filters;
}
