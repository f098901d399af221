import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { request } from "node:http";
import { findProgram } from "../../test/support/peers.ts";

export { findProgram };

/** Starts a program pinned to one core (where `taskset` exists; undefined: on all); its output goes to `logFile`. */
export function startPinned(core: number | undefined, command: readonly string[], logFile: string): ChildProcess {
	const pinned =
		core === undefined || findProgram("taskset") === undefined
			? [...command]
			: ["taskset", "-c", String(core), ...command];
	const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
	const log = createWriteStream(logFile);
	child.stdout?.pipe(log, { end: false });
	child.stderr?.pipe(log, { end: false });
	child.once("exit", () => log.end());
	return child;
}

/** Ends a child politely, then for certain. */
export async function stopProcess(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, "exit");
	child.kill("SIGTERM");
	const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
	await gone;
	clearTimeout(timer);
}

/** A start takes some 50 ms: looks at it must be closer together. */
const pollMs = 5;

/** Waits until `GET path` answers 200 on a loopback port.
 *  @throws Error when that takes longer than `deadlineMs` or the process ends */
export async function waitForHttp(port: number, path: string, child: ChildProcess, deadlineMs = 15_000): Promise<void> {
	const end = performance.now() + deadlineMs;
	for (;;) {
		if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(" ")} ended with ${child.exitCode}`);
		if ((await fetchStatus(port, path)) === 200) return;
		if (performance.now() > end) throw new Error(`${child.spawnargs.join(" ")} is not ready on port ${port}`);
		await new Promise((resolve) => setTimeout(resolve, pollMs));
	}
}

function fetchStatus(port: number, path: string): Promise<number | undefined> {
	return new Promise((resolve) => {
		const call = request({ host: "127.0.0.1", port, path, agent: false, timeout: 1000 }, (response) => {
			response.resume();
			resolve(response.statusCode);
		});
		call.on("error", () => resolve(undefined));
		call.on("timeout", () => call.destroy());
		call.end();
	});
}

const ticksPerSecond = 100;

/** Processor time of a process and all below it. */
export function readCpuSeconds(pid: number): number {
	const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
	const own = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
	const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
	return (
		own + (children === "" ? 0 : children.split(" ").reduce((sum, child) => sum + readCpuSeconds(Number(child)), 0))
	);
}
