import type {
	CircuitBreakers,
	CircuitBreakers_Thresholds,
} from "../../api/gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_DnsLookupFamily,
	UpstreamConnectionOptions_FirstAddressFamilyVersion,
	type UpstreamConnectionOptions_HappyEyeballsConfig,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { OutlierDetection } from "../../api/gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { RoutingPriority } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ClusterConfig as AggregateMessage } from "../../api/gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js";
import type { DnsCluster } from "../../api/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.js";
import type { ClusterConfig as DynamicForwardMessage } from "../../api/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js";
import type { HttpProtocolOptions } from "../../api/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { unpackAny } from "../../api/index.ts";
import type { CircuitBreakersConfig, CircuitBreakerThresholds } from "../../engine/circuit-breaker/index.ts";
import type { JsonObject } from "../../engine/matcher/index.ts";
import type { OutlierDetectionConfig } from "../../engine/outlier-detection/index.ts";
import type { HashPolicy } from "../../engine/router/index.ts";
import type {
	AssignmentConfig,
	ClusterConfig,
	ClusterDiscovery,
	ClusterPolicies,
	DnsConfig,
	UpstreamHttpConfig,
} from "./cluster-config.ts";
import { readConfigSource } from "./config-source.ts";
import { readDnsCache, readFailureRefresh } from "./dynamic-forward-proxy.ts";
import { readAssignment } from "./endpoints.ts";
import { checkHealthCheckNames, readHealthCheck } from "./health-check.ts";
import type { HttpFilterConfig } from "./http-filter-config.ts";
import { readUpstreamFilters } from "./http-filters.ts";
import { readCommonHttp, readHttp1, readHttp2 } from "./http-protocol.ts";
import { readBalancing } from "./load-balancing.ts";
import { readClusterFilters, withoutProtocols } from "./metadata-exchange.ts";
import { readNameServers } from "./name-servers.ts";
import { readPeerBounds } from "./peer-bounds-config.ts";
import { qualifyName } from "./resource-name.ts";
import { readRetryPolicy } from "./retry.ts";
import { readHashPolicy, readMirrorPolicies } from "./route-action.ts";
import type { Scope } from "./scope.ts";
import { readUpstreamSocket } from "./tls.ts";
import { readBindAddresses, readMetadata, toMs, unpackExtension } from "./values.ts";

/** Translates a cluster; undefined when it cannot be told how its hosts are found. */
export function readCluster(message: Cluster, scope: Scope): ClusterConfig | undefined {
	const discovery = readDiscovery(message, scope);
	const { balancer, common, subsets, overrides, hashPolicies } = readBalancing(message, scope);
	if (discovery?.kind === "original-dst" && balancer.kind !== "cluster-provided") {
		scope.at("lb_policy").report("clusters of type ORIGINAL_DST need lb_policy CLUSTER_PROVIDED");
	}
	if (discovery?.kind === "aggregate" && balancer.kind !== "cluster-provided") {
		scope.at("lb_policy").report("aggregate clusters need lb_policy CLUSTER_PROVIDED");
	}
	if (discovery?.kind === "dynamic-forward") checkDynamicForward(message, balancer.kind, scope);
	if (
		balancer.kind === "cluster-provided" &&
		discovery !== undefined &&
		discovery.kind !== "original-dst" &&
		discovery.kind !== "aggregate" &&
		discovery.kind !== "dynamic-forward"
	) {
		scope.at("lb_policy").report("CLUSTER_PROVIDED is for clusters that bring a balancer");
	}
	const rest = readRest(message, hashPolicies, scope);
	checkHealthCheckNames(message.healthChecks, scope);
	for (const [index, { checker }] of rest.healthChecks.entries()) {
		if (checker.kind === "grpc" && rest.http.protocol === "http1")
			scope.at("health_checks", index).at("grpc_health_check").report("the cluster must support HTTP/2 for it");
	}
	for (const [index, { transportSocket }] of message.transportSocketMatches.entries()) {
		if (transportSocket === undefined)
			scope.at("transport_socket_matches", index).at("transport_socket").report("this field is required");
	}
	const exchanged = readClusterFilters(message.filters, scope);
	const plain = readUpstreamSocket(message.transportSocket, scope.at("transport_socket"));
	if (discovery === undefined) return undefined;
	return {
		name: message.name,
		statName: (message.altStatName === "" ? message.name : message.altStatName).replaceAll(":", "_"),
		discovery,
		balancer,
		commonBalancer: common,
		subsets,
		overrides,
		transportSocket: withoutProtocols(plain, exchanged),
		...rest,
		transportSocketMatches: rest.transportSocketMatches.map((match) => ({
			...match,
			socket: withoutProtocols(match.socket, exchanged),
		})),
	};
}

