import { existsSync } from "node:fs";
import type { Bootstrap } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { type Clock, type Log, MeshError, type Problem, type Random, type Validated } from "../../core/index.ts";
import type { FormatEnvironment } from "../../engine/format/index.ts";
import { createAccessLogs, createMetricsRegistry, createTagExtractor } from "../../telemetry/index.ts";
import { type Admin, type AdminAddress, createAdmin } from "../admin/index.ts";
import { type ClusterDeps, createClusterManager } from "../cluster/index.ts";
import { createConfigSource } from "../config-source/index.ts";
import { type DrainStrategy, drainAtOnce } from "../drain/index.ts";
import { createFileWatcher } from "../file-watcher/index.ts";
import { createListenerManager } from "../listener/index.ts";
import {
	type BootstrapConfig,
	checkPackedRules,
	translateAssignment,
	translateBootstrap,
	translateCluster,
	translateListener,
	translateRouteConfiguration,
	translateSecret,
} from "../runtime-config/index.ts";
import { createSecretStore, type Environment } from "../secret/index.ts";
import { createFilesystemStats, createServerStats, createWatchdogStats } from "../stats/index.ts";
import { createAdminState } from "./admin-state.ts";
import { daysUntilFirstExpiry } from "./certificates.ts";
import { createChainParts } from "./chain-parts.ts";
import { createDataPath } from "./data-path.ts";
import { createLayeredRuntime } from "./layered-runtime.ts";

/** What a proxy is started with: Envoy's flags, by meaning. */
export interface ProxyFlags {
	readonly concurrency: number;
	/** Empty keeps the bootstrap's. */
	readonly configPath: string;
	readonly logLevel: string;
	readonly drainTimeSeconds: number;
	readonly drainStrategy: DrainStrategy;
	readonly restartEpoch: number;
	readonly parentShutdownTimeSeconds: number;
	/** How many fields of the bootstrap nobody knew. */
	readonly staticUnknownFields: number;
	/** Longest an entry of an access log is kept. */
	readonly accessLogFlushIntervalMs: number;
	/** Size at which access logs are written at once. */
	readonly accessLogFlushBytes: number;
	/** Fields in files of resources that nobody knows make them unusable. */
	readonly rejectUnknownDynamicFields: boolean;
	/** Nothing is said of such fields. */
	readonly ignoreUnknownDynamicFields: boolean;
}

/** What Envoy does when no flag is given. */
export const defaultProxyFlags: ProxyFlags = Object.freeze({
	concurrency: 1,
	configPath: "",
	logLevel: "info",
	drainTimeSeconds: 600,
	drainStrategy: "gradual",
	parentShutdownTimeSeconds: 900,
	restartEpoch: 0,
	rejectUnknownDynamicFields: false,
	ignoreUnknownDynamicFields: false,
	staticUnknownFields: 0,
	accessLogFlushIntervalMs: 10_000,
	accessLogFlushBytes: 64 * 1024,
});

/** Options of {@link createProxy}. */
export interface ProxyOptions {
	/** As parsed, with the flags' node id and cluster already in it. */
	readonly bootstrap: Bootstrap;
	readonly flags: ProxyFlags;
	readonly log: Log;
	readonly clock: Clock;
	readonly random: Random;
	/** Environment variables that the configuration may name, and the machine's name. */
	readonly environment: Environment;
	readonly hostname: string;
	readonly version: string;
	readonly stdout: NodeJS.WritableStream;
	readonly stderr: NodeJS.WritableStream;
	/** Where the last good configuration is kept. */
	readonly stateFolder?: string;
	/** `/quitquitquit` was called: whoever runs the proxy ends it. */
	readonly onQuit?: () => void;
}

/** A proxy. */
export interface Proxy {
	/** Resolves when it is live. @throws MeshError for a configuration that cannot be served */
	start(): Promise<void>;
	/** Stops listening, asks clients to go, resolves when they are gone or the drain time is over. */
	drain(): Promise<void>;
	/** Ends every connection, writes the access logs. */
	close(): Promise<void>;
	/** Opens access logs anew by their names, after rotation. */
	reopenLogs(): void;
	/** Where the admin port listens; undefined without one or before start. */
	readonly adminAddress: AdminAddress | undefined;
}

/** Checks a bootstrap as `--mode validate` does. */
export function validateBootstrap(
	bootstrap: Bootstrap,
	environment: Environment,
	hostname: string,
): Validated<BootstrapConfig> {
	return translateBootstrap(bootstrap, {
		environment: toFormatEnvironment(environment, hostname),
		pathExists: existsSync,
	});
}

