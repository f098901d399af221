import type { Clock, DeadlineQueue, Log, Random, TurnQueue } from "../core/index.ts";
import type { RouteTable } from "../engine/router/index.ts";
import type { Runtime } from "../engine/runtime/index.ts";
import type { AccessLog, StatsScope } from "../telemetry/index.ts";
import type { ClusterDiscovery } from "./config-source/index.ts";
import type { UpstreamCluster, UpstreamContext } from "./connection-pool/index.ts";
import type { FailedRequests } from "./failed-requests/index.ts";
import type { IstioMetrics } from "./filter/http/istio-stats/index.ts";
import type { RouteStatistics } from "./filter/http/router/route-statistics.ts";
import type { UpstreamFilters } from "./filter/http/router/upstream-filters.ts";
import type { GrpcClients } from "./grpc-client/index.ts";
import type { OverloadState } from "./overload/index.ts";
import type { QuotaClients } from "./quota/index.ts";
import type {
	AccessLogConfig,
	HttpFilterConfig,
	ListenerFilterConfig,
	TypedNetworkFilterConfig,
} from "./runtime-config/index.ts";
import type { SecretSource } from "./secret/index.ts";
import type { TapBoard } from "./tap/index.ts";
import type { Tracers } from "./tracing/index.ts";

/** What the data path shares with the rest of the process: made once by the server, handed to every listener. */
export interface DataPathContext extends UpstreamContext {
	readonly clock: Clock;
	readonly deadlines: DeadlineQueue;
	readonly turns: TurnQueue;
	readonly random: Random;
	readonly log: Log;
	/** The root scope. */
	readonly stats: StatsScope;
	readonly runtime: Runtime;
	/** The text of a Date header, renewed every second. */
	readonly dates: { current(): string };
	/** The machine's own address, put into x-forwarded-for in place of loopback ones. */
	readonly localAddress: string;
	/** Whether the operator wants this proxy to fail the health checks it answers (`/healthcheck/fail`). */
	readonly localHealth: { isFailing: boolean };
	/** What is done when resources run out. */
	readonly overload: OverloadState;
	readonly nodeId: string;
	readonly nodeCluster: string;
	readonly nodeMetadata: Readonly<Record<string, unknown>>;
	/** Of the node's locality. */
	readonly zone: string;
	/** The cluster of that name as it is at the moment. */
	getCluster(name: string): UpstreamCluster | undefined;
	/** Asks for clusters that are not there. */
	readonly discovery: ClusterDiscovery;
	/** The route table that RDS has delivered under that name; undefined before. */
	getRouteTable(name: string): RouteTable | undefined;
	/** Configurations of filters that ECDS has delivered; `get` is for those of HTTP. */
	readonly extensions: {
		get(name: string): HttpFilterConfig | undefined;
		getNetworkFilter(name: string): TypedNetworkFilterConfig | undefined;
		getListenerFilter(name: string): ListenerFilterConfig | undefined;
		/** Calls back with the name of each one that came or went. @returns what ends that */
		onChange(listener: (name: string) => void): () => void;
	};
	/** Scopes of routes that SRDS has delivered, by their keys as JSON. */
	readonly routeScopes: { find(key: string): RouteTable | undefined };
	readonly routeStatistics: RouteStatistics;
	/** Of clusters that bring their own. */
	readonly upstreamFilters: UpstreamFilters;
	/** Istio's metrics of this proxy, made when the first filter asks. */
	istioMetrics(): IstioMetrics;
	readonly failedRequests: FailedRequests;
	/** Calls to gRPC services behind our clusters. */
	readonly grpc: GrpcClients;
	/** Leases of budgets that proxies share. */
	readonly quotas: QuotaClients;
	/** Secrets by their names. */
	readonly secrets: Pick<SecretSource, "get">;
	/** Filters that record when they are asked to. */
	readonly taps: TapBoard;
	/** Tracers of connection managers. */
	readonly tracers: Tracers;
	createAccessLog(config: AccessLogConfig): AccessLog;
}
