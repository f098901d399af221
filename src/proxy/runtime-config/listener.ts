import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type Filter,
	type FilterChain,
	FilterChainMatch_ConnectionSourceType,
	type ListenerFilter,
	type FilterChainMatch as MatchMessage,
} from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, Listener_DrainType } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { HttpConnectionManager } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { RBAC } from "../../api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { TcpProxy } from "../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { TypedStruct } from "../../api/gen/xds/type/v3/typed_struct_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { readAccessLogs } from "./access-log.ts";
import { readHttpConnectionManager } from "./http-connection-manager.ts";
import { readIstioStats } from "./http-filters.ts";
import type {
	AddressConfig,
	FilterChainConfig,
	FilterChainMatch,
	ListenerConfig,
	ListenerFilterConfig,
	NetworkFilterConfig,
} from "./listener-config.ts";
import { readNetworkRbac } from "./rbac.ts";
import type { Scope } from "./scope.ts";
import { readTcpProxy } from "./tcp-proxy.ts";
import { readDownstreamSocket } from "./tls.ts";
import { readCidrs, readIpAddress, readMetadata, toMs, unpackExtension } from "./values.ts";

const directions: Readonly<Record<number, ListenerConfig["trafficDirection"]>> = {
	[TrafficDirection.INBOUND]: "inbound",
	[TrafficDirection.OUTBOUND]: "outbound",
};

/** Translates a listener. */
export function readListener(message: Listener, scope: Scope): ListenerConfig {
	const addresses = readAddresses(message, scope);
	const filterChains = message.filterChains.map((chain, index) =>
		readFilterChain(chain, scope.at("filter_chains", index)),
	);
	if (filterChains.length === 0 && message.defaultFilterChain === undefined && message.listenerFilters.length === 0) {
		scope.report("no filter chains specified");
	}
	checkUniqueMatches(filterChains, scope);
	return {
		name: message.name !== "" ? message.name : describeAddress(addresses[0]),
		addresses,
		statPrefix: message.statPrefix,
		filterChains,
		defaultFilterChain:
			message.defaultFilterChain === undefined
				? undefined
				: readFilterChain(message.defaultFilterChain, scope.at("default_filter_chain")),
		listenerFilters: readListenerFilters(message.listenerFilters, scope),
		listenerFiltersTimeoutMs: toMs(message.listenerFiltersTimeout, 15_000),
		continueOnListenerFiltersTimeout: message.continueOnListenerFiltersTimeout,
		bufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1024 * 1024,
		trafficDirection: directions[message.trafficDirection] ?? "unspecified",
		bindToPort: message.bindToPort ?? message.deprecatedV1?.bindToPort ?? true,
		useOriginalDst: message.useOriginalDst ?? false,
		tcpBacklog: message.tcpBacklogSize ?? 0,
		transparent: message.transparent ?? false,
		freebind: message.freebind ?? false,
		enableReusePort: message.enableReusePort ?? true,
		drainOnModifyOnly: message.drainType === Listener_DrainType.MODIFY_ONLY,
		accessLogs: readAccessLogs(message.accessLog, scope, "access_log"),
		metadata: readMetadata(message.metadata),
	};
}

function readAddresses(message: Listener, scope: Scope): AddressConfig[] {
	const first = readIpAddress(message.address, scope.at("address"));
	const rest = message.additionalAddresses.map((one, index) =>
		readIpAddress(one.address, scope.at("additional_addresses", index).at("address")),
	);
	return [first, ...rest].filter((address) => address !== undefined);
}

function describeAddress(address: AddressConfig | undefined): string {
	if (address === undefined) return "";
	return address.kind === "pipe" ? address.path : `${address.address}:${address.port}`;
}

/** Two chains with the same match would hide one another. */
function checkUniqueMatches(chains: readonly FilterChainConfig[], scope: Scope): void {
	const seen = new Set<string>();
	const names = new Set<string>();
	for (const [index, { match, name }] of chains.entries()) {
		const key = JSON.stringify(match, (_key, value) => (value instanceof Uint8Array ? [...value] : value));
		if (seen.has(key)) scope.at("filter_chains", index).report("another filter chain has the same match");
		seen.add(key);
		if (name !== "" && names.has(name))
			scope.at("filter_chains", index).at("name").report(`duplicate filter chain name ${name}`);
		names.add(name);
	}
}

