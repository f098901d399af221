import { createHash } from "node:crypto";
import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { TcpKeepalive as KeepaliveMessage } from "../../api/gen/envoy/config/core/v3/address_pb.js";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { SocketOption } from "../../api/gen/envoy/config/core/v3/socket_option_pb.js";
import {
	type FilterChain,
	FilterChainMatch_ConnectionSourceType,
	FilterChainSchema,
	type FilterChainMatch as MatchMessage,
} from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import {
	type Listener,
	Listener_DrainType,
	ListenerSchema,
} from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { firstOfCidr } from "../../engine/matcher/index.ts";
import { openSystemCalls } from "../../os/index.ts";
import { readAccessLogs } from "./access-log.ts";
import type {
	AddressConfig,
	FilterChainConfig,
	FilterChainMatch,
	ListenerConfig,
	SocketOptionConfig,
} from "./listener-config.ts";
import { readListenerFilters } from "./listener-filters.ts";
import { readChainMatcher } from "./match-tree.ts";
import { readExchangedProtocol, withoutProtocols } from "./metadata-exchange.ts";
import { readNetworkFilters } from "./network-filters.ts";
import { readPeerBounds } from "./peer-bounds-config.ts";
import type { Scope } from "./scope.ts";
import { readDownstreamSocket } from "./tls.ts";
import { readCidrs, readIpAddress, readMetadata, toMs } from "./values.ts";

const directions: Readonly<Record<number, ListenerConfig["trafficDirection"]>> = {
	[TrafficDirection.INBOUND]: "inbound",
	[TrafficDirection.OUTBOUND]: "outbound",
};

/** Translates a listener. */
export function readListener(message: Listener, scope: Scope): ListenerConfig {
	const addresses = readAddresses(message, scope);
	checkBalance(message, scope);
	const filterChains = message.filterChains.map((chain, index) =>
		readFilterChain(chain, scope.at("filter_chains", index)),
	);
	if (filterChains.length === 0 && message.defaultFilterChain === undefined) {
		scope.report("no filter chains specified");
	}
	if (message.filterChainMatcher === undefined) checkUniqueMatches(filterChains, scope);
	else checkChainNames(filterChains, scope);
	const fingerprint = createFingerprint(ListenerSchema, () =>
		create(ListenerSchema, { ...message, filterChains: [] as FilterChain[], defaultFilterChain: undefined! }),
	);
	return {
		name: message.name !== "" ? message.name : describeAddress(addresses[0]),
		addresses,
		statPrefix: message.statPrefix,
		filterChains,
		chainMatcher:
			message.filterChainMatcher === undefined
				? undefined
				: readChainMatcher(message.filterChainMatcher, scope.at("filter_chain_matcher")),
		defaultFilterChain:
			message.defaultFilterChain === undefined
				? undefined
				: readFilterChain(message.defaultFilterChain, scope.at("default_filter_chain")),
		listenerFilters: readListenerFilters(message, scope),
		listenerFiltersTimeoutMs: toMs(message.listenerFiltersTimeout, 15_000),
		continueOnListenerFiltersTimeout: message.continueOnListenerFiltersTimeout,
		ignoreGlobalConnectionLimit: message.ignoreGlobalConnLimit,
		bufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1024 * 1024,
		trafficDirection: directions[message.trafficDirection] ?? "unspecified",
		bindToPort: message.bindToPort ?? message.deprecatedV1?.bindToPort ?? true,
		useOriginalDst: message.useOriginalDst ?? false,
		tcpBacklog: message.tcpBacklogSize ?? 0,
		transparent: message.transparent ?? false,
		freebind: message.freebind ?? false,
		enableReusePort: message.enableReusePort ?? true,
		drainOnModifyOnly: message.drainType === Listener_DrainType.MODIFY_ONLY,
		tcpKeepalive: readKeepalive(message.tcpKeepalive),
		socketOptions: [...readSocketOptions(message.socketOptions, scope), ...readFastOpen(message)],
		additionalSocketOptions: message.additionalAddresses.map(({ socketOptions }, index) =>
			socketOptions === undefined
				? undefined
				: readSocketOptions(socketOptions.socketOptions, scope.at("additional_addresses", index).at("socket_options")),
		),
		accessLogs: readAccessLogs(message.accessLog, scope, "access_log"),
		metadata: readMetadata(message.metadata),
		fingerprint,
	};
}

