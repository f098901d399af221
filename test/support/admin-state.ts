import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../../src/api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { createLog } from "../../src/core/index.ts";
import type { AdminCluster, AdminHost, AdminState, DrainOptions, Readiness } from "../../src/proxy/admin/index.ts";
import { createMetricsRegistry, createTagExtractor, type MetricsRegistry } from "../../src/telemetry/index.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A proxy behind an admin port, for tests: what it was told lies in `calls`, everything it shows can be set. */
export interface FakeAdminState extends Mutable<AdminState> {
	readonly registry: MetricsRegistry;
	readonly calls: string[];
	ready: Readiness;
	shownClusters: readonly AdminCluster[];
	readonly runtimeChanges: Map<string, string>;
}

/** A state that runs on `bootstrap`, with nothing happening. */
export function createFakeAdminState(bootstrap: Readonly<Record<string, unknown>>): FakeAdminState {
	const calls: string[] = [];
	const runtimeChanges = new Map<string, string>();
	const state: FakeAdminState = {
		calls,
		runtimeChanges,
		ready: "LIVE",
		shownClusters: [],
		registry: createMetricsRegistry(),
		tagsOf: createTagExtractor(),
		log: createLog({ write: () => undefined }),
		readiness: () => state.ready,
		serverInfo: () => ({
			version: "amime/0.1.0",
			uptimeSeconds: 12.7,
			concurrency: 1,
			configPath: "bootstrap.yaml",
			logLevel: "info",
			serviceCluster: "",
			serviceNode: "",
			drainTimeSeconds: 600,
			serviceZone: "",
			hotRestartVersion: "disabled",
			restartEpoch: 0,
		}),
		taps: { ids: () => new Set<string>(), attach: () => () => undefined },
		listeners: () => [],
		clusters: () => state.shownClusters,
		certificates: () => [],
		config: {
			bootstrap: fromJson(BootstrapSchema, bootstrap as JsonValue, { registry: apiRegistry }),
			bootstrapUpdatedAt: Date.UTC(2026, 0, 1),
			accepted: () => [],
			refused: () => [],
			isWarming: () => false,
			versionOf: () => "",
			awaitedSecrets: () => [],
		},
		failedRequests: { list: () => [], countSkipped: () => 0 },
		describeNames: () => "",
		runtime: () => ({
			layers: [
				{ name: "base", values: new Map([["a.b", "1"]]) },
				{ name: "admin", values: runtimeChanges },
			],
			modify: (values) => {
				for (const [key, value] of values) runtimeChanges.set(key, value);
			},
		}),
		setHealthCheckFailing: (failing) => void calls.push(`health check failing: ${failing}`),
		drainListeners: (options: DrainOptions) => void calls.push(`drain ${JSON.stringify(options)}`),
		reopenLogs: () => void calls.push("reopen logs"),
		quit: () => void calls.push("quit"),
	};
	return state;
}

/** A cluster of one healthy host on which nothing happened. */
export function createAdminCluster(name: string, host: Partial<AdminHost> = {}): AdminCluster {
	const limits = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 };
	return {
		name,
		observabilityName: name,
		addedViaApi: false,
		edsServiceName: "",
		limits: { default: limits, high: limits },
		outlier: undefined,
		overprovisioningFactor: 140,
		hosts: [
			{
				address: { kind: "socket", address: "127.0.0.1", port: 1 },
				hostname: "host",
				healthFlags: [],
				edsHealth: "HEALTHY",
				weight: 1,
				locality: { region: "r", zone: "z", subZone: "s" },
				canary: false,
				metadata: {},
				priority: 0,
				successRate: -1,
				localOriginSuccessRate: -1,
				stats: {
					cx_active: 0,
					cx_connect_fail: 0,
					cx_total: 0,
					rq_active: 0,
					rq_error: 0,
					rq_pending_active: 0,
					rq_success: 0,
					rq_timeout: 0,
					rq_total: 0,
				},
				...host,
			},
		],
	};
}
