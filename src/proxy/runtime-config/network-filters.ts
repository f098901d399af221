import type { Any } from "@bufbuild/protobuf/wkt";
import type { Filter } from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import type { FilterStateValue } from "../../api/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.js";
import type { ConnectionLimit } from "../../api/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import type { Config as DirectResponse } from "../../api/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.js";
import type { ExtAuthz } from "../../api/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import type { HttpConnectionManager } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { LocalRateLimit } from "../../api/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js";
import type { RateLimit } from "../../api/gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.js";
import type { RBAC } from "../../api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { Config as SetFilterState } from "../../api/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js";
import type { FilterConfig as SniForward } from "../../api/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js";
import type { TcpProxy } from "../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { TypedStruct } from "../../api/gen/xds/type/v3/typed_struct_pb.js";
import { readSubstitutionFormat } from "./access-log.ts";
import { readFilterDiscovery } from "./filter-discovery.ts";
import { readHttpConnectionManager } from "./http-connection-manager.ts";
import { readIstioStats } from "./istio-stats.ts";
import type { FilterStateValueConfig, NetworkFilterConfig, TypedNetworkFilterConfig } from "./listener-config.ts";
import { readRuntimeFlag, readTokenBucket } from "./listener-filters.ts";
import { readNetworkExtAuthz, readNetworkRateLimit } from "./network-call-outs.ts";
import { readNetworkRbac } from "./rbac.ts";
import type { Scope } from "./scope.ts";
import { readTcpProxy } from "./tcp-proxy.ts";
import { readDataSourceNow, toMs, unpackExtension } from "./values.ts";

const terminalKinds: readonly TypedNetworkFilterConfig["kind"][] = [
	"http-connection-manager",
	"tcp-proxy",
	"direct-response",
	"echo",
];

/** Translates the filters of a chain; the last one, and only it, must be terminal. */
export function readNetworkFilters(messages: readonly Filter[], scope: Scope): NetworkFilterConfig[] {
	const filters: NetworkFilterConfig[] = [];
	for (const [index, message] of messages.entries()) {
		const at = scope.at("filters", index);
		const isLast = index === messages.length - 1;
		const filter = readNetworkFilter(message, isLast, at);
		if (filter === undefined) continue;
		if (filter.kind !== "discovered") checkPlace(filter, isLast, at);
		else if (filter.config.initial !== undefined) checkPlace(filter.config.initial, isLast, at.at("config_discovery"));
		filters.push(filter);
	}
	return filters;
}

/** Whether a filter takes connections over: it must be the last of its chain then, and only then. */
export function isTerminalFilter({ kind }: TypedNetworkFilterConfig): boolean {
	return terminalKinds.includes(kind);
}

function checkPlace(filter: TypedNetworkFilterConfig, isLast: boolean, scope: Scope): void {
	const isTerminal = isTerminalFilter(filter);
	if (isTerminal && !isLast) scope.report(`terminal filter ${filter.name} must be the last filter of the chain`);
	if (!isTerminal && isLast) scope.report(`the last filter must be a terminal one, not ${filter.name}`);
}

function readNetworkFilter(message: Filter, isLast: boolean, scope: Scope): NetworkFilterConfig | undefined {
	const { configType, name } = message;
	if (configType.case !== "configDiscovery") return readTypedFilter(name, configType.value, scope.at("typed_config"));
	const config = readFilterDiscovery(name, configType.value, scope.at("config_discovery"), (any, at) =>
		readDiscoveredNetworkFilter(name, any, at),
	);
	return config === undefined ? undefined : { kind: "discovered", name, config, isTerminal: isLast };
}

/** Translates the configuration of a network filter that came by itself. */
export function readDiscoveredNetworkFilter(
	name: string,
	any: Any,
	scope: Scope,
): TypedNetworkFilterConfig | undefined {
	const filter = readTypedFilter(name, any, scope);
	if (filter?.kind !== "http-connection-manager") return filter;
	const { filters, routes } = filter.config;
	if (routes.kind !== "inline" || filters.some(({ kind }) => kind === "discovered"))
		scope.report("a connection manager that is discovered itself cannot have discovered routes or filters");
	return filter;
}

