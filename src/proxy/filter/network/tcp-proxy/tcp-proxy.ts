import { type Clock, MemberList, type Random, type TurnQueue } from "../../../../core/index.ts";
import type { ConnectionFacts, StreamInfo } from "../../../../engine/format/index.ts";
import type { StreamSocket } from "../../../../os/index.ts";
import type { AccessLog } from "../../../../telemetry/index.ts";
import type { ClusterDiscovery } from "../../../config-source/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { TcpProxyConfig } from "../../../runtime-config/index.ts";
import type { OnDemandStats, TcpProxyStats } from "../../../stats/index.ts";
import type { DownstreamConnection, TerminalFilter } from "../network-filter.ts";
import { TcpSession } from "./tcp-session.ts";

const clusterKey = "envoy.tcp_proxy.cluster";

type Criteria = TcpProxyConfig["metadataMatch"];

/** Where a session goes, and to which hosts there. */
export interface ClusterChoice {
	readonly name: string;
	readonly metadataMatch: Criteria;
}

/** What the filter needs from the proxy around it. */
export interface TcpProxyDependencies {
	readonly clock: Clock;
	readonly turns: TurnQueue;
	readonly random: Random;
	readonly stats: TcpProxyStats;
	readonly accessLogs: readonly AccessLog[];
	/** How much is kept for a side that reads slower than the other writes. */
	readonly bufferLimitBytes: number;
	/** Begin to watch a session, for metrics. */
	readonly observers: readonly ((stream: StreamInfo) => TcpObservation)[];
	/** Called with the record of each session that is over. */
	onEnd(session: StreamInfo): void;
	getCluster(name: string): UpstreamCluster | undefined;
	readonly discovery: ClusterDiscovery;
	/** Given where the config has `onDemand`. */
	readonly onDemandStats: OnDemandStats | undefined;
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
	readonly sessions = new MemberList<TcpSession>();
	readonly acceptsDenied = true;

	constructor(config: TcpProxyConfig, deps: TcpProxyDependencies) {
		this.config = config;
		this.deps = deps;
	}

	get activeConnections(): number {
		return this.sessions.size;
	}

	/** The upstream is connected to while the client still shakes hands. */
	open(socket: StreamSocket, facts: ConnectionFacts, record: StreamInfo | undefined): TcpSession {
		const session = new TcpSession(this, socket, facts, record);
		session.open();
		return session;
	}

	accept(connection: DownstreamConnection): void {
		const session =
			(connection.opened as TcpSession | undefined) ??
			this.open(connection.socket, connection.facts, connection.record);
		session.attach(connection);
	}

	onRefused({ socket, facts, record, opened }: DownstreamConnection, flags = 0): void {
		const session = (opened as TcpSession | undefined) ?? new TcpSession(this, socket, facts, record);
		session.refuse(facts, flags);
	}

	drain(): void {
		// Bytes have no natural end: sessions go on until they are closed.
	}

	close(): void {
		for (const session of this.sessions.list()) session.destroy();
	}

	/** The cluster of a new session, and which of its hosts: by weight where there are weights, else as filters before said. */
	chooseCluster({ filterState }: StreamInfo): ClusterChoice | undefined {
		const { metadataMatch } = this.config;
		const forced = this.config.isWeighted ? undefined : filterState?.get(clusterKey);
		if (typeof forced === "string" && forced !== "") return { name: forced, metadataMatch };
		const drawn = this.#drawCluster();
		if (drawn?.metadataMatch === undefined) return drawn && { name: drawn.name, metadataMatch };
		return { name: drawn.name, metadataMatch: { ...metadataMatch, ...drawn.metadataMatch } };
	}

	#drawCluster(): TcpProxyConfig["clusters"][number] | undefined {
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
