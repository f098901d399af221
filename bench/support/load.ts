import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "./process.ts";

const run = promisify(execFile);

/** What one round of load saw. */
export interface LoadResult {
	/** Requests per second. */
	readonly rps: number;
	readonly p50Ms: number;
	readonly p99Ms: number;
	/** Answers other than 2xx and 3xx, and socket errors. */
	readonly errors: number;
}

/** A closed loop over HTTP/1.1 keep-alive connections, or over HTTP/2 streams when `streams` is given. */
export interface Load {
	readonly connections: number;
	/** Concurrent HTTP/2 streams a connection. */
	readonly streams?: number;
	readonly path?: string;
	readonly headers?: Readonly<Record<string, string>>;
	/** A file to send as each request's body. */
	readonly dataFile?: string;
	/** Each request on a connection of its own. */
	readonly closes?: boolean;
}

function pin(core: number, command: readonly string[]): [string, string[]] {
	const all = findProgram("taskset") === undefined ? [...command] : ["taskset", "-c", String(core), ...command];
	return [all[0]!, all.slice(1)];
}

function listHeaders(headers: Readonly<Record<string, string>>): string[] {
	return Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
}

/** One round of closed-loop load for `seconds`, pinned to `core`: wrk (h2load for HTTP/2), without wrk the generator beside this file.
 *  @throws Error when HTTP/2 is asked for and h2load is missing */
export async function runLoad(
	core: number,
	port: number,
	load: Load,
	seconds: number,
	folder: string,
): Promise<LoadResult> {
	const url = `http://127.0.0.1:${port}${load.path ?? "/"}`;
	const headers = { ...load.headers, ...(load.closes === true ? { connection: "close" } : {}) };
	const timeout = { timeout: (seconds + 30) * 1000, maxBuffer: 1 << 24 };
	if (load.streams !== undefined) {
		const log = join(folder, "h2load.log");
		const shape = ["-t1", `-c${load.connections}`, `-m${load.streams}`, "-D", String(seconds), "--log-file", log];
		const data = load.dataFile === undefined ? [] : ["-d", load.dataFile];
		const [program, args] = pin(core, [requireH2load(), ...shape, ...data, ...listHeaders(headers), url]);
		const { stdout } = await run(program, args, timeout);
		return { ...parseH2load(stdout), ...readLatencies(log) };
	}
	const wrk = findProgram("wrk");
	if (wrk === undefined) {
		const generator = resolve(import.meta.dirname, "raw-load.ts");
		const [program, args] = pin(core, [
			...[process.execPath, generator, String(port), String(load.connections), String(seconds)],
		]);
		return JSON.parse((await run(program, args, timeout)).stdout) as LoadResult;
	}
	const shape = ["-t1", `-c${load.connections}`, `-d${seconds}s`, "--latency"];
	const [program, args] = pin(core, [wrk, ...shape, ...listHeaders(headers), url]);
	return parseWrk((await run(program, args, timeout)).stdout);
}

/** An open loop over HTTP/1.1: `connections` that together send `rps` requests a second, whatever the answers take. */
export async function runFixedLoad(
	core: number,
	port: number,
	options: { readonly connections: number; readonly rps: number; readonly path?: string },
	seconds: number,
	folder: string,
): Promise<LoadResult> {
	const log = join(folder, "h2load.log");
	const { connections, rps, path = "/" } = options;
	const shape = ["--h1", "-t1", `-c${connections}`, `--rps=${(rps / connections).toFixed(2)}`, "-D", String(seconds)];
	const command = [requireH2load(), ...shape, "--log-file", log, `http://127.0.0.1:${port}${path}`];
	const [program, args] = pin(core, command);
	const { stdout } = await run(program, args, { timeout: (seconds + 30) * 1000, maxBuffer: 1 << 24 });
	return { ...parseH2load(stdout), ...readLatencies(log) };
}

/** New mutual-TLS connections with full handshakes and nothing else, or with resumed ones and a request each (the generator's requests would wait for acknowledgements), by four
 *  `openssl s_time` side by side. How many succeeded is for the server to say. */
export async function runHandshakes(
	core: number,
	port: number,
	files: { readonly clientCertificate: string; readonly clientKey: string },
	seconds: number,
	isResumed = false,
): Promise<void> {
	// Sessions of TLS 1.3 come behind the handshake: only who reads an answer gets one.
	const kind = isResumed ? ["-reuse", "-www", "/"] : ["-new"];
	const generator = ["openssl", "s_time", "-connect", `127.0.0.1:${port}`, ...kind, "-time", String(seconds)];
	const [program, args] = pin(core, [...generator, "-cert", files.clientCertificate, "-key", files.clientKey]);
	const options = { timeout: (seconds + 30) * 1000, maxBuffer: 1 << 24 };
	await Promise.all(Array.from({ length: 4 }, () => run(program, args, options)));
}

/** The name of the load generator in use, for the report. */
export function nameLoad(): string {
	return findProgram("wrk") === undefined ? "raw-load.ts" : "wrk, h2load";
}

function requireH2load(): string {
	const program = findProgram("h2load");
	if (program === undefined) throw new Error("PEER MISSING: h2load (Debian package nghttp2-client)");
	return program;
}

/** Reads wrk's report with `--latency`. */
export function parseWrk(text: string): LoadResult {
	const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? "NaN");
	const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
	const failures = /Non-2xx or 3xx responses: (\d+)/.exec(text);
	return {
		rps: number(/Requests\/sec:\s+([\d.]+)/),
		p50Ms: parseDuration(/\s50%\s+(\S+)/.exec(text)?.[1]),
		p99Ms: parseDuration(/\s99%\s+(\S+)/.exec(text)?.[1]),
		errors: (socketErrors?.slice(1).reduce((sum, value) => sum + Number(value), 0) ?? 0) + Number(failures?.[1] ?? 0),
	};
}

function parseDuration(text: string | undefined): number {
	const match = /^([\d.]+)(us|ms|s)$/.exec(text ?? "");
	if (match === null) return Number.NaN;
	return Number(match[1]) * (match[2] === "us" ? 0.001 : match[2] === "ms" ? 1 : 1000);
}

function parseH2load(text: string): { rps: number; errors: number } {
	const rps = Number(/finished in \S+, ([\d.]+) req\/s/.exec(text)?.[1] ?? "NaN");
	const requests = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(text);
	const errors = requests?.slice(1).reduce((sum, value) => sum + Number(value), 0) ?? Number.NaN;
	return { rps, errors };
}

/** h2load's log: start in µs, status, duration in µs, tab by tab. */
function readLatencies(file: string): { p50Ms: number; p99Ms: number } {
	const durations = readFileSync(file, "latin1")
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => Number(line.split("\t")[2]))
		.sort((a, b) => a - b);
	rmSync(file);
	const at = (share: number): number => (durations[Math.floor(durations.length * share)] ?? Number.NaN) / 1000;
	return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