function readTypedFilter(name: string, any: Any | undefined, at: Scope): TypedNetworkFilterConfig | undefined {
	const config = unpackExtension(any, at);
	switch (config?.$typeName) {
		case "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager": {
			const manager = readHttpConnectionManager(config as HttpConnectionManager, at);
			return manager === undefined ? undefined : { kind: "http-connection-manager", name, config: manager };
		}
		case "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy":
			return { kind: "tcp-proxy", name, config: readTcpProxy(config as TcpProxy, at) };
		case "envoy.extensions.filters.network.rbac.v3.RBAC":
			return { kind: "rbac", name, config: readNetworkRbac(config as RBAC, at) };
		case "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz": {
			const authz = readNetworkExtAuthz(config as ExtAuthz, at);
			return authz === undefined ? undefined : { kind: "ext-authz", name, config: authz };
		}
		case "envoy.extensions.filters.network.ratelimit.v3.RateLimit": {
			const limit = readNetworkRateLimit(config as RateLimit, at);
			return limit === undefined ? undefined : { kind: "rate-limit", name, config: limit };
		}
		case "envoy.extensions.filters.network.direct_response.v3.Config": {
			const text = readDataSourceNow((config as DirectResponse).response, at.at("response"));
			return { kind: "direct-response", name, response: Buffer.from(text ?? []) };
		}
		case "envoy.extensions.filters.network.echo.v3.Echo":
			return { kind: "echo", name };
		case "envoy.extensions.filters.network.sni_cluster.v3.SniCluster":
			return { kind: "sni-cluster", name };
		case "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig":
			// The names are the cluster's: it looks them up, with settings that must be the same.
			return { kind: "sni-dynamic-forward-proxy", name, port: (config as SniForward).portSpecifier.value ?? 0 };
		case "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit": {
			const { statPrefix, tokenBucket, runtimeEnabled, shareKey } = config as LocalRateLimit;
			const bucket = readTokenBucket(tokenBucket, at.at("token_bucket"));
			return {
				kind: "local-ratelimit",
				name,
				config: { statPrefix, bucket, enabled: readRuntimeFlag(runtimeEnabled), shareKey },
			};
		}
		case "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit": {
			const { statPrefix, maxConnections, delay, runtimeEnabled } = config as ConnectionLimit;
			const enabled = readRuntimeFlag(runtimeEnabled);
			if (maxConnections === undefined) at.at("max_connections").report("this field is required");
			return {
				kind: "connection-limit",
				name,
				config: { statPrefix, maxConnections: Number(maxConnections ?? 0n), delayMs: toMs(delay, 0), enabled },
			};
		}
		case "envoy.extensions.filters.network.set_filter_state.v3.Config": {
			const values = (config as SetFilterState).onNewConnection;
			return {
				kind: "set-filter-state",
				name,
				values: values.map((value, index) => readFilterStateValue(value, at.at("on_new_connection", index))),
			};
		}
		case "udpa.type.v1.TypedStruct":
		case "xds.type.v3.TypedStruct": {
			const struct = config as TypedStruct;
			const stats = readIstioStats(struct, at);
			if (stats !== undefined) return { kind: "istio-stats", name, config: stats };
			at.report(`network filter ${struct.typeUrl} is not supported`);
			return undefined;
		}
		// Without its protocol, which the chain does not offer, it does nothing.
		case "envoy.tcp.metadataexchange.config.MetadataExchange":
		case undefined:
			return undefined;
		default:
			at.report(`network filter ${config?.$typeName} is not supported`);
			return undefined;
	}
}

function readFilterStateValue(message: FilterStateValue, scope: Scope): FilterStateValueConfig {
	const key = message.key.case === "objectKey" ? message.key.value : "";
	const at = scope.at("format_string");
	if (message.factoryKey === "" && !knownStateKeys.includes(key)) {
		scope.report(`filter state key ${key} is not known: factory_key must be set`);
	} else if (message.factoryKey !== "" && ![...knownStateKeys, ...textFactories].includes(message.factoryKey)) {
		scope.at("factory_key").report(`filter state objects of ${message.factoryKey} are not supported`);
	}
	return {
		key,
		format: readSubstitutionFormat(message.value.value!, at),
		readOnly: message.readOnly,
		skipIfEmpty: message.skipIfEmpty,
	};
}

/** Factories of texts under any key. */
const textFactories: readonly string[] = ["envoy.string", "envoy.hashable_string"];

/** Keys whose objects are made from text and do something here. */
const knownStateKeys: readonly string[] = [
	"envoy.tcp_proxy.cluster",
	"envoy.tcp_proxy.per_connection_idle_timeout_ms",
	"envoy.network.upstream_server_name",
	"envoy.upstream.dynamic_host",
	"envoy.upstream.dynamic_port",
	"envoy.network.transport_socket.original_dst_address",
];
