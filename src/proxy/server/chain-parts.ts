import { assertNever } from "../../core/index.ts";
import type { StreamInfo } from "../../engine/format/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { DataPathContext } from "../data-path-context.ts";
import { ConnectionBucket } from "../filter/connection-bucket.ts";
import { createIstioTcpConnection, prepareTcpChanges } from "../filter/http/istio-stats/index.ts";
import { createNetworkExtAuthz, createNetworkRateLimit } from "../filter/network/call-outs/index.ts";
import {
	createConnectionLimit,
	createConnectionRateLimit,
	createServerNameForward,
	createSetFilterState,
	createSniCluster,
} from "../filter/network/gates/index.ts";
import { HttpConnectionManager } from "../filter/network/http-connection-manager/index.ts";
import type { NetworkGate, TerminalFilter } from "../filter/network/network-filter.ts";
import { createNetworkRbac } from "../filter/network/rbac/index.ts";
import { DirectResponse, Echo } from "../filter/network/simple/index.ts";
import { type TcpObservation, TcpProxy } from "../filter/network/tcp-proxy/index.ts";
import type { FilterChainParts } from "../filter-chain/index.ts";
import type {
	ConnectionRateLimitConfig,
	FilterChainConfig,
	ListenerConfig,
	NetworkRbacConfig,
} from "../runtime-config/index.ts";
import { createPeerTrust, type SecretSource } from "../secret/index.ts";
import {
	createConnectionLimitStats,
	createConnectionRateLimitStats,
	createNetworkExtAuthzStats,
	createNetworkRateLimitStats,
	createOnDemandStats,
	createRbacStats,
	createTcpProxyStats,
	createTlsStats,
	type ListenerStats,
	type RbacStats,
} from "../stats/index.ts";
import { createDownstreamTls } from "../transport/index.ts";