function readFilterChain(message: FilterChain, scope: Scope): FilterChainConfig {
	return {
		name: message.name,
		match: readMatch(message.filterChainMatch, scope.at("filter_chain_match")),
		transportSocket: readDownstreamSocket(message.transportSocket, scope.at("transport_socket")),
		transportConnectTimeoutMs: toMs(message.transportSocketConnectTimeout, 0),
		filters: readNetworkFilters(message.filters, scope),
		metadata: readMetadata(message.metadata),
	};
}

const sourceTypes: Readonly<Record<number, FilterChainMatch["sourceType"]>> = {
	[FilterChainMatch_ConnectionSourceType.ANY]: "any",
	[FilterChainMatch_ConnectionSourceType.SAME_IP_OR_LOOPBACK]: "same-ip-or-loopback",
	[FilterChainMatch_ConnectionSourceType.EXTERNAL]: "external",
};

function readMatch(message: MatchMessage | undefined, scope: Scope): FilterChainMatch {
	for (const [index, name] of (message?.serverNames ?? []).entries()) {
		if (name.lastIndexOf("*") > 0 || (name.startsWith("*") && name !== "*" && !name.startsWith("*."))) {
			scope.at("server_names", index).report(`partial wildcards are not supported: ${name}`);
		}
	}
	return {
		destinationPort: message?.destinationPort,
		destinationRanges: readCidrs(message?.prefixRanges ?? [], scope, "prefix_ranges"),
		serverNames: (message?.serverNames ?? []).map((name) => name.toLowerCase()),
		transportProtocol: message?.transportProtocol ?? "",
		applicationProtocols: message?.applicationProtocols ?? [],
		directSourceRanges: readCidrs(message?.directSourcePrefixRanges ?? [], scope, "direct_source_prefix_ranges"),
		sourceType: sourceTypes[message?.sourceType ?? 0] ?? "any",
		sourceRanges: readCidrs(message?.sourcePrefixRanges ?? [], scope, "source_prefix_ranges"),
		sourcePorts: message?.sourcePorts ?? [],
	};
}

function readNetworkFilters(messages: readonly Filter[], scope: Scope): NetworkFilterConfig[] {
	const filters: NetworkFilterConfig[] = [];
	for (const [index, message] of messages.entries()) {
		const at = scope.at("filters", index);
		const filter = readNetworkFilter(message, at);
		if (filter === undefined) continue;
		const isTerminal = filter.kind === "http-connection-manager" || filter.kind === "tcp-proxy";
		const isLast = index === messages.length - 1;
		if (isTerminal && !isLast) at.report(`terminal filter ${message.name} must be the last filter of the chain`);
		if (!isTerminal && isLast) at.report(`the last filter must be a terminal one, not ${message.name}`);
		filters.push(filter);
	}
	return filters;
}

function readNetworkFilter(message: Filter, scope: Scope): NetworkFilterConfig | undefined {
	const { name } = message;
	const at = scope.at("typed_config");
	const any = message.configType.case === "typedConfig" ? message.configType.value : undefined;
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
		case "udpa.type.v1.TypedStruct":
		case "xds.type.v3.TypedStruct": {
			const struct = config as TypedStruct;
			const stats = readIstioStats(struct, at);
			if (stats !== undefined) return { kind: "istio-stats", name, config: stats };
			at.report(`network filter ${struct.typeUrl} is not supported`);
			return undefined;
		}
		case undefined:
			return undefined;
		default:
			at.report(`network filter ${config?.$typeName} is not supported`);
			return undefined;
	}
}

const listenerFiltersByName: Readonly<Record<string, string>> = {
	"envoy.filters.listener.tls_inspector": "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
	"envoy.filters.listener.http_inspector": "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
};

function readListenerFilters(messages: readonly ListenerFilter[], scope: Scope): ListenerFilterConfig[] {
	return messages.flatMap((message, index): ListenerFilterConfig[] => {
		const at = scope.at("listener_filters", index);
		const any = message.configType.case === "typedConfig" ? message.configType.value : undefined;
		const config = any === undefined ? undefined : anyUnpack(any, apiRegistry);
		const typeName = config?.$typeName ?? any?.typeUrl ?? listenerFiltersByName[message.name];
		switch (typeName) {
			case "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector":
				return [{ kind: "tls-inspector" }];
			case "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector":
				return [{ kind: "http-inspector" }];
			default:
				at.report(`listener filter ${typeName ?? message.name} is not supported`);
				return [];
		}
	});
}
