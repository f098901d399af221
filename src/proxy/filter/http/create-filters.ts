import type { StatsScope } from "../../../telemetry/index.ts";
import type { DataPathContext } from "../../data-path-context.ts";
import type { HttpFilterConfig } from "../../runtime-config/index.ts";
import { createAdmissionControlFilter } from "./admission-control/admission-control-filter.ts";
import { createApiKeyAuthFilter } from "./api-key-auth/api-key-auth-filter.ts";
import { createBandwidthLimitFilter } from "./bandwidth-limit/bandwidth-limit-filter.ts";
import { createBasicAuthFilter } from "./basic-auth/basic-auth-filter.ts";
import { createBufferFilter } from "./buffer/buffer-filter.ts";
import { createCdnLoopFilter } from "./cdn-loop/cdn-loop-filter.ts";
import { createCompressorFilter } from "./compressor/compressor-filter.ts";
import { createCorsFilter } from "./cors/cors-filter.ts";
import { createCallOutFilter } from "./create-call-out-filter.ts";
import { createCredentialInjectorFilter } from "./credential-injector/credential-injector-filter.ts";
import { createCsrfFilter } from "./csrf/csrf-filter.ts";
import { createCustomResponseFilter } from "./custom-response/custom-response-filter.ts";
import { createDecompressorFilter } from "./decompressor/decompressor-filter.ts";
import { createMissingFilter } from "./discovered/missing-filter.ts";
import { createDynamicForwardProxyFilter } from "./dynamic-forward-proxy/dynamic-forward-proxy-filter.ts";
import { createFaultFilter } from "./fault/fault-filter.ts";
import type { HttpFilter } from "./filter.ts";
import type { FilterParts } from "./filter-parts.ts";
import { createGrpcHttp1BridgeFilter } from "./grpc-bridge/grpc-http1-bridge-filter.ts";
import { createGrpcReverseBridgeFilter } from "./grpc-bridge/grpc-http1-reverse-bridge-filter.ts";
import { createGrpcStatsFilter } from "./grpc-stats/grpc-stats-filter.ts";
import { createGrpcWebFilter } from "./grpc-web/grpc-web-filter.ts";
import { createHeaderMutationFilter } from "./header-mutation/header-mutation-filter.ts";
import { createHeaderToMetadataFilter } from "./header-to-metadata/header-to-metadata-filter.ts";
import { createHealthCheckFilter } from "./health-check/health-check-filter.ts";
import { createIpTaggingFilter } from "./ip-tagging/ip-tagging-filter.ts";
import { createIstioAlpnFilter } from "./istio-alpn/istio-alpn-filter.ts";
import { createIstioStatsFilter } from "./istio-stats/index.ts";
import { createJsonToMetadataFilter } from "./json-to-metadata/json-to-metadata-filter.ts";
import { createLocalRateLimitFilter } from "./local-rate-limit/local-rate-limit-filter.ts";
import { createMatchedFilter } from "./matched/matched-filter.ts";
import { createOnDemandFilter } from "./on-demand/on-demand-filter.ts";
import { createPeerMetadataFilter } from "./peer-metadata/peer-metadata-filter.ts";
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
	return configs.flatMap((config, index) => {
		const { name, disabled } = config;
		return createHttpFilter(config, { name, disabled, index, context, scope, chain: configs }) ?? [];
	});
}

/** One filter; undefined for what has no hooks of its own. */
function createHttpFilter(config: HttpFilterConfig, parts: FilterParts): HttpFilter | undefined {
	const { name, disabled, index, context, scope } = parts;
	switch (config.kind) {
		case "rbac":
			return createRbacFilter(name, disabled, index, config.config, scope);
		case "istio-stats": {
			const metrics = context.istioMetrics();
			const exchange = parts.chain.findIndex(({ kind }) => kind === "peer-metadata");
			const exchangedBy = exchange === -1 ? undefined : exchange;
			const { metrics: changes, ...settings } = config.config;
			return createIstioStatsFilter({ name, disabled, index, ...settings, changes, metrics, exchangedBy });
		}
		case "cors":
			return createCorsFilter(name, disabled, index, context, scope);
		case "fault":
			return createFaultFilter(name, disabled, index, config.config, context, scope);
		case "buffer":
			return createBufferFilter(parts, config.config);
		case "compressor":
			return createCompressorFilter(parts, config.config);
		case "decompressor":
			return createDecompressorFilter(parts, config.config);
		case "dynamic-forward-proxy":
			return createDynamicForwardProxyFilter(parts, config.savesAddress);
		case "grpc-http1-bridge":
			return createGrpcHttp1BridgeFilter(parts, config.config);
		case "grpc-reverse-bridge":
			return createGrpcReverseBridgeFilter(parts, config.config);
		case "grpc-stats":
			return createGrpcStatsFilter(parts, config.config);
		case "grpc-web":
			return createGrpcWebFilter(parts);
		case "admission-control":
			return createAdmissionControlFilter(parts, config.config);
		case "api-key-auth":
			return createApiKeyAuthFilter(parts, config.config);
		case "credential-injector":
			return createCredentialInjectorFilter(parts, config.config);
		case "custom-response":
			return createCustomResponseFilter(parts, config.config);
		case "basic-auth":
			return createBasicAuthFilter(parts, config.config);
		case "cdn-loop":
			return createCdnLoopFilter(parts, config.config);
		case "ip-tagging":
			return createIpTaggingFilter(parts, config.config);
		case "csrf":
			return createCsrfFilter(parts, config.config);
		case "header-mutation":
			return createHeaderMutationFilter(parts, config.config);
		case "header-to-metadata":
			return createHeaderToMetadataFilter(parts, config.config);
		case "json-to-metadata":
			return createJsonToMetadataFilter(parts, config.config);
		case "bandwidth-limit":
			return createBandwidthLimitFilter(parts, config.config);
		case "health-check":
			return createHealthCheckFilter(parts, config.config);
		case "local-rate-limit":
			return createLocalRateLimitFilter(parts, config.config);
		case "set-filter-state":
			return createSetFilterStateFilter(parts, config);
		case "set-metadata":
			return createSetMetadataFilter(parts, config.config);
		case "stateful-session":
			return createStatefulSessionFilter(parts, config.config);
		case "tap":
			return createTapFilter(parts, config.config);
		case "discovered":
			return createMissingFilter(parts);
		case "istio-alpn":
			return createIstioAlpnFilter(parts, config.config);
		case "peer-metadata":
			return createPeerMetadataFilter(parts, config.config);
		case "on-demand":
			return createOnDemandFilter(parts, config.config);
		case "router":
			return undefined;
		case "matched":
			return createMatchedFilter(parts, config.config, (inner) => createHttpFilter(inner, parts));
		default:
			return createCallOutFilter(parts, config);
	}
}
