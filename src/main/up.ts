import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type Programs, type Supervisor, type SupervisorEvent, startSupervisor } from "../agent/supervise/index.ts";
import {
	formatAuthorityArguments,
	formatUpReport,
	type Palette,
	type UpCommandOptions,
	type UpReport,
} from "../cli/index.ts";
import type { LogLevel } from "../core/index.ts";
import { formatObjectName } from "../model/index.ts";
import { createProcessLog } from "./process.ts";
import { createUpPrinter } from "./up-printer.ts";

/** Time after which the table is printed though not everything is ready. */
const patienceMs = 12_000;
/** How long those that are late are looked at before it is asked whether it is all over. */
const lateLookMs = 1_000;
/** npm hands a Ctrl-C on that the terminal has sent already: what comes this soon is the same one. */
const sameSignalMs = 700;

/** Runs `amime up` until a signal ends it; answers with the exit code. */
export async function runUp(options: UpCommandOptions, palette: Palette): Promise<number> {
	const state = options.state ?? join(".amime", basename(resolve(options.folder)));
	const isJson = options.output === "json";
	const printer = createUpPrinter({ isJson, palette, write: (text) => process.stdout.write(text) });
	const abort = new AbortController();
	const asked = Promise.withResolvers<void>();
	const now = Promise.withResolvers<void>();
	const unhook = hookSignals(
		() => {
			abort.abort();
			asked.resolve();
		},
		() => now.resolve(),
	);
	try {
		const supervisor = await startSupervisor({
			folder: options.folder,
			state,
			programs: findPrograms(options, resolve(state)),
			controlPlaneArguments: formatAuthorityArguments(options, (path) => resolve(path)),
			...(options.adminPort === undefined ? {} : { adminPort: options.adminPort }),
			...(options.xdsPort === undefined ? {} : { xdsPort: options.xdsPort }),
			listener: (event: SupervisorEvent) => printer.tell(event),
			log: createProcessLog(options.logLevel as LogLevel),
			signal: abort.signal,
		}).catch((error: unknown) => {
			if (abort.signal.aborted) return undefined;
			throw error;
		});
		if (supervisor === undefined) return 0;
		// A mistake of ours must not leave processes behind.
		process.once("uncaughtException", (error) => {
			process.stderr.write(`${error.stack}\n`);
			void supervisor.kill().finally(() => process.exit(70));
		});
		await serve(supervisor, asked.promise, now.promise, (isReady) => {
			const report = buildReport(supervisor, state);
			if (isJson) printer.tellReady(report, isReady);
			else process.stdout.write(`\n${formatUpReport(report, isReady, palette)}\n`);
		});
		return 0;
	} finally {
		unhook();
	}
}

async function serve(
	supervisor: Supervisor,
	asked: Promise<void>,
	now: Promise<void>,
	report: (isReady: boolean) => void,
): Promise<void> {
	let isAsked = false;
	const ended = asked.then(() => {
		isAsked = true;
	});
	const isReady = await Promise.race([supervisor.settled(patienceMs), ended.then(() => false)]);
	if (!isAsked) report(isReady);
	if (!isReady) void reportLater(supervisor, () => isAsked, report);
	await ended;
	// `stop` is over as soon as `kill` has nothing left for it to wait for.
	void now.then(() => supervisor.kill());
	await supervisor.stop();
}

/** Reports again when those that were late are there as well. */
async function reportLater(
	supervisor: Supervisor,
	isOver: () => boolean,
	report: (isReady: boolean) => void,
): Promise<void> {
	while (!isOver()) {
		if (!(await supervisor.settled(lateLookMs))) continue;
		if (!isOver()) report(true);
		return;
	}
}

/** Calls `first` for the first signal that asks to end, or when nobody reads the output any more, and `second` for another one. */
function hookSignals(first: () => void, second: () => void): () => void {
	let since: number | undefined;
	const onSignal = (): void => {
		if (since === undefined) {
			since = performance.now();
			first();
		} else if (performance.now() - since > sameSignalMs) {
			second();
		}
	};
	// Whoever read what it prints is gone, as with `| head`.
	const onUnwritable = (error: NodeJS.ErrnoException): void => {
		if (error.code === "EPIPE" && since === undefined) onSignal();
	};
	const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
	for (const signal of signals) process.on(signal, onSignal);
	process.stdout.on("error", onUnwritable);
	return () => {
		for (const signal of signals) process.off(signal, onSignal);
		process.stdout.off("error", onUnwritable);
	};
}