const firstFamilies: Readonly<Record<number, 4 | 6>> = {
	[UpstreamConnectionOptions_FirstAddressFamilyVersion.V4]: 4,
	[UpstreamConnectionOptions_FirstAddressFamilyVersion.V6]: 6,
};

function readHappyEyeballs(
	message: UpstreamConnectionOptions_HappyEyeballsConfig | undefined,
): ClusterConfig["happyEyeballs"] {
	return {
		firstFamily: firstFamilies[message?.firstAddressFamilyVersion ?? -1],
		firstCount: message?.firstAddressFamilyCount ?? 1,
	};
}

function readRest(
	message: Cluster,
	hashPolicies: readonly HashPolicy[],
	scope: Scope,
): Omit<
	ClusterConfig,
	"name" | "statName" | "discovery" | "balancer" | "commonBalancer" | "subsets" | "overrides" | "transportSocket"
> {
	const keepalive = message.upstreamConnectionOptions?.tcpKeepalive;
	return {
		connectTimeoutMs: toMs(message.connectTimeout, 5000),
		bufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1024 * 1024,
		circuitBreakers: readCircuitBreakers(message.circuitBreakers, scope.at("circuit_breakers")),
		outlierDetection:
			message.outlierDetection === undefined
				? undefined
				: readOutlierDetection(message.outlierDetection, scope.at("outlier_detection")),
		healthChecks: message.healthChecks.flatMap(
			(check, index) => readHealthCheck(check, scope.at("health_checks", index)) ?? [],
		),
		transportSocketMatches: message.transportSocketMatches.map((match, index) => ({
			name: match.name,
			criteria: (match.match ?? {}) as JsonObject,
			socket: readUpstreamSocket(
				match.transportSocket,
				scope.at("transport_socket_matches", index).at("transport_socket"),
			),
		})),
		http: readUpstreamHttp(message, hashPolicies, scope),
		tcpKeepalive:
			keepalive === undefined
				? undefined
				: {
						probes: keepalive.keepaliveProbes,
						idleSeconds: keepalive.keepaliveTime,
						intervalSeconds: keepalive.keepaliveInterval,
					},
		happyEyeballs: readHappyEyeballs(message.upstreamConnectionOptions?.happyEyeballsConfig),
		bindAddresses: readBindAddresses(message.upstreamBindConfig, scope.at("upstream_bind_config")),
		peerBounds: readPeerBounds(message.metadata),
		metadata: readMetadata(message.metadata),
		closeConnectionsOnHostHealthFailure: message.closeConnectionsOnHostHealthFailure,
		ignoreHealthOnHostRemoval: message.ignoreHealthOnHostRemoval,
		waitForWarmOnInit: message.waitForWarmOnInit ?? true,
		connectionPoolPerDownstreamConnection: message.connectionPoolPerDownstreamConnection,
		preconnectRatio: message.preconnectPolicy?.perUpstreamPreconnectRatio ?? 1,
		trackTimeoutBudgets: message.trackTimeoutBudgets || (message.trackClusterStats?.timeoutBudgets ?? false),
		perEndpointStats: message.trackClusterStats?.perEndpointStats ?? false,
		trackRequestResponseSizes: message.trackClusterStats?.requestResponseSizes ?? false,
	};
}

