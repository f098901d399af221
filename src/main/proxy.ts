import { writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { createTurnClock, MeshError, systemClock, systemRandom } from "../core/index.ts";
import {
	createProxy,
	type Proxy as DataPlane,
	describeProblems,
	findLevelProblem,
	type ProxyFlags,
	type RestartServer,
	validateBootstrap,
} from "../proxy/index.ts";
import { readVersion } from "./host.ts";
import { awaitSuccessor, findParent } from "./hot-restart.ts";
import { waitForSignal } from "./process.ts";
import { readBootstrap } from "./proxy-bootstrap.ts";
import { createProxyLog } from "./proxy-log.ts";
import { collectGarbage, followKeptMemory, releaseStartMemory } from "./release-memory.ts";
import { tuneCollector } from "./tune-collector.ts";
import { startWorkerThread } from "./worker-thread.ts";

/** Runs `amime proxy` until a signal ends it; answers with the exit code. */
export async function runProxy(options: ProxyCommandOptions): Promise<number> {
	const { bootstrap, unknownFields } = readBootstrap(options);
	checkComponents(options.componentLogLevel);
	if (options.mode !== "serve") {
		const checked = validateBootstrap(bootstrap, process.env, hostname());
		if (!checked.ok) throw describeProblems(checked.problems);
		if (options.mode === "validate")
			process.stdout.write(`configuration '${options.configPath ?? "--config-yaml"}' OK\n`);
		return 0;
	}
	tuneCollector();
	const ended = waitForSignal(["SIGINT", "SIGTERM"]);
	const flags = toFlags(options, unknownFields);
	const quit = Promise.withResolvers<void>();
	const { log, reopen } = createProxyLog(options);
	const parent = await findParent(options);
	const proxy = createProxy({
		...(parent === undefined ? {} : { parent }),
		bootstrap,
		flags,
		log,
		clock: createTurnClock(systemClock),
		random: systemRandom,
		environment: process.env,
		hostname: hostname(),
		version: readVersion(),
		stdout: process.stdout,
		stderr: process.stderr,
		...(options.state === undefined ? {} : { stateFolder: options.state }),
		onQuit: () => quit.resolve(),
		releaseMemory: collectGarbage,
		startWorker: (start) => startWorkerThread(start, flags, options),
		onFatal: (error) => quit.reject(error),
	});
	// As Envoy: one asks for the logs to be opened anew after rotation, the other is no reason to end.
	process.on("SIGUSR1", () => {
		reopen();
		proxy.reopenLogs();
	});
	process.on("SIGHUP", () => log.warn("SIGHUP is passed over, see --restart-epoch for how to restart"));
	let successor: RestartServer | undefined;
	let keepStartMemory: (() => void) | undefined;
	const keepMemory = followKeptMemory();
	try {
		const signal = ended.then(() => "ended" as const);
		const started = await Promise.race([proxy.start().then(() => "started" as const), signal]);
		// Under a supervisor: a restart is to be quick, also when this process is killed.
		flushCompileCache();
		if (started === "started") keepStartMemory = releaseStartMemory();
		if (started === "started") {
			writeAdminAddress(options, proxy);
			successor = await awaitSuccessor(options, proxy, log, () => quit.resolve());
		}
		if (started === "started") await Promise.race([signal, quit.promise]);
	} finally {
		keepStartMemory?.();
		keepMemory();
		await successor?.close();
		await proxy.close();
	}
	return 0;
}

function toFlags(options: ProxyCommandOptions, staticUnknownFields: number): ProxyFlags {
	return {
		concurrency: options.concurrency ?? 1,
		configPath: options.configPath ?? "",
		logLevel: options.logLevel,
		shown: describeFlags(options),
		drainTimeSeconds: options.drainTimeSeconds,
		drainStrategy: options.drainStrategy,
		parentShutdownTimeSeconds: options.parentShutdownTimeSeconds,
		restartEpoch: options.restartEpoch,
		staticUnknownFields,
		accessLogFlushIntervalMs: options.fileFlushIntervalMs,
		accessLogFlushBytes: options.fileFlushMinSizeKb * 1024,
		rejectUnknownDynamicFields: options.refusesUnknownDynamicFields,
		ignoreUnknownDynamicFields: options.ignoresUnknownDynamicFields,
	};
}

function writeAdminAddress({ adminAddressPath }: ProxyCommandOptions, { adminAddress }: DataPlane): void {
	if (adminAddressPath === undefined || adminAddress === undefined) return;
	const text =
		adminAddress.kind === "pipe"
			? adminAddress.path
			: `${adminAddress.address.includes(":") ? `[${adminAddress.address}]` : adminAddress.address}:${adminAddress.port}`;
	writeFileSync(adminAddressPath, text);
}

/** @throws MeshError for a part or a level that there is none of */
function checkComponents(levels: string | undefined): void {
	const problem = levels === undefined || levels === "" ? undefined : findLevelProblem(levels);
	if (problem !== undefined) throw new MeshError("LOG_LEVEL_INVALID", `--component-log-level: ${problem}`);
}

/** The flags as `/server_info` shows them. */
function describeFlags(options: ProxyCommandOptions): Readonly<Record<string, unknown>> {
	return {
		base_id: String(options.hotRestart.baseId),
		config_yaml: options.configYaml ?? "",
		allow_unknown_static_fields: options.allowsUnknownStaticFields,
		reject_unknown_dynamic_fields: options.refusesUnknownDynamicFields,
		ignore_unknown_dynamic_fields: options.ignoresUnknownDynamicFields,
		admin_address_path: options.adminAddressPath ?? "",
		component_log_level: options.componentLogLevel ?? "",
		log_format: options.logFormat ?? defaultLogFormat,
		log_path: options.logPath ?? "",
		service_cluster: options.serviceCluster ?? "",
		service_node: options.serviceNode ?? "",
		service_zone: options.serviceZone ?? "",
		file_flush_interval: formatSeconds(options.fileFlushIntervalMs),
		parent_shutdown_time: `${options.parentShutdownTimeSeconds}s`,
		drain_strategy: options.drainStrategy === "gradual" ? "Gradual" : "Immediate",
		disable_hot_restart: !options.hotRestart.enabled,
		use_dynamic_base_id: options.hotRestart.isBaseIdDynamic,
		base_id_path: options.hotRestart.baseIdPath ?? "",
		skip_hot_restart_on_no_parent: options.hotRestart.skipsMissingParent,
		stats_tag: options.statsTags,
		...options.harmless,
	};
}

const defaultLogFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";

/** A duration as protobuf's JSON has it: with no, three, six or nine digits behind the point. */
function formatSeconds(ms: number): string {
	return ms % 1000 === 0 ? `${ms / 1000}s` : `${(ms / 1000).toFixed(3)}s`;
}
