import type { BalancedHost, BalancerContext } from "../../engine/load-balancer/index.ts";
import type {
	AddressConfig,
	AssignmentConfig,
	ClusterConfig,
	LocalityName,
	UpstreamTransportSocket,
} from "../runtime-config/index.ts";

/** One endpoint of a cluster. It stays the same object while its address stays in the assignment, so that connection pools,
 *  counts and health survive updates. */
export interface Host extends BalancedHost {
	readonly endpoint: AddressConfig;
	locality: LocalityName;
	/** The socket this endpoint's metadata selects. */
	transportSocket: UpstreamTransportSocket;
	/** Set when the host left the cluster: no new requests, pools drain. */
	removed: boolean;
	readonly stats: HostStats;
	/** Belongs to the connection pool: its pools for this host. */
	pools: unknown;
	/** Bits of {@link HealthFlag}; 0 is healthy. */
	healthFlags: number;
	/** Facts for formats: `%UPSTREAM_HOST%` and what belongs to it. */
	activeConnections: number;
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

/** Per-host counts of `/clusters` and of the endpoint statistics. */
export interface HostStats {
	readonly cx_active: Count;
	readonly cx_connect_fail: Count;
	readonly cx_total: Count;
	readonly rq_active: Count;
	readonly rq_error: Count;
	readonly rq_success: Count;
	readonly rq_timeout: Count;
	readonly rq_total: Count;
}

/** How an attempt on a host failed without an answer, for outlier detection. */
export type LocalFailure = "connect-failure" | "connect-timeout" | "request-timeout" | "reset";

/** The limits of one priority and what is in use. Acquire before use; false means overflow (count it, answer UO). */
export interface ClusterResources {
	tryAcquireConnection(): boolean;
	releaseConnection(): void;
	tryAcquirePending(): boolean;
	releasePending(): void;
	tryAcquireRequest(): boolean;
	releaseRequest(): void;
	tryAcquireRetry(): boolean;
	releaseRetry(): void;
}

/** A cluster at work. */
export interface Cluster {
	readonly config: ClusterConfig;
	readonly name: string;
	readonly stats: ClusterStats;
	/** All hosts of all priorities. */
	readonly hosts: readonly Host[];
	/** False until the first assignment or name resolution came (or its fetch timed out). */
	readonly isWarm: boolean;
	/** Calls back once, at once when it is warm already. */
	onWarm(callback: () => void): void;
	/** The host for a request; undefined when there is none to give (UH). */
	chooseHost(context: BalancerContext<Host>): Host | undefined;
	resources(priority: "default" | "high"): ClusterResources;
	/** A new assignment (EDS). */
	updateAssignment(assignment: AssignmentConfig): void;
	onHostsChanged(listener: (added: readonly Host[], removed: readonly Host[]) => void): () => void;
	/** A host's connections must end (health failure with the close options set). */
	onCloseConnections(listener: (host: Host) => void): () => void;
	/** The status an attempt was answered with; gRPC statuses mapped to HTTP by the caller. */
	reportResponse(host: Host, status: number): void;
	reportFailure(host: Host, failure: LocalFailure): void;
	/** Share of requests to refuse (drop_overload), in [0, 1]. */
	readonly dropShare: number;
	/** Stops timers and lookups; hosts stay for requests in flight. */
	close(): void;
}

/** Statistics `cluster.<name>.*`, spelled as Envoy does. Counters and gauges alike are numbers the hot path changes. */
export type ClusterStats = Readonly<Record<ClusterStatName, Count>>;

/** Names below `cluster.<name>.`. */
export const clusterCounterNames = [
	"upstream_cx_total",
	"upstream_cx_http1_total",
	"upstream_cx_http2_total",
	"upstream_cx_connect_fail",
	"upstream_cx_connect_timeout",
	"upstream_cx_connect_attempts_exceeded",
	"upstream_cx_overflow",
	"upstream_cx_destroy",
	"upstream_cx_destroy_local",
	"upstream_cx_destroy_remote",
	"upstream_cx_destroy_with_active_rq",
	"upstream_cx_destroy_local_with_active_rq",
	"upstream_cx_destroy_remote_with_active_rq",
	"upstream_cx_close_notify",
	"upstream_cx_rx_bytes_total",
	"upstream_cx_tx_bytes_total",
	"upstream_cx_protocol_error",
	"upstream_cx_max_requests",
	"upstream_cx_max_duration_reached",
	"upstream_cx_none_healthy",
	"upstream_cx_idle_timeout",
	"upstream_cx_pool_overflow",
	"upstream_rq_total",
	"upstream_rq_completed",
	"upstream_rq_pending_total",
	"upstream_rq_pending_overflow",
	"upstream_rq_pending_failure_eject",
	"upstream_rq_cancelled",
	"upstream_rq_maintenance_mode",
	"upstream_rq_timeout",
	"upstream_rq_max_duration_reached",
	"upstream_rq_per_try_timeout",
	"upstream_rq_per_try_idle_timeout",
	"upstream_rq_rx_reset",
	"upstream_rq_tx_reset",
	"upstream_rq_retry",
	"upstream_rq_retry_backoff_exponential",
	"upstream_rq_retry_backoff_ratelimited",
	"upstream_rq_retry_success",
	"upstream_rq_retry_overflow",
	"upstream_rq_retry_limit_exceeded",
	"upstream_rq_dropped",
	"upstream_rq_drop_overload",
	"upstream_internal_redirect_succeeded_total",
	"upstream_internal_redirect_failed_total",
	"upstream_flow_control_paused_reading_total",
	"upstream_flow_control_resumed_reading_total",
	"upstream_flow_control_backed_up_total",
	"upstream_flow_control_drained_total",
	"retry_or_shadow_abandoned",
	"membership_change",
	"update_attempt",
	"update_success",
	"update_failure",
	"update_empty",
	"update_no_rebuild",
	"assignment_stale",
	"assignment_timeout_received",
	"bind_errors",
	"original_dst_host_invalid",
	"lb_healthy_panic",
	"lb_local_cluster_not_ok",
	"lb_recalculate_zone_structures",
	"lb_zone_cluster_too_small",
	"lb_zone_no_capacity_left",
	"lb_zone_number_differs",
	"lb_zone_routing_all_directly",
	"lb_zone_routing_cross_zone",
	"lb_zone_routing_sampled",
	"lb_subsets_created",
	"lb_subsets_removed",
	"lb_subsets_selected",
	"lb_subsets_fallback",
	"lb_subsets_fallback_panic",
] as const;
export const clusterGaugeNames = [
	"upstream_cx_active",
	"upstream_cx_rx_bytes_buffered",
	"upstream_cx_tx_bytes_buffered",
	"upstream_rq_active",
	"upstream_rq_pending_active",
	"membership_total",
	"membership_healthy",
	"membership_degraded",
	"membership_excluded",
	"max_host_weight",
	"version",
	"warming_state",
	"lb_subsets_active",
] as const;
export type ClusterStatName = (typeof clusterCounterNames)[number] | (typeof clusterGaugeNames)[number];
