import { randomBytes } from "node:crypto";
import { cpSync, existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import {
	type Clock,
	describeError,
	type Log,
	MeshError,
	type Random,
	silentLog,
	systemClock,
	systemRandom,
} from "../../core/index.ts";
import { createSigningGate } from "../../identity/index.ts";
import type { WorkloadInstance } from "../../model/index.ts";
import { type ControlClient, createControlClient } from "../control-client/index.ts";
import { createTrustClient } from "../trust/index.ts";
import { ControlPlaneProcess } from "./control-plane-process.ts";
import type { SupervisorListener } from "./events.ts";
import type { InstanceDeps } from "./instance.ts";
import { InstanceSet } from "./instance-set.ts";
import { limitLogs } from "./limit-logs.ts";
import { createPortAllocator } from "./ports.ts";
import { openProcessLedger } from "./process-ledger.ts";
import type { ProcessConfig } from "./process-state.ts";
import type { Programs } from "./sidecar-command.ts";
import { lockStateFolder, openStateFolder } from "./state-folder.ts";
import { type DesiredMesh, followWorkloads, type WorkloadSource } from "./workload-source.ts";

/** Options of a mesh on one machine. */
export interface SupervisorOptions {
	/** Folder of config. */
	readonly folder: string;
	/** State folder; made when it is missing. */
	readonly state: string;
	readonly programs: Programs;
	/** Wanted port of the admin API; 15014 by default, 0 for any. A taken one is replaced. */
	readonly adminPort?: number;
	/** Wanted port of the xDS server; 15010 by default, 0 for any. A taken one is replaced. */
	readonly xdsPort?: number;
	/** Wanted port of the xDS server over mutual TLS, for gateways; 15012 by default, any where `xdsPort` is 0. A taken one is replaced. */
	readonly xdsTlsPort?: number;
	/** Further arguments of the control plane. */
	readonly controlPlaneArguments?: readonly string[];
	/** How long other proxies have to learn that an instance drains; 1 s by default. */
	readonly drainMs?: number;
	/** Time between SIGTERM and SIGKILL; 5 s by default. */
	readonly stopDeadlineMs?: number;
	readonly listener: SupervisorListener;
	readonly clock?: Clock;
	readonly random?: Random;
	/** Silent by default. */
	readonly log?: Log;
	/** Gives up while the mesh is being started; later `stop` is the way. */
	readonly signal?: AbortSignal;
}

/** A mesh that runs on this machine. */
export interface Supervisor {
	readonly adminUrl: string;
	readonly xdsAddress: string;
	readonly statePath: string;
	/** Every instance as it is. */
	instances(): readonly WorkloadInstance[];
	/** What should run, as far as the control plane has said. */
	desired(): DesiredMesh;
	/** Resolves when every wanted instance is ready and every proxy knows it, or after `timeoutMs`; answers which it was. */
	settled(timeoutMs: number): Promise<boolean>;
	/** Drains and ends everything. */
	stop(): Promise<void>;
	/** Ends everything at once. */
	kill(): Promise<void>;
}

const defaultPorts = { admin: 15_014, xds: 15_010, xdsTls: 15_012 };

/** Starts the mesh of a folder; resolves when its control plane is ready.
 *  @throws MeshError `FOLDER_UNREADABLE`, `STATE_…`, `CONTROL_PLANE_FAILED` */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
	const folder = resolve(options.folder);
	checkFolder(folder, options.folder);
	const state = openStateFolder(options.state);
	const lock = lockStateFolder(state);
	for (let attempt = 1; ; attempt++) {
		try {
			return await launch(options, folder, state, lock);
		} catch (error) {
			state.removeControlFile();
			if (attempt < maxAttempts && lostPortRace(error)) continue;
			lock.release();
			throw error;
		}
	}
}

const maxAttempts = 3;

