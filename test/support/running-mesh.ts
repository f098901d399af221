import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { eventually } from "./eventually.ts";
import { type HttpAnswer, sendRequest } from "./http-call.ts";

const project = resolve(import.meta.dirname, "../..");

/** Where a running control plane answers; written by `amime up` into its state folder. */
interface ControlFile {
	readonly pid: number;
	readonly adminUrl: string;
	readonly token: string;
}

const execFileAsync = promisify(execFile);

/** A mesh started by `amime up` on a copy of a folder, in a temporary folder of its own. */
export interface RunningMesh {
	/** The copied folder of config, to change while the mesh runs. */
	readonly folder: string;
	readonly stateFolder: string;
	readonly process: ChildProcess;
	/** Everything `amime up` printed. */
	output(): string;
	/** Where the control plane answers. */
	adminUrl(): string;
	/** Calls the admin API. */
	admin(method: string, path: string, body?: string): Promise<HttpAnswer>;
	instances(): Promise<WorkloadInstance[]>;
	instance(name: string): Promise<WorkloadInstance>;
	/** The instance as last seen: for when the control plane does not answer. */
	instanceBefore(name: string): WorkloadInstance;
	/** A request that `from`'s application would make to a service, through its sidecar's forward proxy. */
	call(from: string, url: string, options?: CallOptions): Promise<HttpAnswer>;
	/** A request to the application itself, past the mesh. */
	callApplication(name: string, path: string): Promise<HttpAnswer>;
	/** What a command of the command line prints about this mesh. */
	run(...args: string[]): Promise<string>;
	/** Ctrl-C, and waits for the end. */
	stop(): Promise<number | null>;
}

export interface CallOptions {
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string;
}

/** Starts a mesh on a copy of `source` (on an empty folder without one) and waits until every instance is ready; ended with the test. `edit`
 *  may change the copy first. */
export async function startMesh(
	t: TestContext,
	source: string | undefined,
	edit?: (folder: string) => void,
): Promise<RunningMesh> {
	const root = mkdtempSync("/tmp/amime-mesh-");
	const folder = join(root, "mesh");
	const stateFolder = join(root, "state");
	if (source === undefined) mkdirSync(folder);
	else cpSync(join(project, source), folder, { recursive: true, filter: (path) => !path.includes("/.amime") });
	edit?.(folder);
	// Ports of its own: meshes of other tests want the default ones at the same time.
	const ports = ["--admin-port", "0", "--xds-port", "0"];
	const command = [join(project, "src/main/amime.ts"), "up", folder, "--state", stateFolder, ...ports];
	const child = spawn(process.execPath, command, {
		cwd: root,
		stdio: ["ignore", "pipe", "pipe"],
		// What it starts is compiled once for all meshes of tests.
		env: { NODE_COMPILE_CACHE: join(project, ".cache/compile-tests"), ...process.env, NO_COLOR: "1" },
	});
	let printed = "";
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += String(chunk)));
	const stop = async (): Promise<number | null> => {
		if (child.exitCode === null && child.signalCode === null) {
			const gone = once(child, "exit");
			child.kill("SIGINT");
			await gone;
		}
		return child.exitCode;
	};
	t.after(async () => {
		await stop();
		rmSync(root, { recursive: true, force: true });
	});
	const mesh = createRunningMesh({ folder, stateFolder, child, output: () => printed, stop });
	await eventually(
		async () => {
			if (child.exitCode !== null || child.signalCode !== null) {
				throw new Error(`amime up ended with ${child.exitCode ?? child.signalCode}:\n${printed}`);
			}
			const instances = await mesh.instances();
			const waiting = instances.filter(({ health }) => health !== "ready").map(({ name }) => name);
			if (instances.length === 0 || waiting.length > 0) throw new Error(`not ready: ${waiting.join(", ")}\n${printed}`);
			const { converged } = JSON.parse((await mesh.admin("GET", "/v1/proxies")).body) as { converged: boolean };
			if (!converged) throw new Error("not every proxy has the endpoints of the others");
		},
		{ deadlineMs: 60_000, giveUp: () => child.exitCode !== null || child.signalCode !== null },
	);
	return mesh;
}

interface Parts {
	readonly folder: string;
	readonly stateFolder: string;
	readonly child: ChildProcess;
	readonly output: () => string;
	readonly stop: () => Promise<number | null>;
}

function createRunningMesh({ folder, stateFolder, child, output, stop }: Parts): RunningMesh {
	const readControl = (): ControlFile =>
		JSON.parse(readFileSync(join(stateFolder, "control.json"), "utf8")) as ControlFile;
	const admin: RunningMesh["admin"] = (method, path, body) => {
		const { adminUrl, token } = readControl();
		const url = new URL(adminUrl);
		return sendRequest({
			port: Number(url.port),
			method,
			path,
			headers: { authorization: `Bearer ${token}` },
			...(body === undefined ? {} : { body }),
		});
	};
	let seen: WorkloadInstance[] = [];
	const instances = async (): Promise<WorkloadInstance[]> => {
		seen = (JSON.parse((await admin("GET", "/v1/instances")).body) as { items: WorkloadInstance[] }).items;
		return seen;
	};
	const instanceBefore = (name: string): WorkloadInstance => {
		const found = seen.find((candidate) => candidate.name === name);
		if (found === undefined) throw new Error(`no instance ${name}`);
		return found;
	};
	const instance = async (name: string): Promise<WorkloadInstance> => {
		await instances();
		return instanceBefore(name);
	};
	return {
		folder,
		stateFolder,
		process: child,
		output,
		adminUrl: () => readControl().adminUrl,
		admin,
		instances,
		instance,
		instanceBefore,
		async call(from, url, options = {}) {
			const { httpProxyPort } = instanceBefore(from);
			return sendRequest({
				port: httpProxyPort!,
				method: options.method ?? "GET",
				path: url,
				headers: { host: new URL(url).host, ...options.headers },
				...(options.body === undefined ? {} : { body: options.body }),
			});
		},
		async callApplication(name, path) {
			const { ports } = instanceBefore(name);
			return sendRequest({ port: ports[0]!.appPort, method: "GET", path });
		},
		async run(...args) {
			const command = [join(project, "src/main/amime.ts"), ...args, "--state", stateFolder];
			const { stdout } = await execFileAsync(process.execPath, command, { env: { ...process.env, NO_COLOR: "1" } });
			return stdout;
		},
		stop,
	};
}
