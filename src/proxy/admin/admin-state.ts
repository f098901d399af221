import type { Bootstrap } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Log } from "../../core/index.ts";
import type { MetricsRegistry, TaggedName } from "../../telemetry/index.ts";
import type { TapControl } from "../tap/index.ts";

/** Whether the proxy serves, as `/ready` and `/server_info` say it. */
export type Readiness = "LIVE" | "DRAINING" | "PRE_INITIALIZING" | "INITIALIZING";

/** What the admin port shows and does: everything it needs of the proxy, implemented by whoever assembles it. */
export interface AdminState {
	readonly registry: MetricsRegistry;
	/** Takes tags out of dotted names for Prometheus. */
	readonly tagsOf: (statName: string) => TaggedName;
	readonly log: Log;
	readiness(): Readiness;
	serverInfo(): AdminServerInfo;
	listeners(): readonly AdminListener[];
	clusters(): readonly AdminCluster[];
	certificates(): readonly AdminCertificate[];
	readonly config: AdminConfig;
	/** The last requests that failed, and how many were too many to be kept. */
	readonly failedRequests: {
		list(requestId: string | undefined, limit: number, kind?: "failed" | "dry-run"): readonly string[];
		countSkipped(): number;
	};
	/** Why names of a cluster's endpoints have no address now; empty where they have, and where nothing is known. */
	describeNames(cluster: string): string;
	runtime(): AdminRuntime;
	/** Filters that record requests when they are asked to. */
	readonly taps: TapControl;
	/** Makes health checks (and `/ready`) fail, or takes that back. */
	setHealthCheckFailing(failing: boolean): void;
	drainListeners(options: DrainOptions): void;
	reopenLogs(): void;
	/** Begins the end of the process. */
	quit(): void;
}

/** What `/server_info` says beside the state. */
export interface AdminServerInfo {
	readonly version: string;
	/** Seconds since this process began. */
	readonly uptimeSeconds: number;
	readonly concurrency: number;
	readonly configPath: string;
	/** Flags with Envoy's names, over their defaults. */
	readonly shownFlags?: Readonly<Record<string, unknown>>;
	readonly logLevel: string;
	readonly serviceCluster: string;
	readonly serviceNode: string;
	readonly serviceZone: string;
	/** `disabled`, or the version that processes taking over from each other must agree on. */
	readonly hotRestartVersion: string;
	readonly drainTimeSeconds: number;
	readonly restartEpoch: number;
}

/** How `/drain_listeners` ends them. */
export interface DrainOptions {
	/** Ask clients to go, and close only after the drain time. */
	readonly graceful: boolean;
	readonly inboundOnly: boolean;
	/** Ask clients to go, but never stop listening. */
	readonly skipExit: boolean;
}

export type AdminAddress =
	| { readonly kind: "socket"; readonly address: string; readonly port: number }
	| { readonly kind: "pipe"; readonly path: string };

/** The address of a listener or of an endpoint. */
export type ShownAddress =
	| AdminAddress
	| { readonly kind: "internal"; readonly path: string; readonly listener: string; readonly endpoint: string };

/** One listener. */
export interface AdminListener {
	readonly name: string;
	/** Where it listens, with the ports the system gave. The first is its own, the others are additional. */
	readonly addresses: readonly ShownAddress[];
}

/** One cluster. */
export interface AdminCluster {
	readonly name: string;
	/** alt_stat_name, else the name. */
	readonly observabilityName: string;
	readonly addedViaApi: boolean;
	/** Empty when there is none. */
	readonly edsServiceName: string;
	readonly limits: { readonly default: AdminLimits; readonly high: AdminLimits };
	/** Outlier detection's averages, -1 while unknown; undefined without outlier detection. */
	readonly outlier:
		| {
				readonly successRateAverage: number;
				readonly successRateThreshold: number;
				readonly localOriginSuccessRateAverage: number;
				readonly localOriginSuccessRateThreshold: number;
		  }
		| undefined;
	readonly overprovisioningFactor: number;
	readonly hosts: readonly AdminHost[];
}

/** Circuit breaker limits of one priority. */
export interface AdminLimits {
	readonly maxConnections: number;
	readonly maxPendingRequests: number;
	readonly maxRequests: number;
	readonly maxRetries: number;
}

/** One endpoint. */
export interface AdminHost {
	readonly address: ShownAddress;
	readonly hostname: string;
	/** Names of set flags as `/clusters` prints them (`failed_eds_health`); empty when healthy. */
	readonly healthFlags: readonly string[];
	/** HEALTHY, UNHEALTHY, DEGRADED, DRAINING or TIMEOUT, as discovery said. */
	readonly edsHealth: string;
	readonly weight: number;
	readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
	readonly canary: boolean;
	/** By filter name. */
	readonly metadata: Readonly<Record<string, unknown>>;
	readonly priority: number;
	/** Percent, -1 while unknown. */
	readonly successRate: number;
	readonly localOriginSuccessRate: number;
	readonly stats: AdminHostStats;
}

/** Counts of one endpoint. */
export interface AdminHostStats {
	readonly cx_active: number;
	readonly cx_connect_fail: number;
	readonly cx_total: number;
	readonly rq_active: number;
	readonly rq_error: number;
	readonly rq_pending_active: number;
	readonly rq_success: number;
	readonly rq_timeout: number;
	readonly rq_total: number;
}

/** One certificate in use with the roots it is checked against, as PEM. No keys. */
export interface AdminCertificate {
	readonly caCertificates: readonly AdminPem[];
	readonly chain: readonly AdminPem[];
}

export interface AdminPem {
	/** The file it came from, or `<inline>`. */
	readonly path: string;
	readonly pem: string | Buffer;
}

/** The configuration as messages. */
export interface AdminConfig {
	readonly bootstrap: Bootstrap;
	/** Milliseconds since the Unix epoch. */
	readonly bootstrapUpdatedAt: number;
	/** Resources that came over xDS or from files and are in use. */
	accepted(): readonly AdminResource[];
	/** The newest refusals. */
	refused(): readonly AdminRefusal[];
	/** The version of the last update of a type that changed something; empty when it had none. */
	versionOf(typeUrl: string): string;
	/** Secrets that are subscribed to and have not come. */
	awaitedSecrets(): readonly string[];
	/** Whether a resource is received but not in use yet. */
	isWarming(typeUrl: string, name: string): boolean;
}

export interface AdminResource {
	readonly typeUrl: string;
	readonly name: string;
	readonly version: string;
	/** The packed message. */
	readonly value: Uint8Array;
	/** `bootstrap` for static resources. */
	readonly origin: string;
	readonly updatedAt: number;
}

export interface AdminRefusal {
	readonly typeUrl: string;
	readonly name: string;
	readonly version: string;
	readonly problem: string;
	readonly updatedAt: number;
	/** The packed message that was refused; undefined when it could not be told apart. */
	readonly value: Uint8Array | undefined;
}

/** The runtime's layers in order, with the values each sets. */
export interface AdminRuntime {
	readonly layers: readonly { readonly name: string; readonly values: ReadonlyMap<string, string> }[];
	/** Sets values in the admin layer, an empty one takes the override back; undefined when there is no admin layer. */
	readonly modify: ((values: ReadonlyMap<string, string>) => void) | undefined;
}
