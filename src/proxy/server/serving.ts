import { type Clock, type Log, type Random, SharedCounts } from "../../core/index.ts";
import {
	type AccessLogs,
	createAccessLogs,
	createMetricsRegistry,
	type MetricsRegistry,
} from "../../telemetry/index.ts";
import { type ClusterDeps, type ClusterManager, createClusterManager } from "../cluster/index.ts";
import type { ClusterDiscovery } from "../config-source/index.ts";
import type { DataPathContext } from "../data-path-context.ts";
import type { FailedRequests } from "../failed-requests/index.ts";
import { createFileWatcher, type FileWatcher } from "../file-watcher/index.ts";
import { createListenerManager, type ListenerManager, type SocketSupply } from "../listener/index.ts";
import { createOverload } from "../overload/index.ts";
import type { BootstrapConfig } from "../runtime-config/index.ts";
import { createSecretStore, type Environment, type SecretStore } from "../secret/index.ts";
import { createFilesystemStats, createServerStats, type ServerStats } from "../stats/index.ts";
import { createChainParts } from "./chain-parts.ts";
import { createDataPath, type DataPath } from "./data-path.ts";
import { createLayeredRuntime, type LayeredRuntime } from "./layered-runtime.ts";
import type { ProxyFlags } from "./proxy-flags.ts";

/** What one thread serves with. */
export interface ServingOptions {
	readonly config: BootstrapConfig;
	readonly flags: ProxyFlags;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly environment: Environment;
	readonly stdout: NodeJS.WritableStream;
	readonly stderr: NodeJS.WritableStream;
	/** What threads share and tell each other about clusters. */
	readonly clusters?: Pick<ClusterDeps, "shared" | "leader" | "followers">;
	readonly sockets?: SocketSupply;
	/** Asks for clusters that are not there. */
	readonly discovery: ClusterDiscovery;
	/** Called for every value of a histogram. */
	readonly onRecord?: (name: string, value: number) => void;
	/** Gives memory back to the system, when the overload manager wants it. */
	readonly releaseMemory?: () => void;
	/** Connection ids are `first`, `first + step`, …, so that threads do not give one twice. */
	readonly connectionIds?: { readonly first: number; readonly step: number };
}

/** The data path of one thread with everything below it. */
export interface Serving {
	readonly registry: MetricsRegistry;
	readonly serverStats: ServerStats;
	readonly runtime: LayeredRuntime;
	readonly accessLogs: AccessLogs;
	readonly files: FileWatcher;
	readonly secrets: SecretStore;
	readonly clusters: ClusterManager;
	readonly dataPath: DataPath;
	readonly failedRequests: FailedRequests;
	readonly listeners: ListenerManager;
	readonly localHealth: {
		-readonly [Key in keyof DataPathContext["localHealth"]]: DataPathContext["localHealth"][Key];
	};
	close(): Promise<void>;
}

/** Assembles the data path of a thread: the only one of a proxy, or a worker's. */
export function createServing(options: ServingOptions): Serving {
	const { clock, config, environment, flags, log, random } = options;
	const registry = createMetricsRegistry({
		histogramBuckets: config.histogramBuckets,
		...(options.onRecord === undefined ? {} : { onRecord: options.onRecord }),
		...(config.hidesStatistic === undefined ? {} : { hides: config.hidesStatistic }),
	});
	const stats = registry.root;
	const serverStats = createServerStats(stats.scope("server"));
	const files = createFileWatcher({ clock, log });
	const runtime = createLayeredRuntime(config.runtimeLayers, stats, files);
	const accessLogs = createAccessLogs({
		clock,
		random,
		runtime,
		stats: createFilesystemStats(stats.scope("filesystem")),
		stdout: options.stdout,
		stderr: options.stderr,
		limits: {
			flushIntervalMs: Math.min(flags.accessLogFlushIntervalMs, longestKeptMs),
			flushBytes: flags.accessLogFlushBytes,
		},
	});
	const secrets = createSecretStore({ files, log, environment });
	const clusterParts = {
		clock,
		random,
		log,
		stats,
		secrets,
		runtime,
		...readLocalCluster(config),
		...readEventLogs(config, accessLogs),
	};
	const clusters = createClusterManager({ ...clusterParts, ...options.clusters });
	const localHealth = { isFailing: false };
	const { node } = config;
	const connections = options.clusters?.shared?.claim("downstream connections") ?? { value: 0 };
	const overload = createOverload(config.overload, {
		clock,
		random,
		log,
		runtime,
		stats,
		connections,
		releaseMemory: options.releaseMemory ?? (() => undefined),
	});
	const parts = {
		overload,
		localHealth,
		clock,
		random,
		log,
		stats,
		runtime,
		clusters,
		secrets,
		accessLogs,
		registry,
		node,
	};
	const dataPath = createDataPath({
		...parts,
		discovery: options.discovery,
		connectionIds: options.connectionIds ?? { first: 1, step: 1 },
		bindAddresses: config.bindAddresses,
	});
	const { context } = dataPath;
	const listeners = createListenerManager({
		clock,
		log,
		stats,
		runtime,
		createAccessLog: (spec) => context.createAccessLog(spec),
		extensions: context.extensions,
		nextConnectionId: () => context.nextConnectionId(),
		createChain: (chain, listener, listenerStats) => createChainParts(chain, listener, listenerStats, context, secrets),
		drainTimeMs: flags.drainTimeSeconds * 1000,
		drainStrategy: flags.drainStrategy,
		random,
		worker: (options.connectionIds?.first ?? 1) - 1,
		...(options.sockets === undefined ? {} : { sockets: options.sockets }),
		overload,
		onRefused: (connection) => context.failedRequests.seeRefused(connection),
		onConnection(open) {
			serverStats.total_connections.value += open ? 1 : -1;
		},
	});
	return {
		registry,
		serverStats,
		runtime,
		accessLogs,
		files,
		secrets,
		clusters,
		dataPath,
		failedRequests: context.failedRequests,
		listeners,
		localHealth,
		async close() {
			overload.close();
			listeners.close();
			if (dataPath.flush()) await wait(clock, logFlushMs);
			dataPath.close();
			clusters.close();
			files.close();
			secrets.close();
			await accessLogs.close();
		},
	};
}

/** Only who decides about hosts writes: workers open nothing. */
function readEventLogs(
	{ outlierEventLogPath: path }: BootstrapConfig,
	accessLogs: AccessLogs,
): Pick<ClusterDeps, "openEventLog" | "openOutlierLog"> {
	return {
		openEventLog: (file) => accessLogs.openLines(file),
		...(path === "" ? {} : { openOutlierLog: () => accessLogs.openLines(path) }),
	};
}

/** Where this proxy stands, and among its like, for zone-aware balancing. */
function readLocalCluster({
	localClusterName: name,
	node,
}: BootstrapConfig): Pick<ClusterDeps, "localCluster" | "localZone"> {
	const { region = "", zone = "", subZone = "" } = node.locality ?? {};
	if (name === "") return { localZone: zone };
	return { localZone: zone, localCluster: { name, locality: { region, zone, subZone } } };
}

/** What the last entries to log services get to leave. */
const logFlushMs = 200;

function wait(clock: Clock, delayMs: number): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	clock.setTimer(delayMs, resolve);
	return promise;
}

/** Entries are kept no longer than this, whatever Envoy's flag would allow: who reads a log wants to see what happens. */
const longestKeptMs = 1_000;

/** Room for the numbers of a few thousand clusters. */
export function createSharedCounts(): SharedCounts {
	return new SharedCounts({ slots: 32_768 });
}