/** Creates a proxy; nothing happens before `start`. @throws MeshError BOOTSTRAP_INVALID */
export function createProxy(options: ProxyOptions): Proxy {
	const { clock, log, random, flags } = options;
	const startedAt = clock.wall();
	const environment = toFormatEnvironment(options.environment, options.hostname);
	const translated = translateBootstrap(options.bootstrap, { environment, pathExists: existsSync });
	if (!translated.ok) throw describeProblems(translated.problems);
	const config = translated.value;
	const registry = createMetricsRegistry({ histogramBuckets: config.histogramBuckets });
	const stats = registry.root;
	const serverStats = createServerStats(stats.scope("server"));
	serverStats.concurrency.value = flags.concurrency;
	serverStats.static_unknown_fields.value = flags.staticUnknownFields;
	serverStats.hot_restart_epoch.value = flags.restartEpoch;
	serverStats.state.value = serverStates.INITIALIZING;
	for (const thread of ["main_thread", "workers"]) createWatchdogStats(stats.scope(thread));
	const runtime = createLayeredRuntime(config.runtimeLayers, stats);
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
	const files = createFileWatcher({ clock, log });
	const secrets = createSecretStore({ files, log, environment: options.environment });
	const clusters = createClusterManager({
		clock,
		random,
		log,
		stats,
		secrets,
		runtime,
		...readLocalCluster(config),
	});
	const localHealth = { isFailing: false };
	const dataPath = createDataPath({
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
		node: config.node,
	});
	const { context } = dataPath;
	const listeners = createListenerManager({
		clock,
		log,
		stats,
		nextConnectionId: () => context.nextConnectionId(),
		createChain: (chain, listener, listenerStats) => createChainParts(chain, listener, listenerStats, context, secrets),
		drainTimeMs: flags.drainTimeSeconds * 1000,
		drainStrategy: flags.drainStrategy,
		random,
		onConnection(open) {
			serverStats.total_connections.value += open ? 1 : -1;
		},
	});
	const source = createConfigSource({
		bootstrap: config,
		translators: {
			listener: (message) =>
				translateListener(message, {
					environment,
					pathExists: existsSync,
					hasCluster: (name) => source.hasCluster(name),
				}),
			routes: (message) => translateRouteConfiguration(message, { environment }),
			cluster: (message) => translateCluster(message, { environment, pathExists: existsSync }),
			assignment: (message) => translateAssignment(message, { environment }),
			secret: (message) => translateSecret(message, { environment }),
			rules: checkPackedRules,
		},
		unknownFields: {
			refuse: flags.rejectUnknownDynamicFields,
			onIgnored(problem) {
				serverStats.dynamic_unknown_fields.value++;
				if (!flags.ignoreUnknownDynamicFields) log.warn("unknown field in configuration", { problem });
			},
		},
		targets: { listeners, routes: dataPath.routes, clusters, assignments: clusters },
		secrets,
		files,
		stats,
		clock,
		random,
		log,
		version: options.version,
		...(options.stateFolder === undefined ? {} : { stateFolder: options.stateFolder }),
	});
	const tagsOf = createTagExtractor({ useDefaultTags: config.useDefaultTags, rules: config.statsTags });
	const state = createAdminState({
		options,
		config,
		registry,
		tagsOf,
		listeners,
		clusters,
		source,
		secrets,
		runtime,
		localHealth,
		startedAt,
	});
	let admin: Admin | undefined;
	let adminAddress: AdminAddress | undefined;

	return {
		get adminAddress() {
			return adminAddress;
		},
		async start() {
			if (config.admin !== undefined) {
				admin = createAdmin({
					state: { ...state, reopenLogs: () => accessLogs.reopen() },
					clock,
					address: config.admin.address,
					flushIntervalMs: config.statsFlushIntervalMs,
					refresh() {
						serverStats.state.value = serverStates[state.readiness()];
						const days = daysUntilFirstExpiry(state.certificates(), clock.wall());
						if (days !== undefined) serverStats.days_until_first_cert_expiring.value = days;
						serverStats.uptime.value = Math.floor((clock.wall() - startedAt) / 1000);
						const memory = process.memoryUsage();
						serverStats.memory_allocated.value = memory.heapUsed;
						serverStats.memory_heap_size.value = memory.heapTotal;
						serverStats.memory_physical_size.value = memory.rss;
					},
				});
				adminAddress = await admin.start();
			}
			await source.start();
			serverStats.live.value = 1;
			serverStats.initialization_time_ms.record(clock.wall() - startedAt);
			state.setLive();
			log.info("proxy is live", { listeners: listeners.listeners().length, clusters: clusters.clusters().length });
		},
		reopenLogs: () => accessLogs.reopen(),
		async drain() {
			state.setDraining();
			serverStats.live.value = 0;
			listeners.drain(drainAtOnce);
			const deadline = clock.now() + flags.drainTimeSeconds * 1000;
			while (countConnections() > 0 && clock.now() < deadline) await wait(clock, 50);
		},
		async close() {
			source.close();
			listeners.close();
			dataPath.close();
			clusters.close();
			files.close();
			secrets.close();
			await admin?.close();
			await accessLogs.close();
		},
	};

	function countConnections(): number {
		return listeners.listeners().reduce((sum, listener) => sum + listener.activeConnections, 0);
	}
}

/** Where this proxy stands among its like, for zone-aware balancing. */
function readLocalCluster({ localClusterName: name, node }: BootstrapConfig): Pick<ClusterDeps, "localCluster"> {
	const { region = "", zone = "", subZone = "" } = node.locality ?? {};
	return name === "" ? {} : { localCluster: { name, locality: { region, zone, subZone } } };
}

/** Entries are kept no longer than this, whatever Envoy's flag would allow: who reads a log wants to see what happens. */
const longestKeptMs = 1_000;

/** `server.state`. */
const serverStates = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 } as const;

/** Every problem of a bootstrap as one error. */
export function describeProblems(problems: readonly Problem[]): MeshError {
	const lines = problems.map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
	const [first] = lines;
	const text = lines.length === 1 ? first : `${lines.length} problems:\n  ${lines.join("\n  ")}`;
	return new MeshError("BOOTSTRAP_INVALID", `the bootstrap cannot be used: ${text}`);
}

function toFormatEnvironment(environment: Environment, hostname: string): FormatEnvironment {
	return { hostname, environment: (name) => environment[name] };
}

function wait(clock: Clock, delayMs: number): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	clock.setTimer(delayMs, resolve);
	return promise;
}
