/** The two control planes of the benchmark: amime's, and a snapshot-cache server built on go-control-plane. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { findFreePort } from "../../test/support/free-port.ts";
import { findProgram, startPinned, stopProcess, waitForHttp } from "../support/process.ts";
import { route, slice, world } from "./world.ts";

const project = resolve(import.meta.dirname, "../..");
const token = "bench-token";

/** A control plane under test. */
export interface Server {
	readonly name: "amime" | "go-control-plane";
	readonly xdsPort: number;
	readonly child: ChildProcess;
	/** Gives the hot service's first endpoint the address of this change, or its route the header. */
	change(what: "endpoint" | "route", change: number): Promise<void>;
	/** Resident memory, private and shared, of the process. */
	memoryMiB(): number;
	stop(): Promise<void>;
}

export interface ServerOptions {
	readonly core: number;
	readonly folder: string;
	readonly services: number;
	readonly endpoints: number;
	readonly clients: number;
}

/** Starts amime's control plane and applies the world to it. `startMs` of the answer is a restart on the full store. */
export async function startAmime(
	options: ServerOptions & { readonly restart?: boolean },
): Promise<Server & { startMs?: number }> {
	const [adminPort, xdsPort] = [await findFreePort(), await findFreePort()];
	const start = async (): Promise<ChildProcess> => {
		const child = startPinned(
			options.core,
			[
				...["env", `AMIME_TOKEN=${token}`, process.execPath, join(project, "src/main/amime.ts"), "control-plane"],
				...["--state", join(options.folder, "state"), "-l", "warn"],
				...["--admin-address", `127.0.0.1:${adminPort}`, "--xds-address", `127.0.0.1:${xdsPort}`],
			],
			join(options.folder, "amime.log"),
		);
		await waitForHttp(adminPort, "/ready", child, 60_000);
		return child;
	};
	let child = await start();
	const documents = world(options.services, options.endpoints, options.clients);
	for (let position = 0; position < documents.length; position += 1000)
		await put(adminPort, documents.slice(position, position + 1000));
	let startMs: number | undefined;
	if (options.restart === true) {
		await stopProcess(child);
		const startedAt = performance.now();
		child = await start();
		startMs = performance.now() - startedAt;
	}
	return {
		name: "amime",
		xdsPort,
		child,
		change: (what, change) =>
			put(adminPort, [what === "endpoint" ? slice(0, options.endpoints, change) : route(change)]),
		memoryMiB: () => readMemory(child),
		stop: () => stopProcess(child),
		...(startMs === undefined ? {} : { startMs }),
	};
}

/** Starts the reference; undefined, loudly, where it cannot be built. */
export async function startReference(options: ServerOptions): Promise<Server | undefined> {
	const program = buildReference();
	if (program === undefined) return undefined;
	const [adminPort, xdsPort] = [await findFreePort(), await findFreePort()];
	const child = startPinned(
		options.core,
		[program, String(xdsPort), String(adminPort), String(options.services), String(options.endpoints)],
		join(options.folder, "reference.log"),
	);
	await waitForHttp(adminPort, "/ready", child);
	return {
		name: "go-control-plane",
		xdsPort,
		child,
		change: (what, change) => call(adminPort, "GET", `/${what}?${change}`, ""),
		memoryMiB: () => readMemory(child),
		stop: () => stopProcess(child),
	};
}

function buildReference(): string | undefined {
	const target = join(project, ".cache/peers/go-control-plane-bench");
	try {
		if (findProgram("go") === undefined) throw new Error("no Go toolchain");
		mkdirSync(join(project, ".cache/peers"), { recursive: true });
		execFileSync("go", ["build", "-o", target, "."], {
			cwd: join(import.meta.dirname, "reference"),
			stdio: ["ignore", "ignore", "pipe"],
			timeout: 300_000,
			env: { ...process.env, GOFLAGS: "", GOCACHE: join(project, ".cache/go-build") },
		});
		return target;
	} catch (error) {
		const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
		process.stdout.write(`*** PEER MISSING: go-control-plane: ${reason}\n`);
		return undefined;
	}
}

function put(port: number, documents: readonly Record<string, unknown>[]): Promise<void> {
	return call(port, "PUT", "/v1/config", documents.map((document) => JSON.stringify(document)).join("\n---\n"));
}

function call(port: number, method: string, path: string, body: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const sent = request({ host: "127.0.0.1", port, method, path, headers: { authorization: `Bearer ${token}` } });
		sent.on("response", (response) => {
			let text = "";
			response.setEncoding("utf8").on("data", (chunk: string) => {
				text += chunk;
			});
			response.on("end", () =>
				response.statusCode === 200
					? resolve()
					: reject(new Error(`${path}: ${response.statusCode} ${text.slice(0, 500)}`)),
			);
		});
		sent.on("error", reject);
		sent.end(body);
	});
}

function readMemory(child: ChildProcess): number {
	const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
	return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024;
}

/** The process of the clients, pinned beside the control plane. */
export function startClients(core: number): ChildProcess {
	const command = ["taskset", "-c", String(core), process.execPath, join(import.meta.dirname, "clients.ts")];
	const [program, ...args] = findProgram("taskset") === undefined ? command.slice(3) : command;
	return spawn(program!, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}