function readDiscovery(message: Cluster, scope: Scope): ClusterDiscovery | undefined {
	const type = message.clusterDiscoveryType;
	if (type.case === "clusterType") {
		const at = scope.at("cluster_type").at("typed_config");
		const config = unpackExtension(type.value.typedConfig, at);
		if (config?.$typeName === "envoy.extensions.clusters.aggregate.v3.ClusterConfig") {
			return { kind: "aggregate", clusters: (config as AggregateMessage).clusters };
		}
		if (config?.$typeName === "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig") {
			return readDynamicForward(config as DynamicForwardMessage, at);
		}
		if (config?.$typeName === "envoy.extensions.clusters.dns.v3.DnsCluster") {
			return readDnsCluster(message, config as DnsCluster, scope);
		}
		if (config !== undefined) at.report(`cluster type ${config.$typeName} is not supported`);
		return undefined;
	}
	const kind = type.case === "type" ? type.value : Cluster_DiscoveryType.STATIC;
	if (message.edsClusterConfig !== undefined && kind !== Cluster_DiscoveryType.EDS) {
		scope.at("eds_cluster_config").report("only EDS clusters take it");
	}
	switch (kind) {
		case Cluster_DiscoveryType.STATIC:
			return { kind: "static", assignment: readInlineAssignment(message, scope, "ip-only") };
		case Cluster_DiscoveryType.STRICT_DNS:
			return {
				kind: "strict-dns",
				assignment: readInlineAssignment(message, scope, "host-names"),
				dns: readDns(message, scope),
			};
		case Cluster_DiscoveryType.LOGICAL_DNS: {
			const assignment = readInlineAssignment(message, scope, "host-names");
			checkSingleEndpoint(assignment, scope);
			return { kind: "logical-dns", assignment, dns: readDns(message, scope) };
		}
		case Cluster_DiscoveryType.EDS:
			return readEds(message, scope);
		default:
			return readOriginalDst(message, scope);
	}
}

function readInlineAssignment(message: Cluster, scope: Scope, names: "ip-only" | "host-names"): AssignmentConfig {
	if (message.loadAssignment !== undefined)
		return readAssignment(message.loadAssignment, scope.at("load_assignment"), names);
	return {
		clusterName: message.name,
		localities: [],
		overprovisioningFactor: 140,
		weightedPriorityHealth: false,
		dropOverloads: [],
		staleAfterMs: 0,
	};
}

const dnsFamilies: Readonly<Record<number, DnsConfig["family"]>> = {
	[Cluster_DnsLookupFamily.AUTO]: "auto",
	[Cluster_DnsLookupFamily.V4_ONLY]: "v4-only",
	[Cluster_DnsLookupFamily.V6_ONLY]: "v6-only",
	[Cluster_DnsLookupFamily.V4_PREFERRED]: "v4-preferred",
	[Cluster_DnsLookupFamily.ALL]: "all",
};

function readDns(message: Cluster, scope: Scope): DnsConfig {
	return {
		family: dnsFamilies[message.dnsLookupFamily] ?? "auto",
		refreshMs: toMs(message.dnsRefreshRate, 5000),
		failureRefresh: readFailureRefresh(message.dnsFailureRefreshRate, scope),
		respectTtl: message.respectDnsTtl,
		jitterMs: toMs(message.dnsJitter, 0),
		minRefreshMs: 0,
		servers: readNameServers(message.typedDnsResolverConfig),
	};
}

/** The names of a cluster for any host are those that its certificates must have. */
function checkDynamicForward(message: Cluster, balancer: string, scope: Scope): void {
	if (balancer !== "cluster-provided") scope.at("lb_policy").report("dynamic forward proxies need CLUSTER_PROVIDED");
	const type = message.clusterDiscoveryType;
	const config = type.case === "clusterType" ? unpackExtension(type.value.typedConfig, scope) : undefined;
	if ((config as DynamicForwardMessage | undefined)?.allowInsecureClusterOptions === true) return;
	const options = readHttpOptions(message, scope);
	const sni = options === undefined ? undefined : options.upstreamHttpProtocolOptions;
	if (options !== undefined && (sni?.autoSni !== true || sni.autoSanValidation !== true))
		scope.report("dynamic forward proxies need auto_sni and auto_san_validation, or allow_insecure_cluster_options");
}

function readDynamicForward(config: DynamicForwardMessage, scope: Scope): ClusterDiscovery | undefined {
	const { clusterImplementationSpecifier: specifier } = config;
	if (specifier.case === "dnsCacheConfig") {
		return { kind: "dynamic-forward", cache: readDnsCache(specifier.value, scope.at("dns_cache_config")) };
	}
	if (specifier.case === undefined) scope.at("dns_cache_config").report("this field is required");
	return undefined;
}

