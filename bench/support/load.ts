import { execFile } from "node:child_process";
import { resolve } from "node:path";
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

/** A closed loop of `connections` keep-alive connections for `seconds`, pinned to `core`: wrk where installed, else the
 *  load generator beside this file. */
export async function runLoad(core: number, port: number, connections: number, seconds: number): Promise<LoadResult> {
	const url = `http://127.0.0.1:${port}/`;
	const pin = findProgram("taskset") === undefined ? [] : ["taskset", "-c", String(core)];
	const wrk = findProgram("wrk");
	const command =
		wrk === undefined
			? [
					...pin,
					process.execPath,
					resolve(import.meta.dirname, "raw-load.ts"),
					String(port),
					String(connections),
					String(seconds),
				]
			: [...pin, wrk, "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", url];
	const { stdout } = await run(command[0]!, command.slice(1), { timeout: (seconds + 20) * 1000 });
	return wrk === undefined ? (JSON.parse(stdout) as LoadResult) : parseWrk(stdout);
}

/** The name of the load generator in use, for the report. */
export function nameLoad(): string {
	return findProgram("wrk") === undefined ? "raw-load.ts" : "wrk";
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