const project = resolve(import.meta.dirname, "../..");
const proxyVariables = new Set([
	"http_proxy",
	"https_proxy",
	"all_proxy",
	"grpc_proxy",
	"no_proxy",
	"node_use_env_proxy",
]);

function findPrograms({ logLevel, output }: UpCommandOptions, state: string): Programs {
	const env = copyEnvironment((name) => name !== "AMIME_TOKEN");
	const envoy = process.env["AMIME_ENVOY"];
	// A proxy of the outer world must not come between the processes of the mesh.
	const inner = Object.fromEntries(Object.entries(env).filter(([name]) => !proxyVariables.has(name.toLowerCase())));
	return {
		node: process.execPath,
		// Children run what this process runs: the bundle or the sources.
		script: process.argv[1]!,
		...(envoy === undefined || envoy === "" ? {} : { envoy }),
		searchPath: env["PATH"] ?? "",
		envoyCandidates: listPeers(join(project, ".cache/peers")),
		compileCache: join(project, ".cache/compile"),
		// As bin/amime starts this process.
		env: {
			...inner,
			NODE_COMPILE_CACHE: env["NODE_COMPILE_CACHE"] ?? join(state, "cache"),
			MALLOC_ARENA_MAX: "2",
			MALLOC_TRIM_THRESHOLD_: "131072",
		},
		applicationEnv: env,
		logLevel,
		logFormat: output === "table" && process.stdout.isTTY === true ? "pretty" : "json",
	};
}

function copyEnvironment(isWanted: (name: string) => boolean): Record<string, string> {
	const env: Record<string, string> = {};
	for (const [name, value] of Object.entries(process.env)) if (value !== undefined && isWanted(name)) env[name] = value;
	return env;
}

/** Envoys that the tests have installed into the project. */
function listPeers(folder: string): string[] {
	if (!existsSync(folder)) return [];
	return readdirSync(folder)
		.filter((name) => /^envoy-\d/.test(name))
		.map((name) => join(folder, name));
}

function buildReport(supervisor: Supervisor, state: string): UpReport {
	const desired = supervisor.desired();
	const instances = supervisor.instances();
	const workloads = desired.workloads.map((workload) => ({
		namespace: workload.namespace,
		name: workload.name,
		pattern: workload.pattern,
		sidecar: workload.sidecar,
		identity: workload.pattern === "sidecar" || workload.pattern === "gateway" ? workload.identity : "-",
		instances: instances.filter(
			(instance) => instance.namespace === workload.namespace && instance.workload === workload.name,
		),
	}));
	const pages = desired.workloads.flatMap((workload) => {
		const instance = instances.find(
			(candidate) => candidate.workload === workload.name && candidate.namespace === workload.namespace,
		);
		const port = instance?.ports[0]?.appPort;
		if (workload.openPath === undefined || port === undefined) return [];
		return [{ workload: formatObjectName(workload), url: `http://127.0.0.1:${port}${workload.openPath}` }];
	});
	const isDefaultState = resolve(state) === resolve(".amime", basename(resolve(state)));
	return {
		workloads,
		urls: { pages, controlPlane: `${supervisor.adminUrl}/`, metrics: `${supervisor.adminUrl}/metrics` },
		state: formatPath(resolve(state)),
		command: isCheckout() ? "npx amime" : "amime",
		stateOption: isDefaultState && isAlone(state) ? "" : ` --state ${state}`,
	};
}

/** Whether no other mesh below the same folder has to be told apart from this one. */
function isAlone(state: string): boolean {
	const own = resolve(state);
	return readdirSync(dirname(own)).every((name) => {
		const other = join(dirname(own), name);
		return other === own || !existsSync(join(other, "control.json"));
	});
}

/** As short as it can be typed here. */
function formatPath(path: string): string {
	const short = relative(process.cwd(), path);
	return short === "" || short.startsWith("..") ? path : short;
}

/** Whether the working directory is a checkout of this package. */
function isCheckout(): boolean {
	if (!existsSync("package.json")) return false;
	return /"name":\s*"amime"/.test(readFileSync("package.json", "utf8"));
}