const dnsClusterFamilies: readonly DnsConfig["family"][] = [
	"auto",
	"auto",
	"v4-only",
	"v6-only",
	"v4-preferred",
	"all",
];

/** The DNS cluster as an extension: what STRICT_DNS and LOGICAL_DNS are, in one. */
function readDnsCluster(message: Cluster, config: DnsCluster, scope: Scope): ClusterDiscovery {
	const minRefreshMs = toMs(config.dnsMinRefreshRate, 0);
	const dns: DnsConfig = {
		family: dnsClusterFamilies[config.dnsLookupFamily] ?? "auto",
		refreshMs: toMs(config.dnsRefreshRate, 5000),
		failureRefresh: readFailureRefresh(config.dnsFailureRefreshRate, scope),
		respectTtl: config.respectDnsTtl,
		jitterMs: toMs(config.dnsJitter, 0),
		minRefreshMs,
		servers: readNameServers(config.typedDnsResolverConfig),
	};
	const assignment = readInlineAssignment(message, scope, "host-names");
	if (!config.allAddressesInSingleEndpoint) return { kind: "strict-dns", assignment, dns };
	checkSingleEndpoint(assignment, scope);
	return { kind: "logical-dns", assignment, dns };
}

function checkSingleEndpoint(assignment: AssignmentConfig, scope: Scope): void {
	if (assignment.localities.length === 1 && assignment.localities[0]?.endpoints.length === 1) return;
	scope
		.at("load_assignment")
		.report("LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint");
}

function readEds(message: Cluster, scope: Scope): ClusterDiscovery | undefined {
	const config = message.edsClusterConfig;
	const at = scope.at("eds_cluster_config");
	if (config?.edsConfig === undefined) {
		at.report("cannot create an EDS cluster without an EDS config");
		return undefined;
	}
	if (message.loadAssignment !== undefined) scope.at("load_assignment").report("EDS clusters take no load_assignment");
	const source = readConfigSource(config.edsConfig, at.at("eds_config"));
	return source && { kind: "eds", serviceName: qualifyName(config.serviceName || message.name, source), source };
}

function readOriginalDst(message: Cluster, scope: Scope): ClusterDiscovery {
	if (message.loadAssignment !== undefined)
		scope.at("load_assignment").report("ORIGINAL_DST clusters must have no load assignment");
	const config = message.lbConfig.case === "originalDstLbConfig" ? message.lbConfig.value : undefined;
	const header =
		config?.httpHeaderName === "" || config === undefined
			? "x-envoy-original-dst-host"
			: config.httpHeaderName.toLowerCase();
	if (config !== undefined && config.httpHeaderName !== "" && !config.useHttpHeader) {
		scope.at("original_dst_lb_config").report("http_header_name needs use_http_header");
	}
	return {
		kind: "original-dst",
		header: config?.useHttpHeader === true ? header : "",
		portOverride: config?.upstreamPortOverride ?? 0,
		cleanupIntervalMs: toMs(message.cleanupInterval, 5000),
	};
}

const defaultThresholds: CircuitBreakerThresholds = {
	maxConnections: 1024,
	maxPendingRequests: 1024,
	maxRequests: 1024,
	maxRetries: 3,
	retryBudget: undefined,
	trackRemaining: false,
	maxConnectionPools: -1,
};

function readCircuitBreakers(message: CircuitBreakers | undefined, scope: Scope): CircuitBreakersConfig {
	for (const [index, one] of (message?.perHostThresholds ?? []).entries()) {
		const others = [one.maxPendingRequests, one.maxRequests, one.maxRetries, one.maxConnectionPools, one.retryBudget];
		if (others.every((value) => value === undefined)) continue;
		scope.at("per_host_thresholds", index).report("only max_connections counts for single hosts");
	}
	const find = (priority: RoutingPriority): CircuitBreakerThresholds => {
		const thresholds = message?.thresholds.find((one) => one.priority === priority);
		return thresholds === undefined ? defaultThresholds : readThresholds(thresholds);
	};
	return {
		default: find(RoutingPriority.DEFAULT),
		high: find(RoutingPriority.HIGH),
		maxConnectionsPerHost:
			message?.perHostThresholds.find((one) => one.maxConnections !== undefined)?.maxConnections ?? -1,
	};
}

