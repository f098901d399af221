import { existsSync } from "node:fs";
import type { Bootstrap } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { type Clock, type Log, MeshError, type Problem, type Random, type Validated } from "../../core/index.ts";
import type { FormatEnvironment } from "../../engine/format/index.ts";
import { findStreamHandles } from "../../os/index.ts";
import { createTagExtractor } from "../../telemetry/index.ts";
import { type Admin, type AdminAddress, createAdmin } from "../admin/index.ts";
import { type ConfigSource, createConfigSource, describeNode, type Translators } from "../config-source/index.ts";
import { drainAtOnce } from "../drain/index.ts";
import type { Parent, RestartHooks } from "../hot-restart/index.ts";
import { formatAddress } from "../listener/index.ts";
import { createLoadReporter, type LoadReporter } from "../load-report/index.ts";
import {
	type BootstrapConfig,
	checkPackedRules,
	type GrpcServiceConfig,
	translateAssignment,
	translateBootstrap,
	translateCluster,
	translateExtension,
	translateListener,
	translateRouteConfiguration,
	translateRouteScope,
	translateSecret,
} from "../runtime-config/index.ts";
import type { Environment } from "../secret/index.ts";
import { createHotRestartStats, createWatchdogStats } from "../stats/index.ts";
import { createTapControl } from "../tap/index.ts";
import {
	createStatsReporter,
	createWorkerPool,
	type StatsReporter,
	type WorkerPool,
	type WorkerStart,
	type WorkerThread,
} from "../workers/index.ts";
import { createAdminState } from "./admin-state.ts";
import { createCertificateGauges } from "./certificate-gauges.ts";
import { daysUntilFirstExpiry } from "./certificates.ts";
import { createParentStats } from "./parent-stats.ts";
import type { ProxyFlags } from "./proxy-flags.ts";
import { createServing, createSharedCounts } from "./serving.ts";
import { createStatsSending } from "./stats-sending.ts";

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
	/** Starts the thread of a worker; without it there is one event loop whatever `concurrency` says. */
	readonly startWorker?: (start: WorkerStart) => WorkerThread;
	/** The process whose place this one takes. */
	readonly parent?: Parent;
	/** A worker died: the proxy cannot go on. */
	readonly onFatal?: (error: Error) => void;
	/** `/quitquitquit` was called: whoever runs the proxy ends it. */
	readonly onQuit?: () => void;
	/** Gives memory back to the system, when the overload manager wants it. */
	readonly releaseMemory?: () => void;
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
	/** What this proxy does for the process that takes its place. `onDrained` is called when its connections are gone. */
	restartHooks(onDrained: () => void): RestartHooks;
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
		isNodeNamed: hasNamedNode(bootstrap),
	});
}

function hasNamedNode({ node }: Bootstrap): boolean {
	return node !== undefined && node.id !== "" && node.cluster !== "";
}

