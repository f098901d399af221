import type { TlvEntry } from "../../api/gen/envoy/config/core/v3/proxy_protocol_pb.js";
import {
	type TcpProxy,
	UpstreamConnectMode,
} from "../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { readAccessLogs, readSubstitutionFormat } from "./access-log.ts";
import { readOnDemand } from "./on-demand.ts";
import type { Scope } from "./scope.ts";
import type { TcpProxyConfig } from "./tcp-proxy-config.ts";
import { readFormat, readHeaderAdditions, readMetadataMatch, toMs } from "./values.ts";

/** Translates the TCP proxy. */
export function readTcpProxy(message: TcpProxy, scope: Scope): TcpProxyConfig {
	const clusters = readClusters(message);
	const totalWeight = clusters.reduce((sum, cluster) => sum + cluster.weight, 0);
	const { tunnelingConfig: tunneling, accessLogOptions: options, onDemand } = message;
	const at = scope.at("tunneling_config");
	if (tunneling !== undefined && tunneling.postPath !== "" && !tunneling.usePost) {
		at.at("post_path").report("a path needs use_post");
	}
	return {
		statPrefix: message.statPrefix,
		clusters,
		totalWeight,
		onDemand:
			onDemand === undefined
				? undefined
				: readOnDemand(onDemand, onDemand.odcdsConfig, "odcds_config", scope.at("on_demand")),
		isWeighted: message.clusterSpecifier.case === "weightedClusters",
		metadataMatch: readMetadataMatch(message.metadataMatch),
		idleTimeoutMs: toMs(message.idleTimeout, 3_600_000),
		maxDownstreamConnectionDurationMs: toMs(message.maxDownstreamConnectionDuration, 0),
		maxConnectAttempts: message.maxConnectAttempts ?? 1,
		durationJitterPercent: message.maxDownstreamConnectionDurationJitterPercentage?.value ?? 0,
		backoff: readBackoff(message, scope.at("backoff_options")),
		hash: readHash(message),
		connectMode: connectModes[message.upstreamConnectMode] ?? "immediate",
		maxEarlyDataBytes: readEarlyData(message, scope),
		proxyTlvs: message.proxyProtocolTlvs.map((tlv, index) => readTlv(tlv, scope.at("proxy_protocol_tlvs", index))),
		flushAccessLogOnStart: options?.flushAccessLogOnStart ?? false,
		accessLogs: readAccessLogs(message.accessLog, scope, "access_log"),
		flushAccessLogOnConnected: options?.flushAccessLogOnConnected ?? message.flushAccessLogOnConnected,
		accessLogFlushIntervalMs: readFlushInterval(message, scope),
		tunneling:
			tunneling === undefined
				? undefined
				: {
						hostname: readFormat(tunneling.hostname, at.at("hostname")),
						usePost: tunneling.usePost,
						postPath: tunneling.postPath === "" ? "/" : tunneling.postPath,
						headers: readHeaderAdditions(tunneling.headersToAdd, at, "headers_to_add"),
						propagateResponseHeaders: tunneling.propagateResponseHeaders,
						propagateResponseTrailers: tunneling.propagateResponseTrailers,
					},
	};
}

function readTlv({ type, value, formatString }: TlvEntry, scope: Scope): TcpProxyConfig["proxyTlvs"][number] {
	if (type > 0xff) scope.at("type").report("must be at most 255");
	if (value.length > 0 === (formatString !== undefined)) scope.report("one of value, format_string must be set");
	if (formatString === undefined) return { type, value: Buffer.from(value) };
	return { type, value: readSubstitutionFormat(formatString, scope.at("format_string")) };
}

const connectModes: Readonly<Record<number, TcpProxyConfig["connectMode"]>> = {
	[UpstreamConnectMode.ON_DOWNSTREAM_DATA]: "downstream-data",
	[UpstreamConnectMode.ON_DOWNSTREAM_TLS_HANDSHAKE]: "downstream-tls-handshake",
};

function readEarlyData(message: TcpProxy, scope: Scope): number {
	if (message.upstreamConnectMode !== UpstreamConnectMode.IMMEDIATE && message.maxEarlyDataBytes === undefined) {
		scope.at("max_early_data_bytes").report("must be set when upstream_connect_mode is not IMMEDIATE");
	}
	return message.maxEarlyDataBytes ?? 0;
}

/** The options replace the older fields; both cannot be set. */
function readFlushInterval(message: TcpProxy, scope: Scope): number {
	const { accessLogFlushInterval, accessLogOptions: options, flushAccessLogOnConnected } = message;
	if (accessLogFlushInterval !== undefined && options !== undefined)
		scope.at("access_log_flush_interval").report("cannot be set beside access_log_options");
	if (flushAccessLogOnConnected && options !== undefined)
		scope.at("flush_access_log_on_connected").report("cannot be set beside access_log_options");
	return toMs(options?.accessLogFlushInterval ?? accessLogFlushInterval, 0);
}

function readBackoff({ backoffOptions }: TcpProxy, scope: Scope): TcpProxyConfig["backoff"] {
	if (backoffOptions === undefined) return undefined;
	const baseMs = toMs(backoffOptions.baseInterval, 0);
	const maxMs = toMs(backoffOptions.maxInterval, baseMs * 10);
	if (maxMs < baseMs) scope.at("max_interval").report("must not be below base_interval");
	return { baseMs, maxMs };
}

function readHash({ hashPolicy }: TcpProxy): TcpProxyConfig["hash"] {
	const policy = hashPolicy[0]?.policySpecifier;
	if (policy?.case === "sourceIp") return { kind: "source-ip" };
	return policy?.case === "filterState" ? { kind: "filter-state", key: policy.value.key } : { kind: "none" };
}

function readClusters(message: TcpProxy): TcpProxyConfig["clusters"] {
	const specifier = message.clusterSpecifier;
	if (specifier.case === "cluster") return [{ name: specifier.value, weight: 1, metadataMatch: undefined }];
	if (specifier.case !== "weightedClusters") return [];
	return specifier.value.clusters.map(({ name, weight, metadataMatch }) => ({
		name,
		weight,
		metadataMatch: readMetadataMatch(metadataMatch),
	}));
}
