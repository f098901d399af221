import type { StreamInfo } from "../../engine/format/index.ts";
import type { DataPathContext } from "../data-path-context.ts";
import { createIstioTcpConnection } from "../filter/http/istio-stats/index.ts";
import { HttpConnectionManager } from "../filter/network/http-connection-manager/index.ts";
import type { NetworkGate, TerminalFilter } from "../filter/network/network-filter.ts";
import { createNetworkRbac } from "../filter/network/rbac/index.ts";
import { type TcpObservation, TcpProxy } from "../filter/network/tcp-proxy/index.ts";
import type { FilterChainParts } from "../filter-chain/index.ts";
import type { FilterChainConfig, ListenerConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import { createRbacStats, createTcpProxyStats, createTlsStats, type ListenerStats } from "../stats/index.ts";
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
	for (const filter of chain.filters) {
		switch (filter.kind) {
			case "rbac": {
				const prefix = filter.config.statPrefix.replace(/\.$/, "");
				const scope = context.stats.scope(prefix === "" ? "rbac" : `${prefix}.rbac`);
				gates.push(createNetworkRbac(filter.config, createRbacStats(scope), context.clock));
				break;
			}
			case "istio-stats": {
				const { reporter } = filter.config;
				observers.push((stream) => createIstioTcpConnection(reporter, context.istioMetrics(), stream));
				break;
			}
			case "tcp-proxy":
				terminal = new TcpProxy(filter.config, {
					clock: context.clock,
					random: context.random,
					stats: createTcpProxyStats(context.stats, filter.config.statPrefix),
					accessLogs: filter.config.accessLogs.map((log) => context.createAccessLog(log)),
					observers,
					getCluster: (name) => context.getCluster(name)?.cluster,
					upstreamTlsOf: (cluster, host) => context.upstreamTlsOf(cluster, host),
				});
				break;
			case "http-connection-manager":
				terminal = new HttpConnectionManager(filter.config, context, stats.scope, {
					bufferLimitBytes: listener.bufferLimitBytes,
					isTls: tls !== undefined,
				});
				break;
		}
	}
	return { tls, gates, terminal };
}

/** A chain without a terminal filter has nothing to say. */
const closeAtOnce: TerminalFilter = {
	accept: ({ socket }) => void socket.destroy(),
	onRefused: () => undefined,
	drain: () => undefined,
	close: () => undefined,
	activeConnections: 0,
};
