import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import { create } from "@bufbuild/protobuf";
import type { Bootstrap } from "../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { LocalitySchema, NodeSchema } from "../api/gen/envoy/config/core/v3/base_pb.js";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { describeError, type LogLevel, MeshError, systemClock, systemRandom } from "../core/index.ts";
import { createProxy, describeProblems, parseBootstrap, validateBootstrap } from "../proxy/index.ts";
import { readVersion } from "./host.ts";
import { createProcessLog, waitForSignal } from "./process.ts";

const logLevels: Readonly<Record<string, LogLevel>> = { warning: "warn", critical: "error" };

/** Runs `amime proxy` until a signal ends it; answers with the exit code. */
export async function runProxy(options: ProxyCommandOptions): Promise<number> {
	const bootstrap = readBootstrap(options);
	if (options.mode === "validate") {
		const checked = validateBootstrap(bootstrap, process.env, hostname());
		if (!checked.ok) throw describeProblems(checked.problems);
		process.stdout.write(`configuration '${options.configPath ?? "--config-yaml"}' OK\n`);
		return 0;
	}
	const ended = waitForSignal();
	const quit = Promise.withResolvers<void>();
	const log = createProcessLog(logLevels[options.logLevel] ?? (options.logLevel as LogLevel));
	const proxy = createProxy({
		bootstrap,
		flags: {
			concurrency: options.concurrency ?? 1,
			configPath: options.configPath ?? "",
			logLevel: options.logLevel,
			drainTimeSeconds: options.drainTimeSeconds,
			restartEpoch: 0,
		},
		log,
		clock: systemClock,
		random: systemRandom,
		environment: process.env,
		hostname: hostname(),
		version: readVersion(),
		stdout: process.stdout,
		stderr: process.stderr,
		...(options.state === undefined ? {} : { stateFolder: options.state }),
		onQuit: () => quit.resolve(),
	});
	try {
		const signal = ended.then(() => "ended" as const);
		const started = await Promise.race([proxy.start().then(() => "started" as const), signal]);
		// Under a supervisor: a restart is to be quick, also when this process is killed.
		flushCompileCache();
		if (started === "started") await Promise.race([signal, quit.promise]);
	} finally {
		await proxy.close();
	}
	return 0;
}

function readBootstrap(options: ProxyCommandOptions): Bootstrap {
	const { configPath, configYaml } = options;
	const text = configPath === undefined ? (configYaml ?? "") : readText(configPath);
	const parsed = parseBootstrap(text, configPath?.endsWith(".json") === true ? "json" : "yaml");
	if (!parsed.ok) throw describeProblems(parsed.problems);
	const bootstrap = parsed.value;
	bootstrap.node ??= create(NodeSchema);
	const { node } = bootstrap;
	if (options.serviceNode !== undefined) node.id = options.serviceNode;
	if (options.serviceCluster !== undefined) node.cluster = options.serviceCluster;
	if (options.serviceZone !== undefined) {
		node.locality ??= create(LocalitySchema);
		node.locality.zone = options.serviceZone;
	}
	return bootstrap;
}

function readText(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		throw new MeshError("BOOTSTRAP_UNREADABLE", `cannot read the bootstrap ${path}: ${describeError(error)}`);
	}
}
