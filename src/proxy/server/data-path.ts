import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Clock, DeadlineQueue, type Log, type Random, TurnQueue } from "../../core/index.ts";
import { createRouteTable, type RouteTable } from "../../engine/router/index.ts";
import type { Runtime } from "../../engine/runtime/index.ts";
import type { AccessLogs, MetricsRegistry, StatsScope } from "../../telemetry/index.ts";
import { createAccessLogServices } from "../access-log/index.ts";
import type { Cluster, ClusterManager } from "../cluster/index.ts";
import type { ClusterDiscovery, ExtensionTarget, RouteScopeTarget, RouteTarget } from "../config-source/index.ts";
import { type BoundConnection, UpstreamCluster } from "../connection-pool/index.ts";
import type { DataPathContext } from "../data-path-context.ts";
import { PeerBounds } from "../drain/index.ts";
import { createFailedRequests } from "../failed-requests/index.ts";
import { createIstioMetrics, type IstioMetrics } from "../filter/http/istio-stats/index.ts";
import { RouteStatistics } from "../filter/http/router/route-statistics.ts";
import { UpstreamFilters } from "../filter/http/router/upstream-filters.ts";
import { createGrpcClients } from "../grpc-client/index.ts";
import { createQuotaClients } from "../quota/index.ts";
import type { UpstreamTransportSocket } from "../runtime-config/index.ts";
import { createPeerTrust, type SecretSource } from "../secret/index.ts";
import { createTlsStats } from "../stats/index.ts";
import { createTapBoard } from "../tap/index.ts";
import { createTracers } from "../tracing/index.ts";
import { createUpstreamTls, type UpstreamTls } from "../transport/index.ts";
import { createDates } from "./clock-date.ts";
import { createExtensionBoard, createRouteScopeBoard } from "./discovered-parts.ts";
import { findLocalAddress } from "./local-address.ts";

/** What the data path is made from. */
export interface DataPathParts {
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly stats: StatsScope;
	readonly runtime: Runtime;
	readonly clusters: ClusterManager;
	readonly secrets: SecretSource;
	readonly accessLogs: AccessLogs;
	readonly registry: MetricsRegistry;
	readonly node: Node;
	readonly discovery: ClusterDiscovery;
	readonly localHealth: DataPathContext["localHealth"];
	readonly overload: DataPathContext["overload"];
	/** Connection ids are `first`, `first + step`, …. */
	readonly connectionIds: { readonly first: number; readonly step: number };
	/** Local addresses of connections whose cluster names none. */
	readonly bindAddresses: readonly string[];
}

/** The data path's context with the route tables it looks up. */
export interface DataPath {
	readonly context: DataPathContext;
	readonly routes: RouteTarget;
	readonly extensions: ExtensionTarget;
	readonly scopes: RouteScopeTarget;
	/** Sends what logs to services have kept; says whether there are such logs. */
	flush(): boolean;
	close(): void;
}

/** What is made with the context that it is a part of. It is put there as properties: with accessors the context would be a hash table to V8,
 *  and every request reads dozens of its parts. */
type LatePart = "upstreamFilters" | "routeScopes" | "grpc" | "quotas" | "tracers";

