import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { findProgram } from "./peers.ts";

const project = resolve(import.meta.dirname, "../..");
const cache = join(project, ".cache/peers");
const buildLimitMs = 240_000;

/** A stock SPIFFE client as a program: each question is a command line, each answer a line of JSON. */
export interface SpiffeClient {
	/** One question. An answer with `error` is the library's refusal. */
	ask(socketPath: string, ...args: string[]): Promise<Record<string, unknown>>;
	/** Asks and stays: every line it says, as it comes. */
	open(t: Pick<TestContext, "after">, socketPath: string, ...args: string[]): OpenClient;
}

export interface OpenClient {
	readonly lines: readonly Record<string, unknown>[];
	readonly process: ChildProcess;
}

/** A client on go-spiffe, built with the Go toolchain that is there; undefined when it cannot be had. */
export function findGoClient(): SpiffeClient | undefined {
	const sources = join(import.meta.dirname, "spiffe-clients/go");
	const target = join(cache, `go-spiffe-${digestOf(sources)}`);
	const isThere = ensure("go-spiffe client", target, (scratch) => {
		if (findProgram("go") === undefined) throw new Error("no Go toolchain");
		cpSync(sources, scratch, { recursive: true });
		execFileSync("go", ["build", "-o", "client", "."], {
			cwd: scratch,
			stdio: ["ignore", "ignore", "pipe"],
			timeout: buildLimitMs,
			env: { ...process.env, GOFLAGS: "", GOWORK: "off", GOCACHE: join(project, ".cache/go-build") },
		});
	});
	return isThere ? createClient([join(target, "client")]) : undefined;
}

/** A client on the Python package `spiffe`, in an environment of its own; undefined when it cannot be had. */
export function findPythonClient(): SpiffeClient | undefined {
	const sources = join(import.meta.dirname, "spiffe-clients/python");
	const target = join(cache, `spiffe-python-${digestOf(sources)}`);
	const isThere = ensure("Python spiffe client", target, (scratch) => {
		cpSync(sources, scratch, { recursive: true });
		const run = (program: string, args: readonly string[]): unknown =>
			execFileSync(program, args, { cwd: scratch, stdio: ["ignore", "ignore", "pipe"], timeout: buildLimitMs });
		const requirements = ["-r", join(scratch, "requirements.txt")];
		run("python3", ["-m", "pip", "install", "--quiet", "--target", join(scratch, "packages"), ...requirements]);
	});
	return isThere
		? // Without the packages of the system, which need not go together with these.
			createClient(["python3", "-S", join(target, "client.py")], { PYTHONPATH: join(target, "packages") })
		: undefined;
}

/** A client on java-spiffe, whose libraries Maven fetches; undefined when it cannot be had. */
export function findJavaClient(): SpiffeClient | undefined {
	const sources = join(import.meta.dirname, "spiffe-clients/java");
	const target = join(cache, `spiffe-java-${digestOf(sources)}`);
	const isThere = ensure("java-spiffe client", target, (scratch) => {
		if (findProgram("javac") === undefined || findProgram("mvn") === undefined) throw new Error("no Java or no Maven");
		cpSync(sources, scratch, { recursive: true });
		execFileSync("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], {
			cwd: scratch,
			stdio: ["ignore", "ignore", "pipe"],
			timeout: buildLimitMs,
		});
		execFileSync("javac", ["-cp", join(scratch, "lib/*"), "-d", scratch, join(scratch, "Client.java")], {
			stdio: ["ignore", "ignore", "pipe"],
			timeout: buildLimitMs,
		});
	});
	return isThere ? createClient(["java", "-cp", `${target}:${join(target, "lib/*")}`, "Client"]) : undefined;
}

/** Builds a peer once; a failure is told, and tried again by the next run. */
function ensure(name: string, target: string, build: (scratch: string) => void): boolean {
	if (existsSync(target)) return true;
	const scratch = `${target}.${process.pid}`;
	mkdirSync(cache, { recursive: true });
	try {
		build(scratch);
		if (!existsSync(target)) renameSync(scratch, target);
		return true;
	} catch (error) {
		console.error(`PEER MISSING: ${name}: ${(error as Error).message}`);
		return false;
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
}

function digestOf(folder: string): string {
	const hash = createHash("sha256");
	for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)));
	return hash.digest("hex").slice(0, 12);
}

function createClient(command: readonly [string, ...string[]] | string[], more: NodeJS.ProcessEnv = {}): SpiffeClient {
	const start = (socketPath: string, args: readonly string[]): ChildProcess =>
		spawn(command[0]!, [...command.slice(1), ...args], {
			stdio: ["ignore", "pipe", "inherit"],
			env: { ...process.env, ...more, SPIFFE_ENDPOINT_SOCKET: `unix://${socketPath}` },
		});
	return {
		ask(socketPath, ...args) {
			const { promise, resolve: done, reject } = Promise.withResolvers<Record<string, unknown>>();
			const child = start(socketPath, args);
			let text = "";
			child.stdout!.setEncoding("utf8").on("data", (part: string) => (text += part));
			child.on("error", reject);
			child.on("close", (code) => {
				const line = text.trim().split("\n").at(-1) ?? "";
				if (line === "") reject(new Error(`${args.join(" ")}: no answer, exit code ${code}`));
				else done(JSON.parse(line) as Record<string, unknown>);
			});
			return promise;
		},
		open(t, socketPath, ...args) {
			const child = start(socketPath, args);
			t.after(() => child.kill("SIGKILL"));
			const lines: Record<string, unknown>[] = [];
			createInterface({ input: child.stdout! }).on("line", (line) =>
				lines.push(JSON.parse(line) as Record<string, unknown>),
			);
			return { lines, process: child };
		},
	};
}