/** Builds transport and filters of a chain. */
export function createChainParts(
	chain: FilterChainConfig,
	listener: ListenerConfig,
	stats: ListenerStats,
	context: DataPathContext,
	secrets: SecretSource,
): FilterChainParts {
	const { transportSocket } = chain;
	const tls =
		transportSocket.kind === "tls"
			? createDownstreamTls(transportSocket.tls, secrets, createTlsStats(stats.scope, "server"))
			: undefined;
	const gates: NetworkGate[] = [];
	const observers: ((stream: StreamInfo) => TcpObservation)[] = [];
	let terminal: TerminalFilter = closeAtOnce;
	let writesFilterState = false;
	let writesMetadata = false;
	let isMissing = false;
	for (const configured of chain.filters) {
		const filter =
			configured.kind === "discovered"
				? (context.extensions.getNetworkFilter(configured.config.resource) ?? configured.config.initial)
				: configured;
		if (filter === undefined) {
			isMissing = true;
			continue;
		}
		switch (filter.kind) {
			case "ext-authz": {
				writesMetadata = true;
				const { config } = filter;
				gates.push(
					createNetworkExtAuthz(config, {
						client: context.grpc.client(config.service),
						stats: createNetworkExtAuthzStats(context.stats.scope(`ext_authz.${config.statPrefix}`)),
						clock: context.clock,
						nodeMetadata: context.nodeMetadata,
					}),
				);
				break;
			}
			case "rate-limit": {
				writesMetadata = true;
				const { config } = filter;
				gates.push(
					createNetworkRateLimit(config, {
						client: context.grpc.client(config.service),
						stats: createNetworkRateLimitStats(context.stats.scope(`ratelimit.${config.statPrefix}`)),
						clock: context.clock,
						random: context.random,
						runtime: context.runtime,
					}),
				);
				break;
			}
			case "rbac":
				writesMetadata = writesMetadata || filter.config.shadowRules !== undefined;
				gates.push(createNetworkRbac(filter.config, createRbacCounters(filter.config, context.stats), context.clock));
				break;
			case "local-ratelimit": {
				const { config } = filter;
				const limitStats = createConnectionRateLimitStats(context.stats.scope(`local_rate_limit.${config.statPrefix}`));
				gates.push(createConnectionRateLimit(config, findBucket(config, context), limitStats, context.runtime));
				break;
			}
			case "connection-limit": {
				const limitStats = createConnectionLimitStats(
					context.stats.scope(`connection_limit.${filter.config.statPrefix}`),
				);
				gates.push(createConnectionLimit(filter.config, limitStats, context.runtime));
				break;
			}
			case "set-filter-state":
				writesFilterState = true;
				gates.push(createSetFilterState(filter.values, context.clock));
				break;
			case "sni-cluster":
				writesFilterState = true;
				gates.push(createSniCluster());
				break;
			case "sni-dynamic-forward-proxy":
				writesFilterState = true;
				gates.push(createServerNameForward(filter.port));
				break;
			case "istio-stats": {
				const { reporter, metrics } = filter.config;
				const changes = prepareTcpChanges(metrics);
				observers.push((stream) => createIstioTcpConnection(reporter, context.istioMetrics(), stream, changes));
				break;
			}
			case "tcp-proxy": {
				const { onDemand, statPrefix, tunneling } = filter.config;
				const tcpStats = createTcpProxyStats(context.stats, statPrefix, tunneling !== undefined);
				terminal = new TcpProxy(filter.config, {
					clock: context.clock,
					turns: context.turns,
					random: context.random,
					stats: tcpStats,
					onDemandStats: onDemand === undefined ? undefined : createOnDemandStats(tcpStats.scope),
					accessLogs: filter.config.accessLogs.map((log) => context.createAccessLog(log)),
					bufferLimitBytes: listener.bufferLimitBytes,
					observers,
					onEnd: (session) => context.failedRequests.seeSession(session),
					getCluster: (name) => context.getCluster(name),
					discovery: context.discovery,
				});
				break;
			}
			case "direct-response":
				terminal = new DirectResponse(filter.response);
				break;
			case "echo":
				terminal = new Echo();
				break;
			case "http-connection-manager":
				terminal = new HttpConnectionManager(filter.config, context, stats.scope, {
					bufferLimitBytes: listener.bufferLimitBytes,
					isTls: tls !== undefined,
					isEgress: listener.trafficDirection === "outbound",
					drainsWhenFailing: !listener.drainOnModifyOnly,
				});
				break;
			default:
				assertNever(filter);
		}
	}
	return {
		...{ tls, gates, terminal, writesFilterState, writesMetadata, isMissing, timeouts: context.overload.timeouts },
		...(transportSocket.kind === "tls" &&
			chain.peerBounds !== undefined && {
				peerTrust: createPeerTrust(transportSocket.tls, secrets, chain.peerBounds.revokedPeers),
			}),
	};
}

/** The counters of a network RBAC filter, those of shadow rules below their own prefix. */
function createRbacCounters({ statPrefix, shadowRulesStatPrefix }: NetworkRbacConfig, root: StatsScope): RbacStats {
	const prefix = statPrefix.replace(/\.$/, "");
	const name = prefix === "" ? "rbac" : `${prefix}.rbac`;
	const scope = root.scope(name);
	if (shadowRulesStatPrefix === "") return createRbacStats(scope);
	return createRbacStats(scope, scope.scope(shadowRulesStatPrefix.replace(/\.$/, "")));
}

/** Buckets that filters share by their key, of one proxy. */
const sharedBuckets = new WeakMap<DataPathContext, Map<string, ConnectionBucket>>();

function findBucket(config: ConnectionRateLimitConfig, context: DataPathContext): ConnectionBucket {
	if (config.shareKey === "") return new ConnectionBucket(config.bucket, context.clock);
	const known = sharedBuckets.get(context) ?? new Map<string, ConnectionBucket>();
	sharedBuckets.set(context, known);
	const bucket = known.get(config.shareKey) ?? new ConnectionBucket(config.bucket, context.clock);
	known.set(config.shareKey, bucket);
	return bucket;
}

/** A chain without a terminal filter has nothing to say. */
const closeAtOnce: TerminalFilter = {
	accept: ({ socket }) => void socket.destroy(),
	onRefused: () => undefined,
	drain: () => undefined,
	close: () => undefined,
	activeConnections: 0,
};