/** Ties clusters, routes, secrets and statistics together for the filters. */
export function createDataPath(parts: DataPathParts): DataPath {
	const { clock, clusters, stats } = parts;
	const deadlines = new DeadlineQueue(clock);
	const turns = new TurnQueue();
	const upstreams = new Map<Cluster, UpstreamCluster>();
	const tables = new Map<string, RouteTable>();
	/** TLS sides by the socket configuration they were made from, so that hosts of one cluster share sessions. */
	const tlsSides = new WeakMap<UpstreamTransportSocket, UpstreamTls>();
	const peerBounds = new WeakMap<UpstreamTransportSocket, PeerBounds<BoundConnection>>();
	const routeStatistics = new RouteStatistics(stats);
	/** By table; what takes its statistics away. */
	const tableStatistics = new Map<string, () => void>();
	const { first, step } = parts.connectionIds;
	let connectionId = first - step;
	let istio: IstioMetrics | undefined;

	const stopRetired = clusters.onRetired((cluster) => {
		upstreams.get(cluster)?.close();
		upstreams.delete(cluster);
		context.upstreamFilters.drop(cluster);
		const { transportSocket, transportSocketMatches } = cluster.config;
		for (const socket of [transportSocket, ...transportSocketMatches.map((match) => match.socket)]) {
			tlsSides.get(socket)?.close();
			peerBounds.get(socket)?.close();
		}
	});

	const extensions = createExtensionBoard();
	const early: Omit<DataPathContext, LatePart> = {
		clock,
		deadlines,
		turns,
		random: parts.random,
		log: parts.log,
		stats,
		routeStatistics,
		runtime: parts.runtime,
		discovery: parts.discovery,
		dates: createDates(clock),
		localAddress: findLocalAddress(),
		localHealth: parts.localHealth,
		overload: parts.overload,
		failedRequests: createFailedRequests(clock),
		secrets: parts.secrets,
		taps: createTapBoard(),
		nodeId: parts.node.id,
		nodeCluster: parts.node.cluster,
		bindAddresses: parts.bindAddresses,
		nodeMetadata: parts.node.metadata ?? {},
		zone: parts.node.locality?.zone ?? "",
		istioMetrics() {
			const { node, registry } = parts;
			istio ??= createIstioMetrics({ registry, clock, node: { id: node.id, metadata: node.metadata ?? {} } });
			return istio;
		},
		nextConnectionId: () => (connectionId += step),
		getCluster(name) {
			const cluster = clusters.get(name);
			if (cluster === undefined) return undefined;
			const known = upstreams.get(cluster);
			if (known !== undefined) return known;
			const upstream = new UpstreamCluster(context, cluster);
			upstreams.set(cluster, upstream);
			return upstream;
		},
		getRouteTable: (name) => tables.get(name),
		extensions,
		createAccessLog(config) {
			const { sink } = config;
			if (sink.kind === "grpc" || sink.kind === "open-telemetry") return logServices.create(config, sink);
			return parts.accessLogs.create({ ...config, sink });
		},
		upstreamTlsOf(cluster, host) {
			const { transportSocket } = host;
			if (transportSocket.kind !== "tls") return undefined;
			const known = tlsSides.get(transportSocket);
			if (known !== undefined) return known;
			const side = createUpstreamTls(
				transportSocket.tls,
				parts.secrets,
				createTlsStats(cluster.statsScope, "client"),
				cluster.config.http.autoSanValidation,
			);
			tlsSides.set(transportSocket, side);
			return side;
		},
		peerBoundsOf(cluster, { transportSocket }) {
			const { peerBounds: wanted } = cluster.config;
			if (transportSocket.kind !== "tls" || wanted === undefined) return undefined;
			const known = peerBounds.get(transportSocket);
			if (known !== undefined) return known;
			const bounds = new PeerBounds<BoundConnection>({
				trust: createPeerTrust(transportSocket.tls, parts.secrets, wanted.revokedPeers),
				graceMs: wanted.graceMs,
				...{ clock, log: parts.log.child("cluster", { cluster: cluster.name }) },
				retire: (connections) => connections.forEach((connection) => void connection.closeWhenIdle()),
				cut: (connection) => void connection.close(),
			});
			peerBounds.set(transportSocket, bounds);
			return bounds;
		},
	};

	const context = early as typeof early & { -readonly [Part in LatePart]: DataPathContext[Part] };
	context.upstreamFilters = new UpstreamFilters(context);
	const routeScopes = createRouteScopeBoard(context);
	context.routeScopes = routeScopes;
	context.grpc = createGrpcClients(context);
	context.quotas = createQuotaClients(context);
	const tracers = createTracers({ context, stats, serviceName: parts.node.cluster });
	context.tracers = tracers;
	const logServices = createAccessLogServices({ context, stats, node: parts.node });

	return {
		context,
		extensions,
		scopes: routeScopes,
		routes: {
			applyRoutes(added, removed) {
				for (const name of removed) {
					tables.delete(name);
					tableStatistics.get(name)?.();
					tableStatistics.delete(name);
				}
				for (const config of added) {
					tables.set(config.name, createRouteTable(config, parts.runtime));
					const release = tableStatistics.get(config.name);
					tableStatistics.set(config.name, routeStatistics.declare(config));
					release?.();
				}
			},
		},
		flush() {
			const hasTracers = tracers.flush();
			return logServices.flush() || hasTracers;
		},
		close() {
			stopRetired();
			istio?.close();
			context.quotas.close();
			context.grpc.close();
			for (const upstream of upstreams.values()) upstream.close();
			upstreams.clear();
			deadlines.close();
		},
	};
}