/** Whether another program took a port between its choice and the control plane's start; the next choice passes it over. */
function lostPortRace(error: unknown): boolean {
	return (
		error instanceof MeshError &&
		error.code === "CONTROL_PLANE_FAILED" &&
		/\[(?:XDS|ADMIN)_PORT_TAKEN\]/.test(describeError(error))
	);
}

async function launch(
	options: SupervisorOptions,
	folder: string,
	state: ReturnType<typeof openStateFolder>,
	lock: { release(): void },
): Promise<Supervisor> {
	const { listener, programs } = options;
	const clock = options.clock ?? systemClock;
	const random = options.random ?? systemRandom;
	const log = (options.log ?? silentLog).child("supervise");
	const { ledger, killed } = await openProcessLedger(state.runFile("processes.json"), clock);
	if (killed > 0) listener({ kind: "cleaned", processes: killed });
	seedCompileCache(programs.compileCache, join(state.path, "cache"));
	const ports = createPortAllocator(random);
	const choose = async (what: string, wanted: number): Promise<number> => {
		const port = await ports.takePreferred(what, wanted);
		if (wanted !== 0 && port !== wanted) listener({ kind: "port-moved", what, from: wanted, to: port });
		return port;
	};
	const adminUrl = `http://127.0.0.1:${await choose("admin API", options.adminPort ?? defaultPorts.admin)}`;
	const xdsAddress = `127.0.0.1:${await choose("xDS", options.xdsPort ?? defaultPorts.xds)}`;
	const wantedTlsPort = options.xdsTlsPort ?? (options.xdsPort === 0 ? 0 : defaultPorts.xdsTls);
	const xdsTlsAddress = `127.0.0.1:${await choose("xDS over TLS", wantedTlsPort)}`;
	const token = randomBytes(32).toString("base64url");
	const client = createControlClient({ adminUrl, token });
	// With more patience than the other: the control plane holds its answers.
	const patient = createControlClient({ adminUrl, token, timeoutMs: 40_000 });
	const trust = createTrustClient({ client: patient, clock, random, log });
	const process = createProcessConfig(options);
	const deps: InstanceDeps = {
		...{ state, ledger, client, adminUrl, xdsAddress, xdsTlsAddress, token, programs, clock, random, log, listener },
		config: { process, drainMs: options.drainMs ?? 1000 },
		trust,
		gate: createSigningGate(),
	};
	const instances = new InstanceSet(deps, ports);
	const controlPlane = new ControlPlaneProcess({
		command: buildControlPlaneCommand(options, folder, state.path, { adminUrl, xdsAddress, xdsTlsAddress }, token),
		...{ client, ledger, clock, random, config: process, listener },
		onReady: (isRestart) => {
			if (isRestart) instances.repeatRegistrations();
		},
	});
	state.writeControlFile({ pid: globalThis.process.pid, adminUrl, xdsAddress, token });
	const abort = (): void => void controlPlane.kill();
	options.signal?.addEventListener("abort", abort);
	await controlPlane.start().catch((cause: unknown) => {
		trust.close();
		client.close();
		patient.close();
		throw new MeshError("CONTROL_PLANE_FAILED", "the control plane did not start", { cause });
	});
	options.signal?.removeEventListener("abort", abort);
	await forgetOldInstances(client, log);
	const source = followWorkloads(patient, clock, log, (mesh) => instances.apply(mesh));
	const logs = limitLogs(state.logFile("."), clock);
	return createHandle({
		adminUrl,
		xdsAddress,
		statePath: state.path,
		instances,
		source,
		controlPlane,
		listener,
		close,
	});

	function close(): void {
		logs.close();
		trust.close();
		client.close();
		patient.close();
		state.removeControlFile();
		lock.release();
	}
}