/** A hash of a message, made when an update asks for it: equal messages have equal ones. */
function createFingerprint<Desc extends DescMessage>(schema: Desc, read: () => MessageShape<Desc>): () => string {
	let hash: string | undefined;
	return () => {
		hash ??= createHash("sha256").update(toBinary(schema, read())).digest("base64");
		return hash;
	};
}

function readKeepalive(message: KeepaliveMessage | undefined): ListenerConfig["tcpKeepalive"] {
	if (message === undefined) return undefined;
	return {
		probes: message.keepaliveProbes,
		idleSeconds: message.keepaliveTime,
		intervalSeconds: message.keepaliveInterval,
	};
}

const tcpLevel = 6;
const tcpFastOpen = 23;

/** How many connections may bring data before they are accepted. */
function readFastOpen({ tcpFastOpenQueueLength: length }: Listener): SocketOptionConfig[] {
	if (length === undefined) return [];
	const value = Buffer.alloc(4);
	value.writeUInt32LE(length);
	return [{ level: tcpLevel, name: tcpFastOpen, value, state: "listening" }];
}

/** What Envoy refuses of fields that change nothing here. */
function checkBalance({ address, connectionBalanceConfig: balance, enableMptcp }: Listener, scope: Scope): void {
	const at = scope.at("connection_balance_config");
	if (balance !== undefined && balance.balanceType.case !== "exactBalance")
		at.report("only exact_balance is supported");
	if (enableMptcp && address?.address.case === "pipe") {
		scope.at("enable_mptcp").report("is for IP addresses");
	}
}

const optionStates = ["prebind", "bound", "listening"] as const;

function readSocketOptions(messages: readonly SocketOption[], scope: Scope): SocketOptionConfig[] {
	return messages.map((message, index): SocketOptionConfig => {
		const { value } = message;
		const bytes = value.case === "bufValue" ? value.value : Buffer.alloc(4);
		if (value.case === "intValue") new DataView(bytes.buffer, bytes.byteOffset).setInt32(0, Number(value.value), true);
		const system = openSystemCalls();
		if (!system.ok) scope.at("socket_options", index).report(`socket options are not available: ${system.reason}`);
		return {
			level: Number(message.level),
			name: Number(message.name),
			value: bytes,
			state: optionStates[message.state] ?? "prebind",
		};
	});
}

function readAddresses(message: Listener, scope: Scope): AddressConfig[] {
	if (message.listenerSpecifier.case === "internalListener") return [readInternalAddress(message, scope)];
	const first = readIpAddress(message.address, scope.at("address"));
	const rest = message.additionalAddresses.map((one, index) =>
		readIpAddress(one.address, scope.at("additional_addresses", index).at("address")),
	);
	return [first, ...rest].filter((address) => address !== undefined);
}

/** A listener that only the proxy itself connects to. */
function readInternalAddress(message: Listener, scope: Scope): AddressConfig {
	const { additionalAddresses, address, connectionBalanceConfig, name, socketOptions } = message;
	if (address !== undefined || additionalAddresses.length > 0) {
		scope.report("address should not be used when an internal listener config is used");
	}
	const isBound =
		connectionBalanceConfig?.balanceType.case === "exactBalance" ||
		message.enableMptcp ||
		message.enableReusePort !== undefined ||
		message.freebind !== undefined ||
		message.tcpBacklogSize !== undefined ||
		message.tcpFastOpenQueueLength !== undefined ||
		message.transparent !== undefined;
	if (isBound) scope.report("has unsupported tcp listener feature");
	if (socketOptions.length > 0) scope.at("socket_options").report("are not for internal listeners");
	return { kind: "internal", path: `envoy://${name}/`, listener: name, endpoint: "" };
}

