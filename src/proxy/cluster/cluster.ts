import type { CircuitBreakerThresholds } from "../../engine/circuit-breaker/index.ts";
import type { BalancedHost, BalancerContext } from "../../engine/load-balancer/index.ts";
import type { OutlierHost, SuccessRateThreshold } from "../../engine/outlier-detection/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type {
	AddressConfig,
	AssignmentConfig,
	ClusterConfig,
	EndpointConfig,
	LocalityName,
	UpstreamTransportSocket,
} from "../runtime-config/index.ts";
import type { ClusterMeasures, ClusterResponseStats, ResponseCodeStats, UpstreamStats } from "../stats/index.ts";

/** One endpoint of a cluster. It stays the same object while its address stays in the assignment, so that connection pools,
 *  counts and health survive updates. */
export interface Host extends BalancedHost {
	readonly endpoint: AddressConfig;
	/** Where connections are tried, in this order: the endpoint and its additional addresses. */
	addresses: readonly AddressConfig[];
	locality: LocalityName;
	/** The socket this endpoint's metadata selects. */
	transportSocket: UpstreamTransportSocket;
	/** Set when the host left the cluster: no new requests, pools drain. */
	removed: boolean;
	readonly stats: HostStats;
	/** 1 while the host is healthy; only where endpoints have statistics of their own. */
	shownHealth: Count | undefined;
	/** Belongs to the connection pool: its pools for this host. */
	pools: unknown;
	/** Bits of {@link HealthFlag}; 0 is healthy. */
	healthFlags: number;
	/** Connections that are open or opening. */
	activeConnections: number;
	/** What discovery said of the endpoint, as it came. */
	edsHealth: EndpointConfig["health"];
	readonly healthCheck: HostHealthCheck;
	/** The state of outlier detection; undefined without. */
	outlier: OutlierHost | undefined;
}

/** Why a host is not (fully) healthy, as `/clusters` prints it. */
export const HealthFlag = {
	failedActiveHealthCheck: 1 << 0,
	failedOutlierCheck: 1 << 1,
	failedEdsHealth: 1 << 2,
	degradedActiveHealthCheck: 1 << 3,
	degradedEdsHealth: 1 << 4,
	pendingDynamicRemoval: 1 << 5,
	pendingActiveHealthCheck: 1 << 6,
	excludedViaImmediateHealthCheckFail: 1 << 7,
	activeHealthCheckTimeout: 1 << 8,
	edsStatusDraining: 1 << 9,
} as const;

/** A number that the hot path bumps. */
export interface Count {
	value: number;
}

/** How an endpoint is checked actively; it has its address otherwise. */
export interface HostHealthCheck {
	/** Undefined for the endpoint's own. */
	address: AddressConfig | undefined;
	/** In place of the address's; 0 for that. */
	port: number;
	hostname: string;
	disabled: boolean;
}

/** Per-host counts of `/clusters` and of the endpoint statistics. */
export interface HostStats {
	readonly cx_active: Count;
	readonly cx_connect_fail: Count;
	readonly cx_total: Count;
	readonly rq_active: Count;
	readonly rq_pending_active: Count;
	readonly rq_error: Count;
	readonly rq_success: Count;
	readonly rq_timeout: Count;
	readonly rq_total: Count;
}

/** What became of an attempt on a host on this side, for outlier detection. `connected`: the request goes out on a connection; `served`:
 *  there is a connection, and nothing more is asked of the host; the others are failures without an answer. */
export type LocalOutcome = "connected" | "served" | "connect-failure" | "connect-timeout" | "request-timeout" | "reset";

/** The limits of one priority and what is in use. Acquire before use; false means overflow (count it, answer UO). */
export interface ClusterResources {
	tryAcquireConnection(): boolean;
	releaseConnection(): void;
	tryAcquirePool(): boolean;
	releasePool(): void;
	tryAcquirePending(): boolean;
	releasePending(): void;
	tryAcquireRequest(): boolean;
	releaseRequest(): void;
	tryAcquireRetry(): boolean;
	releaseRetry(): void;
	/** The limits of a kind that nothing more fits into, with Envoy's names and what they allow: `max_pending_requests 1`. */
	describeReached(kind: "use" | "retries"): string;
	/** What is allowed at the moment: the runtime's limits where it has some, and what the retry budget comes to. */
	describeLimits(): Pick<
		CircuitBreakerThresholds,
		"maxConnections" | "maxPendingRequests" | "maxRequests" | "maxRetries"
	>;
}

/** Success rates of the last interval in percent, -1 while unknown. */
export interface OutlierSummary {
	readonly external: Readonly<SuccessRateThreshold>;
	readonly local: Readonly<SuccessRateThreshold>;
}

/** A cluster at work. */
export interface Cluster {
	readonly config: ClusterConfig;
	readonly name: string;
	/** `cluster.<name>.*`. */
	readonly stats: UpstreamStats;
	/** The answers by code, and times of answers. */
	readonly responses: ClusterResponseStats;
	/** The answers of hosts in the zone of this one; undefined where the proxy or the host has no zone. */
	zoneResponses(host: Host): ResponseCodeStats | undefined;
	/** What is measured of each attempt; undefined when nothing is asked for. */
	readonly measures: ClusterMeasures | undefined;
	/** Where further statistics of the cluster are made; closed with the cluster. */
	readonly statsScope: StatsScope;
	/** All hosts of all priorities. */
	readonly hosts: readonly Host[];
	/** Why names of endpoints have no address now, by name. */
	readonly nameProblems: ReadonlyMap<string, string>;
	/** False until the first assignment or name resolution came (or its fetch timed out). */
	readonly isWarm: boolean;
	/** Calls back once, at once when it is warm already. */
	onWarm(callback: () => void): void;
	/** The host for a request; undefined when there is none to give (UH). */
	chooseHost(context: BalancerContext<Host>): Host | undefined;
	/** The cluster that a chosen host is of: a member in an aggregate, else this one. */
	ownerOf(host: Host): Cluster;
	/** Whether the runtime says that this request is not to be served. */
	drawMaintenance(): boolean;
	/** The priority of a host among all that this cluster chooses from. */
	priorityOf(host: Host): number;
	resources(priority: "default" | "high"): ClusterResources;
	/** A new assignment (EDS). */
	updateAssignment(assignment: AssignmentConfig): void;
	onHostsChanged(listener: (added: readonly Host[], removed: readonly Host[]) => void): () => void;
	/** A host's connections must end (health failure with the close option set): those without requests of their own at once. */
	onCloseConnections(listener: (host: Host) => void): () => void;
	/** A host's connections must end after the requests on them (it failed, or the set of hosts changed). */
	onDrainConnections(listener: (host: Host) => void): () => void;
	/** Rates of outlier detection; undefined without. */
	readonly outlier: OutlierSummary | undefined;
	/** Changes whenever hosts or their health do. */
	readonly healthVersion: number;
	/** The status an attempt was answered with; gRPC statuses mapped to HTTP by the caller. */
	reportResponse(host: Host, status: number): void;
	reportLocal(host: Host, outcome: LocalOutcome): void;
	/** The host answered that it is not well (`x-envoy-immediate-health-check-fail`): it fails until its next active check. */
	failHealthAtOnce(host: Host): void;
	/** Share of requests to refuse (drop_overload), in [0, 1]. */
	readonly dropShare: number;
	/** What the assignment calls these refusals; empty while it wants none. */
	readonly dropCategory: string;
	/** Requests that were refused for it. */
	readonly overloadDrops: Count;
	/** Stops timers and lookups; hosts stay for requests in flight. */
	close(): void;
}
