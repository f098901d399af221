import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import {
	type AccessLog,
	AccessLogFilterSchema,
	AccessLogSchema,
	type AccessLogFilter as LogFilter,
} from "../../api/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type Filter,
	type FilterChain,
	FilterChainSchema,
	FilterSchema,
} from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { ExpressionFilterSchema } from "../../api/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import {
	type HttpConnectionManager,
	type HttpConnectionManager_Tracing,
	HttpConnectionManager_TracingSchema,
	HttpConnectionManagerSchema,
	HttpFilterSchema,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import {
	type TcpProxy,
	TcpProxySchema,
} from "../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { type CustomTag, CustomTagSchema } from "../../api/gen/envoy/type/tracing/v3/custom_tag_pb.js";
import { type Percent, PercentSchema } from "../../api/gen/envoy/type/v3/percent_pb.js";
import { typeUrlOf } from "../../api/index.ts";
import type { SpanTag } from "../../model/index.ts";
import { extension } from "../translate/index.ts";
import { translateAccessLog } from "./access-log.ts";
import { changeMetrics, httpMetrics, metricsFilter, tcpMetrics } from "./metrics.ts";
import type { ResolvedTelemetry, SideTelemetry } from "./resolve.ts";

/** A listener with the settings of its side. */
export function applyTelemetry(listener: Listener, { client, server }: ResolvedTelemetry): Listener {
	const side = listener.trafficDirection === TrafficDirection.INBOUND ? server : client;
	if (Object.keys(side).length === 0) return listener;
	const ofChain = (chain: FilterChain): FilterChain =>
		create(FilterChainSchema, { ...chain, filters: chain.filters.flatMap((filter) => applyToFilter(filter, side)) });
	return create(ListenerSchema, {
		...listener,
		filterChains: listener.filterChains.map(ofChain),
		...(listener.defaultFilterChain !== undefined && { defaultFilterChain: ofChain(listener.defaultFilterChain) }),
	});
}

function applyToFilter(filter: Filter, side: SideTelemetry): readonly Filter[] {
	const config = filter.configType.case === "typedConfig" ? filter.configType.value : undefined;
	const pack = (typeUrl: string, value: Uint8Array): readonly Filter[] => [
		create(FilterSchema, {
			...filter,
			configType: { case: "typedConfig", value: create(AnySchema, { typeUrl, value }) },
		}),
	];
	if (filter.name === metricsFilter && config !== undefined) {
		const value = changeMetrics(config.value, tcpMetrics, side);
		return value === undefined ? [] : pack(config.typeUrl, value);
	}
	if (config?.typeUrl === typeUrlOf(HttpConnectionManagerSchema)) {
		const manager = applyToManager(fromBinary(HttpConnectionManagerSchema, config.value), side);
		return pack(config.typeUrl, toBinary(HttpConnectionManagerSchema, manager));
	}
	if (config?.typeUrl === typeUrlOf(TcpProxySchema)) {
		const proxy: TcpProxy = fromBinary(TcpProxySchema, config.value);
		const accessLog = applyToLogs(proxy.accessLog, { ...side, logFilter: undefined });
		return pack(config.typeUrl, toBinary(TcpProxySchema, create(TcpProxySchema, { ...proxy, accessLog })));
	}
	return [filter];
}

function applyToManager(manager: HttpConnectionManager, side: SideTelemetry): HttpConnectionManager {
	const httpFilters = manager.httpFilters.flatMap((filter) => {
		const { name, configType } = filter;
		if (name !== metricsFilter || configType.case !== "typedConfig") return [filter];
		const { typeUrl, value: config } = configType.value;
		const value = changeMetrics(config, httpMetrics, side);
		if (value === undefined) return [];
		const typedConfig = create(AnySchema, { typeUrl, value });
		return [create(HttpFilterSchema, { ...filter, configType: { case: "typedConfig", value: typedConfig } })];
	});
	const tracing = manager.tracing === undefined ? undefined : applyToTracing(manager.tracing, side);
	return create(HttpConnectionManagerSchema, {
		...manager,
		httpFilters,
		accessLog: applyToLogs(manager.accessLog, side),
		...(tracing !== undefined && { tracing }),
	});
}

function applyToTracing(tracing: HttpConnectionManager_Tracing, side: SideTelemetry): HttpConnectionManager_Tracing {
	const { samplingPercent, disablesSpans, customTags = {} } = side;
	return create(HttpConnectionManager_TracingSchema, {
		...tracing,
		...(samplingPercent !== undefined && { randomSampling: percent(samplingPercent) }),
		...(disablesSpans === true && {
			clientSampling: percent(0),
			randomSampling: percent(0),
			overallSampling: percent(0),
		}),
		customTags: [...tracing.customTags, ...Object.entries(customTags).map(([tag, from]) => toTag(tag, from))],
	});
}

function percent(value: number): Percent {
	return create(PercentSchema, { value });
}

function toTag(tag: string, from: SpanTag): CustomTag {
	switch (from.kind) {
		case "literal":
			return create(CustomTagSchema, { tag, type: { case: "literal", value: { value: from.value } } });
		case "environment":
			return create(CustomTagSchema, {
				tag,
				type: { case: "environment", value: { name: from.name, defaultValue: from.fallback } },
			});
		default:
			return create(CustomTagSchema, {
				tag,
				type: { case: "requestHeader", value: { name: from.name, defaultValue: from.fallback } },
			});
	}
}

/** The proxy's own log; what translation added for a purpose of its own has a filter already. */
function applyToLogs(
	logs: readonly AccessLog[],
	{
		disablesLog,
		logFilter,
		log: settings,
	}: Pick<SideTelemetry, "disablesLog" | "log"> & { readonly logFilter?: string | undefined },
): AccessLog[] {
	return logs.flatMap((log) => {
		if (log.name !== "envoy.access_loggers.stdout" || log.filter !== undefined) return [log];
		if (disablesLog === true) return [];
		const own = settings === undefined ? log : create(AccessLogSchema, translateAccessLog(settings));
		return logFilter === undefined ? [own] : [create(AccessLogSchema, { ...own, filter: toFilter(logFilter) })];
	});
}

function toFilter(expression: string): LogFilter {
	const value = extension("envoy.access_loggers.extension_filters.cel", ExpressionFilterSchema, { expression });
	return create(AccessLogFilterSchema, { filterSpecifier: { case: "extensionFilter", value } });
}