function describeAddress(address: AddressConfig | undefined): string {
	if (address === undefined) return "";
	return address.kind !== "socket" ? address.path : `${address.address}:${address.port}`;
}

/** A matcher chooses chains by their names. */
function checkChainNames(chains: readonly FilterChainConfig[], scope: Scope): void {
	const seen = new Set<string>();
	for (const [index, { name }] of chains.entries()) {
		const at = scope.at("filter_chains", index).at("name");
		if (name === "") at.report("filter_chain_matcher needs a name");
		else if (seen.has(name)) at.report(`duplicate filter chain ${name}`);
		seen.add(name);
	}
}

/** Two chains with the same match would hide one another. */
function checkUniqueMatches(chains: readonly FilterChainConfig[], scope: Scope): void {
	const seen = new Set<string>();
	for (const [index, { match }] of chains.entries()) {
		const keys = expandMatch(match);
		if (keys.some((key) => seen.has(key))) {
			scope.at("filter_chains", index).report("multiple filter chains with overlapping matching rules are defined");
		}
		for (const key of keys) seen.add(key);
	}
}

/** Every combination of single values that a match stands for, at most a thousand of them. */
function expandMatch(match: FilterChainMatch): readonly string[] {
	const ranges = (list: FilterChainMatch["sourceRanges"]): readonly string[] =>
		list.map((range) => `${firstOfCidr(range).join(".")}/${range.prefixLength}`);
	const criteria: readonly (readonly string[])[] = [
		[`${match.destinationPort}`],
		ranges(match.destinationRanges),
		match.serverNames,
		[match.transportProtocol],
		match.applicationProtocols,
		ranges(match.directSourceRanges),
		[match.sourceType],
		ranges(match.sourceRanges),
		match.sourcePorts.map(String),
	];
	let keys: readonly string[] = [""];
	for (const values of criteria) {
		const choices = values.length === 0 ? [""] : values;
		keys = keys.flatMap((key) => choices.map((choice) => `${key}|${choice}`)).slice(0, 1000);
	}
	return keys;
}

function readFilterChain(message: FilterChain, scope: Scope): FilterChainConfig {
	const fingerprint = createFingerprint(FilterChainSchema, () => message);
	return {
		name: message.name,
		match: readMatch(message.filterChainMatch, scope.at("filter_chain_match")),
		transportSocket: withoutProtocols(
			readDownstreamSocket(message.transportSocket, scope.at("transport_socket")),
			message.filters.flatMap(({ configType }) =>
				configType.case === "typedConfig" ? (readExchangedProtocol(configType.value) ?? []) : [],
			),
		),
		transportConnectTimeoutMs: toMs(message.transportSocketConnectTimeout, 0),
		filters: readNetworkFilters(message.filters, scope),
		peerBounds: readPeerBounds(message.metadata),
		metadata: readMetadata(message.metadata),
		fingerprint,
	};
}

const sourceTypes: Readonly<Record<number, FilterChainMatch["sourceType"]>> = {
	[FilterChainMatch_ConnectionSourceType.ANY]: "any",
	[FilterChainMatch_ConnectionSourceType.SAME_IP_OR_LOOPBACK]: "same-ip-or-loopback",
	[FilterChainMatch_ConnectionSourceType.EXTERNAL]: "external",
};

function readMatch(message: MatchMessage | undefined, scope: Scope): FilterChainMatch {
	for (const [index, name] of (message?.serverNames ?? []).entries()) {
		if (name.lastIndexOf("*") > 0 || (name.startsWith("*") && !name.startsWith("*."))) {
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
