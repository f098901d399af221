import { writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { systemClock, systemRandom } from "../core/index.ts";
import {
	createProxy,
	type Proxy as DataPlane,
	describeProblems,
	type ProxyFlags,
	validateBootstrap,
} from "../proxy/index.ts";
import { readVersion } from "./host.ts";
import { waitForSignal } from "./process.ts";
import { readBootstrap } from "./proxy-bootstrap.ts";
import { createProxyLog } from "./proxy-log.ts";
import { startWorkerThread } from "./worker-thread.ts";

/** Runs `amime proxy` until a signal ends it; answers with the exit code. */
export async function runProxy(options: ProxyCommandOptions): Promise<number> {
	const { bootstrap, unknownFields } = readBootstrap(options);
	if (options.mode !== "serve") {
		const checked = validateBootstrap(bootstrap, process.env, hostname());
		if (!checked.ok) throw describeProblems(checked.problems);
		process.stdout.write(`configuration '${options.configPath ?? "--config-yaml"}' OK\n`);
		return 0;
	}
	const ended = waitForSignal(["SIGINT", "SIGTERM"]);
	const flags = toFlags(options, unknownFields);
	const quit = Promise.withResolvers<void>();
	const { log, reopen } = createProxyLog(options);
	const proxy = createProxy({
		bootstrap,
		flags,
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
		startWorker: (start) => startWorkerThread(start, flags, options),
		onFatal: (error) => quit.reject(error),
	});
	// As Envoy: one asks for the logs to be opened anew after rotation, the other is no reason to end.
	process.on("SIGUSR1", () => {
		reopen();
		proxy.reopenLogs();
	});
	process.on("SIGHUP", () => log.warn("SIGHUP is passed over, see --restart-epoch for how to restart"));
	try {
		const signal = ended.then(() => "ended" as const);
		const started = await Promise.race([proxy.start().then(() => "started" as const), signal]);
		// Under a supervisor: a restart is to be quick, also when this process is killed.
		flushCompileCache();
		if (started === "started") writeAdminAddress(options, proxy);
		if (started === "started") await Promise.race([signal, quit.promise]);
	} finally {
		await proxy.close();
	}
	return 0;
}

function toFlags(options: ProxyCommandOptions, staticUnknownFields: number): ProxyFlags {
	return {
		concurrency: options.concurrency ?? 1,
		configPath: options.configPath ?? "",
		logLevel: options.logLevel,
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
