import type { Clock, Random } from "../../../../core/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { AccessLog } from "../../../../telemetry/index.ts";
import type { Cluster, Host } from "../../../cluster/index.ts";
import type { TcpProxyConfig } from "../../../runtime-config/index.ts";
import type { TcpProxyStats } from "../../../stats/index.ts";
import type { UpstreamTls } from "../../../transport/index.ts";
import type { DownstreamConnection, TerminalFilter } from "../network-filter.ts";
import { TcpSession } from "./tcp-session.ts";

/** What the filter needs from the proxy around it. */
export interface TcpProxyDependencies {
	readonly clock: Clock;
	readonly random: Random;
	readonly stats: TcpProxyStats;
	readonly accessLogs: readonly AccessLog[];
	/** Begin to watch a session, for metrics. */
	readonly observers: readonly ((stream: StreamInfo) => TcpObservation)[];
	getCluster(name: string): Cluster | undefined;
	/** The TLS side of connections to a host; undefined for plain ones. */
	upstreamTlsOf(cluster: Cluster, host: Host): UpstreamTls | undefined;
}

/** Watches one session; its record is filled in place. */
export interface TcpObservation {
	/** Called every few seconds while bytes flow. */
	report(): void;
	/** The session is over. */
	end(): void;
}

/** Forwards connections to clusters, byte for byte. Spec: Envoy `tcp_proxy.proto`. */
export class TcpProxy implements TerminalFilter {
	readonly config: TcpProxyConfig;
	readonly deps: TcpProxyDependencies;
	readonly sessions = new Set<TcpSession>();

	constructor(config: TcpProxyConfig, deps: TcpProxyDependencies) {
		this.config = config;
		this.deps = deps;
	}

	get activeConnections(): number {
		return this.sessions.size;
	}

	accept(connection: DownstreamConnection): void {
		this.deps.stats.downstream_cx_total.value++;
		new TcpSession(this, connection).start();
	}

	onRefused(connection: DownstreamConnection): void {
		this.deps.stats.downstream_cx_total.value++;
		new TcpSession(this, connection).recordRefusal();
	}

	drain(): void {
		// Bytes have no natural end: sessions go on until they are closed.
	}

	close(): void {
		for (const session of [...this.sessions]) session.destroy();
	}

	/** The cluster of a new session, by weight. */
	chooseCluster(): TcpProxyConfig["clusters"][number] | undefined {
		const { clusters, totalWeight } = this.config;
		if (clusters.length === 1) return clusters[0];
		let draw = this.deps.random.next() * totalWeight;
		for (const cluster of clusters) {
			draw -= cluster.weight;
			if (draw < 0) return cluster;
		}
		return clusters.at(-1);
	}
}
