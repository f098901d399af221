import { hotRestartVersion } from "../../core/index.ts";
import type { MetricsRegistry, TaggedName } from "../../telemetry/index.ts";
import type { AdminCluster, AdminState, Readiness, ShownAddress } from "../admin/index.ts";
import { type Cluster, type ClusterManager, describeHealthFlags } from "../cluster/index.ts";
import type { ConfigSource } from "../config-source/index.ts";
import type { FailedRequests } from "../failed-requests/index.ts";
import type { ListenerManager } from "../listener/index.ts";
import { type AddressConfig, type BootstrapConfig, plainName } from "../runtime-config/index.ts";
import type { SecretStore } from "../secret/index.ts";
import type { TapControl } from "../tap/index.ts";
import { listCertificates } from "./certificates.ts";
import type { ProxyOptions } from "./create-proxy.ts";
import type { LayeredRuntime } from "./layered-runtime.ts";

/** What the admin port's view is made from. */
export interface AdminStateParts {
	readonly options: ProxyOptions;
	readonly config: BootstrapConfig;
	readonly registry: MetricsRegistry;
	readonly tagsOf: (statName: string) => TaggedName;
	readonly listeners: ListenerManager;
	readonly clusters: ClusterManager;
	readonly source: ConfigSource;
	readonly secrets: SecretStore;
	readonly runtime: LayeredRuntime;
	readonly failedRequests: FailedRequests;
	readonly localHealth: { isFailing: boolean };
	readonly taps: TapControl;
	/** Milliseconds since the Unix epoch. */
	readonly startedAt: number;
}

/** The proxy as its admin port shows it. */
export function createAdminState(parts: AdminStateParts): AdminState & { setLive(): void; setDraining(): void } {
	const { options, config, registry, listeners, clusters, secrets, runtime, source, localHealth, startedAt } = parts;
	const { clock, flags, log } = options;
	let readiness: Readiness = "INITIALIZING";
	return {
		registry,
		taps: parts.taps,
		tagsOf: parts.tagsOf,
		log,
		readiness: () => (localHealth.isFailing && readiness === "LIVE" ? "DRAINING" : readiness),
		serverInfo: () => ({
			version: options.version,
			uptimeSeconds: Math.floor((clock.wall() - startedAt) / 1000),
			concurrency: flags.concurrency,
			configPath: flags.configPath,
			shownFlags: flags.shown,
			logLevel: flags.logLevel,
			serviceCluster: "",
			serviceNode: "",
			serviceZone: "",
			hotRestartVersion: flags.shown["disable_hot_restart"] === false ? hotRestartVersion : "disabled",
			drainTimeSeconds: flags.drainTimeSeconds,
			restartEpoch: flags.restartEpoch,
		}),
		listeners: () =>
			listeners.listeners().map((listener) => ({
				name: listener.config.name,
				addresses: listener.boundAddresses.map(toShownAddress),
			})),
		clusters: () => clusters.clusters().map((cluster) => describeCluster(cluster, config)),
		certificates: () =>
			listCertificates(
				clusters.clusters().map((cluster) => cluster.config),
				listeners.listeners().map((listener) => listener.config),
				secrets,
			),
		config: {
			bootstrap: options.bootstrap,
			bootstrapUpdatedAt: startedAt,
			accepted: () => source.describe().accepted,
			refused: () => source.describe().refused,
			awaitedSecrets: () => source.describe().awaitedSecrets,
			versionOf: (typeUrl) => source.describe().versionOf(typeUrl),
			isWarming(typeUrl, name) {
				const { warmingClusters, warmingListeners } = source.describe();
				return (typeUrl.endsWith(".Cluster") ? warmingClusters : warmingListeners).includes(name);
			},
		},
		failedRequests: parts.failedRequests,
		describeNames(name) {
			const found = clusters.clusters().find((cluster) => cluster.name === name);
			return [...(found?.nameProblems.values() ?? [])].join("; ");
		},
		runtime: () => runtime.describe(),
		setHealthCheckFailing(failing) {
			localHealth.isFailing = failing;
		},
		drainListeners({ graceful, inboundOnly, skipExit }) {
			if (!graceful) {
				if (skipExit) return;
				listeners.stopAccepting(inboundOnly);
				return;
			}
			listeners.announceDrain(inboundOnly);
			if (skipExit) return;
			clock.setTimer(flags.drainTimeSeconds * 1000, () => listeners.stopAccepting(inboundOnly), { unref: true });
		},
		reopenLogs: () => undefined,
		quit: () => options.onQuit?.(),
		setLive() {
			readiness = "LIVE";
		},
		setDraining() {
			readiness = "DRAINING";
		},
	};
}

function toShownAddress(address: AddressConfig): ShownAddress {
	if (address.kind === "socket") return { kind: "socket", address: address.address, port: address.port };
	return address.kind === "pipe" ? { kind: "pipe", path: address.path } : address;
}

function describeCluster(cluster: Cluster, bootstrap: BootstrapConfig): AdminCluster {
	const { discovery, statName, name } = cluster.config;
	const serviceName = discovery.kind === "eds" ? plainName(discovery.serviceName) : name;
	const isStatic = bootstrap.clusters.some((config) => config.name === name);
	return {
		name,
		observabilityName: statName === name.replaceAll(":", "_") ? name : statName,
		addedViaApi: !isStatic,
		edsServiceName: serviceName === name ? "" : serviceName,
		limits: {
			default: cluster.resources("default").describeLimits(),
			high: cluster.resources("high").describeLimits(),
		},
		outlier:
			cluster.outlier === undefined
				? undefined
				: {
						successRateAverage: cluster.outlier.external.average,
						successRateThreshold: cluster.outlier.external.threshold,
						localOriginSuccessRateAverage: cluster.outlier.local.average,
						localOriginSuccessRateThreshold: cluster.outlier.local.threshold,
					},
		overprovisioningFactor: 140,
		hosts: cluster.hosts.map((host) => ({
			address: toShownAddress(host.endpoint),
			hostname: host.hostname,
			healthFlags: describeHealthFlags(host.healthFlags),
			edsHealth: host.edsHealth === "unknown" ? "HEALTHY" : host.edsHealth.toUpperCase(),
			weight: host.weight,
			locality: host.locality,
			canary: host.canary,
			metadata: host.metadata,
			priority: host.priority,
			successRate: host.outlier?.external.rate ?? -1,
			localOriginSuccessRate: host.outlier?.local.rate ?? -1,
			stats: {
				cx_active: host.stats.cx_active.value,
				cx_connect_fail: host.stats.cx_connect_fail.value,
				cx_total: host.stats.cx_total.value,
				rq_active: host.stats.rq_active.value,
				rq_error: host.stats.rq_error.value,
				rq_pending_active: host.stats.rq_pending_active.value,
				rq_success: host.stats.rq_success.value,
				rq_timeout: host.stats.rq_timeout.value,
				rq_total: host.stats.rq_total.value,
			},
		})),
	};
}