function readThresholds(message: CircuitBreakers_Thresholds): CircuitBreakerThresholds {
	return {
		maxConnections: message.maxConnections ?? 1024,
		maxPendingRequests: message.maxPendingRequests ?? 1024,
		maxRequests: message.maxRequests ?? 1024,
		maxRetries: message.maxRetries ?? 3,
		retryBudget:
			message.retryBudget === undefined
				? undefined
				: {
						budgetPercent: message.retryBudget.budgetPercent?.value ?? 20,
						minRetryConcurrency: message.retryBudget.minRetryConcurrency ?? 3,
					},
		trackRemaining: message.trackRemaining,
		maxConnectionPools: message.maxConnectionPools ?? -1,
	};
}

function readOutlierDetection(message: OutlierDetection, scope: Scope): OutlierDetectionConfig {
	const baseEjectionTimeMs = toMs(message.baseEjectionTime, 30_000);
	if (toMs(message.maxEjectionTime, baseEjectionTimeMs) < baseEjectionTimeMs) {
		scope.at("max_ejection_time").report("cannot be smaller than base_ejection_time");
	}
	return {
		consecutive5xx: message.consecutive5xx ?? 5,
		intervalMs: toMs(message.interval, 10_000),
		baseEjectionTimeMs,
		maxEjectionPercent: message.maxEjectionPercent ?? 10,
		maxEjectionTimeMs: Math.max(toMs(message.maxEjectionTime, 300_000), baseEjectionTimeMs),
		maxEjectionTimeJitterMs: toMs(message.maxEjectionTimeJitter, 0),
		enforcingConsecutive5xx: message.enforcingConsecutive5xx ?? 100,
		enforcingSuccessRate: message.enforcingSuccessRate ?? 100,
		successRateMinimumHosts: message.successRateMinimumHosts ?? 5,
		successRateRequestVolume: message.successRateRequestVolume ?? 100,
		successRateStdevFactor: message.successRateStdevFactor ?? 1900,
		consecutiveGatewayFailure: message.consecutiveGatewayFailure ?? 5,
		enforcingConsecutiveGatewayFailure: message.enforcingConsecutiveGatewayFailure ?? 0,
		splitExternalLocalOriginErrors: message.splitExternalLocalOriginErrors,
		consecutiveLocalOriginFailure: message.consecutiveLocalOriginFailure ?? 5,
		enforcingConsecutiveLocalOriginFailure: message.enforcingConsecutiveLocalOriginFailure ?? 100,
		enforcingLocalOriginSuccessRate: message.enforcingLocalOriginSuccessRate ?? 100,
		failurePercentageThreshold: message.failurePercentageThreshold ?? 85,
		enforcingFailurePercentage: message.enforcingFailurePercentage ?? 0,
		enforcingFailurePercentageLocalOrigin: message.enforcingFailurePercentageLocalOrigin ?? 0,
		failurePercentageMinimumHosts: message.failurePercentageMinimumHosts ?? 5,
		failurePercentageRequestVolume: message.failurePercentageRequestVolume ?? 50,
		successfulActiveHealthCheckUneject: message.successfulActiveHealthCheckUnejectHost ?? true,
		alwaysEjectOneHost: message.alwaysEjectOneHost ?? false,
	};
}

const httpOptionsKey = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/** How long connections may wait for somebody who needs one: here, one of layer 4 is made for who needs it and ends with that. */
const tcpOptionsKey = "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions";

function readUpstreamHttp(message: Cluster, hashPolicies: readonly HashPolicy[], scope: Scope): UpstreamHttpConfig {
	const options = readHttpOptions(message, scope);
	const sni = options?.upstreamHttpProtocolOptions ?? message.upstreamHttpProtocolOptions;
	const common = readCommonHttp(options?.commonHttpProtocolOptions ?? message.commonHttpProtocolOptions);
	return {
		...readUpstreamProtocol(message, options, scope),
		common: {
			...common,
			maxRequestsPerConnection: common.maxRequestsPerConnection || (message.maxRequestsPerConnection ?? 0),
		},
		autoSni: sni?.autoSni ?? false,
		autoSanValidation: sni?.autoSanValidation ?? false,
		overrideAutoSniHeader: (sni?.overrideAutoSniHeader ?? "").toLowerCase(),
		filters: options === undefined || options.httpFilters.length === 0 ? undefined : readFilters(options, scope),
		policies: withHashPolicies(options === undefined ? undefined : readPolicies(options, scope), hashPolicies),
	};
}