function createHandle(parts: {
	readonly adminUrl: string;
	readonly xdsAddress: string;
	readonly statePath: string;
	readonly instances: InstanceSet;
	readonly source: WorkloadSource;
	readonly controlPlane: ControlPlaneProcess;
	readonly listener: SupervisorListener;
	readonly close: () => void;
}): Supervisor {
	const { adminUrl, xdsAddress, statePath, instances, source, controlPlane } = parts;
	let stopping: Promise<void> | undefined;
	let killing: Promise<void> | undefined;
	const finish = async (): Promise<void> => {
		await controlPlane.stop();
		parts.close();
	};
	return {
		adminUrl,
		xdsAddress,
		statePath,
		instances: () => instances.records(),
		desired: () => instances.desired,
		settled: (timeoutMs) => instances.settled(timeoutMs),
		stop() {
			stopping ??= (async () => {
				parts.listener({ kind: "stopping" });
				source.close();
				await instances.stop();
				await finish();
			})();
			return stopping;
		},
		kill() {
			killing ??= (async () => {
				source.close();
				await Promise.all([instances.kill(), controlPlane.kill()]);
				// A stop that is under way ends by itself: nothing is left that it could wait for.
				await (stopping ?? finish());
			})();
			return killing;
		},
	};
}

function createProcessConfig(options: SupervisorOptions): ProcessConfig {
	return {
		backoff: { baseMs: 500, maxMs: 30_000 },
		soundAfterMs: 30_000,
		stopDeadlineMs: options.stopDeadlineMs ?? 5000,
	};
}

function buildControlPlaneCommand(
	{ programs, controlPlaneArguments = [] }: SupervisorOptions,
	folder: string,
	state: string,
	places: { readonly adminUrl: string; readonly xdsAddress: string; readonly xdsTlsAddress: string },
	token: string,
) {
	const { adminUrl, xdsAddress, xdsTlsAddress } = places;
	const addresses = ["--admin-address", new URL(adminUrl).host, "--xds-address", xdsAddress];
	addresses.push("--xds-tls-address", xdsTlsAddress);
	return {
		program: programs.node,
		args: [
			programs.script,
			"control-plane",
			"--config",
			folder,
			"--state",
			state,
			...addresses,
			...controlPlaneArguments,
			"-l",
			programs.logLevel,
		],
		folder: state,
		// Not as an argument: every user can read those.
		env: { ...programs.env, AMIME_TOKEN: token, AMIME_LOG_FORMAT: programs.logFormat },
	};
}

/** Node never takes anything out of its cache: one of a checkout that is worked on costs more to copy than to compile anew. */
const maxSeedBytes = 32 * 1024 * 1024;

/** Gives a new mesh a copy of what was compiled at installation. */
function seedCompileCache(from: string, to: string): void {
	if (!existsSync(from) || readdirSync(to).length > 0) return;
	let bytes = 0;
	for (const name of readdirSync(from, { recursive: true, encoding: "utf8" })) {
		bytes += statSync(join(from, name), { throwIfNoEntry: false })?.size ?? 0;
		if (bytes > maxSeedBytes) return;
	}
	cpSync(from, to, { recursive: true });
}

/** Instances of a run that was cut off must not stay: their ports may belong to others by now. */
async function forgetOldInstances(client: ControlClient, log: Log): Promise<void> {
	try {
		const old = (await client.list("/v1/instances")) as readonly WorkloadInstance[];
		for (const { namespace, name } of old) {
			await client.request("DELETE", `/v1/instances/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`);
		}
	} catch (error) {
		if (!(error instanceof MeshError)) throw error;
		log.warn("old instances stay in the registry", { error: describeError(error) });
	}
}

function checkFolder(path: string, given: string): void {
	try {
		if (statSync(path).isDirectory()) {
			readdirSync(path);
			return;
		}
	} catch (cause) {
		const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
		if (isMissing) throw new MeshError("FOLDER_UNREADABLE", `there is no folder ${given}`);
		throw new MeshError("FOLDER_UNREADABLE", `cannot read the folder ${given}`, { cause });
	}
	throw new MeshError("FOLDER_UNREADABLE", `${given} is no folder: name the folder that holds the config`);
}