/** Creates a proxy; nothing happens before `start`. @throws MeshError BOOTSTRAP_INVALID */
export function createProxy(options: ProxyOptions): Proxy {
	const { clock, log, random, flags } = options;
	const startedAt = clock.wall();
	const environment = toFormatEnvironment(options.environment, options.hostname);
	const isNodeNamed = hasNamedNode(options.bootstrap);
	const translated = translateBootstrap(options.bootstrap, { environment, pathExists: existsSync, isNodeNamed });
	if (!translated.ok) throw describeProblems(translated.problems);
	const config = translated.value;
	const { parent } = options;
	const sockets = parent === undefined ? {} : { sockets: parent.sockets };
	const pool =
		flags.concurrency > 1 && options.startWorker !== undefined
			? createWorkerPool({ ...options, startWorker: options.startWorker, counts: createSharedCounts(), ...sockets })
			: undefined;
	const sending = createStatsSending(config, clock, log);
	const serving = createServing({
		...options,
		config,
		discovery: { discover: (query, done) => source.discover(query, done) },
		...(sending.onRecord === undefined ? {} : { onRecord: sending.onRecord }),
		...(pool === undefined ? sockets : { clusters: { followers: pool.followers } }),
	});
	const { accessLogs, clusters, dataPath, files, localHealth, registry, runtime, secrets, serverStats } = serving;
	const stats = registry.root;
	pool?.attach({ ...serving, discovery: { discover: (query, done) => source.discover(query, done) } });
	runtime.onChange(() => pool?.setRuntime(runtime.values()));
	const listeners = pool?.listeners ?? serving.listeners;
	serverStats.concurrency.value = flags.concurrency;
	serverStats.static_unknown_fields.value = flags.staticUnknownFields;
	serverStats.hot_restart_epoch.value = flags.restartEpoch;
	serverStats.state.value = serverStates.INITIALIZING;
	serverStats.days_until_first_cert_expiring.value = noCertificateEnds;
	// What nothing here changes is shown as set, too, as monitoring asks for it with `usedonly`.
	for (const gauge of ["compilation_settings_fips_mode", "parent_connections", "stats_recent_lookups"] as const)
		serverStats[gauge].value = 0;
	if (flags.shown["disable_hot_restart"] === false)
		createHotRestartStats(stats.scope("server")).hot_restart_generation.value = flags.restartEpoch + 1;
	for (const thread of ["main_thread", "workers"]) createWatchdogStats(stats.scope(thread));
	for (let worker = 0; worker < flags.concurrency; worker++)
		createWatchdogStats(stats.scope(`server.worker_${worker}`));
	const source: ConfigSource = createConfigSource({
		bootstrap: config,
		translators: remember(pool, {
			listener: (message) =>
				translateListener(message, {
					environment,
					pathExists: existsSync,
					isNodeNamed,
					hasCluster: (name) => source.hasCluster(name),
				}),
			routes: (message) =>
				translateRouteConfiguration(message, { environment, hasCluster: (name) => source.hasCluster(name) }),
			cluster: (message) =>
				translateCluster(message, {
					environment,
					pathExists: existsSync,
					isNodeNamed,
					hasCluster: (name) => config.clusters.some((cluster) => cluster.name === name),
				}),
			assignment: (message) => translateAssignment(message, { environment }),
			extension: (message) =>
				translateExtension(message, {
					environment,
					pathExists: existsSync,
					isNodeNamed,
					hasCluster: (name) => source.hasCluster(name),
				}),
			scope: (message) => translateRouteScope(message, { environment }),
			secret: (message) => translateSecret(message, { environment }),
			rules: checkPackedRules,
		}),
		unknownFields: {
			refuse: flags.rejectUnknownDynamicFields,
			onIgnored(problem) {
				serverStats.dynamic_unknown_fields.value++;
				if (!flags.ignoreUnknownDynamicFields) log.warn("unknown field in configuration", { problem });
			},
		},
		targets: {
			listeners,
			routes: pool?.routes ?? dataPath.routes,
			extensions: pool?.extensions ?? dataPath.extensions,
			scopes: pool?.scopes ?? dataPath.scopes,
			clusters,
			assignments: clusters,
			runtime,
		},
		secrets: pool?.secrets ?? secrets,
		files,
		stats,
		clock,
		random,
		log,
		version: options.version,
		...(options.stateFolder === undefined ? {} : { stateFolder: options.stateFolder }),
	});
	const tagsOf = createTagExtractor({
		useDefaultTags: config.useDefaultTags,
		allowsOverrides: config.allowsTagOverrides,
		rules: config.statsTags,
	});
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
		failedRequests: serving.failedRequests,
		localHealth,
		taps: pool?.taps ?? createTapControl(dataPath.context.taps),
		startedAt,
	});
	let admin: Admin | undefined;
	let adminAddress: AdminAddress | undefined;
	let loads: LoadReporter | undefined;
	const showCertificateEnds = createCertificateGauges(secrets, registry.root);

	return {
		get adminAddress() {
			return adminAddress;
		},
		async start() {
			const adminDescriptor = config.admin === undefined ? undefined : parent?.takeAdmin(config.admin.address);
			await parent?.closeAdmin();
			if (config.admin !== undefined) {
				admin = createAdmin({
					state: {
						...state,
						reopenLogs,
						setHealthCheckFailing(failing) {
							state.setHealthCheckFailing(failing);
							pool?.setLocalHealth(failing);
						},
					},
					clock,
					address: config.admin.address,
					...(adminDescriptor === undefined ? {} : { descriptor: adminDescriptor }),
					flushIntervalMs: config.statsFlushIntervalMs,
					accessLogs: config.admin.accessLogs.map((log) => dataPath.context.createAccessLog(log)),
					allowedPaths: config.admin.allowedPaths,
					async refresh() {
						await refresh();
						if (config.statsFlushIntervalMs === Number.POSITIVE_INFINITY) sending.flush();
					},
				});
				adminAddress = await admin.start();
			}
			sending.start({ registry, tagsOf }, refresh, (name) => dataPath.context.getCluster(name));
			await pool?.start();
			await source.start();
			if (config.loadStats !== undefined) loads = reportLoad(config.loadStats);
			serverStats.live.value = 1;
			serverStats.initialization_time_ms.record(clock.wall() - startedAt);
			state.setLive();
			if (parent !== undefined) await followParent(parent);
			if (findStreamHandles() === undefined) {
				log.info("connections cost more here: this Node has not the stream handles that the proxy knows", {
					node: process.versions.node,
				});
			}
			log.info("proxy is live", { listeners: listeners.listeners().length, clusters: clusters.clusters().length });
		},
		reopenLogs,
		restartHooks: (onDrained) => createRestartHooks(onDrained),
		async drain() {
			state.setDraining();
			serverStats.live.value = 0;
			listeners.drain(drainAtOnce);
			const deadline = clock.now() + flags.drainTimeSeconds * 1000;
			do {
				await pool?.collect();
				if (countConnections() === 0) return;
				await wait(clock, 50);
			} while (clock.now() < deadline);
		},
		async close() {
			loads?.close();
			source.close();
			await pool?.close();
			await admin?.close();
			await sending.close();
			await serving.close();
		},
	};

	/** Workers count for themselves; main alone tells. */
	function reportLoad(service: GrpcServiceConfig): LoadReporter {
		return createLoadReporter({
			...{ clusters, clock, random, log, stats },
			service: dataPath.context.grpc.client(service),
			node: describeNode(config.node, options.version),
			refresh: async () => void (await pool?.collect()),
		});
	}

	/** Brings gauges up to date that nobody keeps. */
	async function refresh(): Promise<void> {
		await pool?.collect();
		serverStats.state.value = serverStates[state.readiness()];
		serverStats.live.value = state.readiness() === "LIVE" ? 1 : 0;
		const days = daysUntilFirstExpiry(state.certificates(), clock.wall());
		serverStats.days_until_first_cert_expiring.value = days ?? noCertificateEnds;
		showCertificateEnds(
			clusters.clusters().map(({ config }) => config),
			listeners.listeners().map((listener) => listener.config),
		);
		serverStats.uptime.value = Math.floor((clock.wall() - startedAt) / 1000);
		const memory = process.memoryUsage();
		serverStats.memory_allocated.value = memory.heapUsed;
		serverStats.memory_heap_size.value = memory.heapTotal;
		serverStats.memory_physical_size.value = memory.rss;
	}

	/** The old process drains, and what it counts meanwhile is counted here. */
	async function followParent(from: Parent): Promise<void> {
		const imported = createParentStats(registry, clusters, serverStats);
		const read = async (): Promise<void> => imported.apply(await from.readStats());
		from.onLastStats((counts) => imported.apply(counts));
		await read();
		await from.drain();
		const poll = setInterval(() => void read(), Math.min(config.statsFlushIntervalMs, 1_000)).unref();
		const deadline = clock.setTimer(flags.parentShutdownTimeSeconds * 1000, () => void read().then(() => from.end()), {
			unref: true,
		});
		from.onEnd(() => {
			clearInterval(poll);
			deadline.cancel();
			imported.end();
			log.info("the old process is gone");
		});
	}

	function createRestartHooks(onDrained: () => void): RestartHooks {
		let reporter: StatsReporter | undefined;
		const readStats: RestartHooks["readStats"] = async () => {
			await pool?.collect();
			reporter ??= createStatsReporter(registry, clusters);
			return { delta: reporter.collect(), connections: countConnections() };
		};
		return {
			listSockets: () => ({
				admin: describeAdminSocket(),
				listeners: listeners.listeners().map(({ config: { name }, sockets: bySocket }) => ({
					name,
					addresses: bySocket.map((ofAddress) => ({
						text: formatAddress(ofAddress[0]!.address),
						descriptors: ofAddress.flatMap(({ descriptor }) => descriptor ?? []),
					})),
				})),
			}),
			closeAdmin: async () => void (await admin?.close()),
			drain() {
				state.setDraining();
				serverStats.live.value = 0;
				listeners.handOver();
				void waitForConnections().then(onDrained);
			},
			readStats,
			end: onDrained,
		};
	}

	function describeAdminSocket(): ReturnType<RestartHooks["listSockets"]>["admin"] {
		const descriptor = admin?.descriptor;
		if (descriptor === undefined || adminAddress === undefined) return undefined;
		const { address, path, port } = { address: "", path: "", port: 0, ...adminAddress };
		const text = formatAddress(
			adminAddress.kind === "pipe"
				? { kind: "pipe", path, mode: 0 }
				: { kind: "socket", address, port, ipv4Compatible: false },
		);
		return { text, descriptor };
	}

	/** Resolves when no connection is left. */
	async function waitForConnections(): Promise<void> {
		for (;;) {
			await wait(clock, drainPollMs);
			await pool?.collect();
			if (countConnections() === 0) return;
		}
	}

	function reopenLogs(): void {
		accessLogs.reopen();
		pool?.reopenLogs();
	}

	function countConnections(): number {
		return listeners.listeners().reduce((sum, listener) => sum + listener.activeConnections, 0);
	}
}

/** How often a draining process looks whether its connections are gone. */
const drainPollMs = 250;

/** `server.days_until_first_cert_expiring` without certificates, as in Envoy: 2^32 - 1. */
const noCertificateEnds = 4_294_967_295;

/** `server.state`. */
const serverStates = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 } as const;

/** Every problem of a bootstrap as one error. */
export function describeProblems(problems: readonly Problem[]): MeshError {
	const lines = problems.map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
	const [first] = lines;
	const text = lines.length === 1 ? first : `${lines.length} problems:\n  ${lines.join("\n  ")}`;
	return new MeshError("BOOTSTRAP_INVALID", `the bootstrap cannot be used: ${text}`);
}

/** Workers get the bytes of what is translated: what a configuration is turned into holds functions and stays in its thread. */
function remember(pool: WorkerPool | undefined, translators: Translators): Translators {
	return pool === undefined ? translators : pool.remember(translators);
}

function toFormatEnvironment(environment: Environment, hostname: string): FormatEnvironment {
	return { hostname, environment: (name) => environment[name] };
}

function wait(clock: Clock, delayMs: number): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	clock.setTimer(delayMs, resolve);
	return promise;
}
