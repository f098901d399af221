import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { GoldenCase, GoldenFolder, Manifest } from "./golden-folder.ts";

/** The process that serves the backends and sends requests. */
export interface Driver {
	/** Sends a case's observations, some at a time where they do not depend on each other; answers with what was seen, in their order. */
	send(item: GoldenCase, documents: readonly Manifest[], isOneByOne: boolean): Promise<readonly unknown[]>;
	close(): void;
}

/** Starts the driver and waits for its backends. */
export async function startDriver(folder: GoldenFolder, threads: number): Promise<Driver> {
	const child: ChildProcess = spawn("python3", [join(import.meta.dirname, "drive.py"), folder.path], {
		stdio: ["pipe", "pipe", "inherit"],
		env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
	});
	const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
	const read = async (): Promise<Record<string, unknown>> => {
		const { value, done } = await lines.next();
		if (done === true) throw new Error("the driver of requests has ended, its reason is above");
		return JSON.parse(value as string) as Record<string, unknown>;
	};
	await read();
	return {
		async send(item, documents, isOneByOne) {
			const { name, observations } = item;
			const task = {
				name,
				observations,
				documents,
				threads: !isOneByOne && isIndependent(item) ? threads : 1,
			};
			child.stdin!.write(`${JSON.stringify(task)}\n`);
			return (await read())["observed"] as unknown[];
		},
		close: () => child.kill(),
	};
}

/** Whether a case's requests can be under way at once: single ones, without pauses and counts. */
function isIndependent({ observations, area }: GoldenCase): boolean {
	if (area === "destination-rule") return false;
	return observations.every(
		({ repeat, pause_ms, gap_ms, request }) =>
			repeat === undefined &&
			pause_ms === undefined &&
			gap_ms === undefined &&
			!Object.keys(request.headers ?? {}).some((name) => name.startsWith("x-echo-") || name === "x-authz"),
	);
}