/** Those of the balancer go before those of the protocol options. */
function withHashPolicies(
	policies: ClusterPolicies | undefined,
	hashPolicies: readonly HashPolicy[],
): ClusterPolicies | undefined {
	if (hashPolicies.length === 0) return policies;
	return { retryPolicy: undefined, mirrorPolicies: [], ...policies, hashPolicies };
}

function readFilters({ httpFilters }: HttpProtocolOptions, scope: Scope): readonly HttpFilterConfig[] {
	return readUpstreamFilters(httpFilters, scope.at("typed_extension_protocol_options", httpOptionsKey), "http_filters");
}

function readPolicies(options: HttpProtocolOptions, scope: Scope): ClusterPolicies | undefined {
	const { retryPolicy, hashPolicy, requestMirrorPolicies } = options;
	if (retryPolicy === undefined && hashPolicy.length === 0 && requestMirrorPolicies.length === 0) return undefined;
	const at = scope.at("typed_extension_protocol_options", httpOptionsKey);
	return {
		retryPolicy: readRetryPolicy(retryPolicy, at.at("retry_policy")),
		hashPolicies: hashPolicy.map((policy, index) => readHashPolicy(policy, at.at("hash_policy", index))),
		mirrorPolicies: readMirrorPolicies(requestMirrorPolicies, at),
	};
}

function readHttpOptions(message: Cluster, scope: Scope): HttpProtocolOptions | undefined {
	let found: HttpProtocolOptions | undefined;
	for (const [name, any] of Object.entries(message.typedExtensionProtocolOptions)) {
		const at = scope.at("typed_extension_protocol_options", name);
		const options = unpackAny(any);
		const isKnown = options?.$typeName === name && (name === httpOptionsKey || name === tcpOptionsKey);
		if (!isKnown) at.report(`protocol options ${name} are not supported`);
		else if (name === httpOptionsKey) found = options as HttpProtocolOptions;
	}
	return found;
}

function readUpstreamProtocol(
	message: Cluster,
	options: HttpProtocolOptions | undefined,
	scope: Scope,
): Pick<UpstreamHttpConfig, "protocol" | "http1" | "http2"> {
	const upstream = options?.upstreamProtocolOptions;
	switch (upstream?.case) {
		case "explicitHttpConfig": {
			const explicit = upstream.value.protocolConfig;
			if (explicit.case === "http2ProtocolOptions") {
				return { protocol: "http2", http1: readHttp1(undefined), http2: readHttp2(explicit.value) };
			}
			const http1 = explicit.case === "httpProtocolOptions" ? explicit.value : undefined;
			return { protocol: "http1", http1: readHttp1(http1), http2: readHttp2(undefined) };
		}
		case "useDownstreamProtocolConfig":
		case "autoConfig": {
			const { httpProtocolOptions, http2ProtocolOptions } = upstream.value;
			const protocol = upstream.case === "autoConfig" ? "auto" : "downstream";
			if (protocol === "auto" && message.transportSocket === undefined && message.transportSocketMatches.length === 0) {
				scope.report("auto_config needs a transport socket with ALPN");
			}
			return { protocol, http1: readHttp1(httpProtocolOptions), http2: readHttp2(http2ProtocolOptions) };
		}
		default: {
			const protocol = message.http2ProtocolOptions === undefined ? "http1" : "http2";
			const downstream = message.protocolSelection === 1;
			if (!downstream && protocol === "http2" && message.httpProtocolOptions !== undefined)
				scope.at("http_protocol_options").report("options of both protocols need protocol_selection");
			return {
				protocol: downstream ? "downstream" : protocol,
				http1: readHttp1(message.httpProtocolOptions),
				http2: readHttp2(message.http2ProtocolOptions),
			};
		}
	}
}
