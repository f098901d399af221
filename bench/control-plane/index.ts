/** `npm run bench -- control-plane`: amime's control plane and a snapshot-cache server of go-control-plane with the same resources, each
 *  pinned to core 0, the clients on core 1. Prints a table and one JSON line a scenario. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatReport, holds } from "../support/report.ts";
import { scenarios } from "./scenarios.ts";

export interface ControlPlaneBenchOptions {
	/** Names of scenarios; all by default. */
	readonly only: readonly string[];
	/** Changes that are measured one by one. */
	readonly rounds: number;
	/** Seconds of the stream of changes. */
	readonly seconds: number;
}

/** Runs the chosen scenarios; returns false when a figure misses its bound. */
export async function runControlPlaneBench(options: ControlPlaneBenchOptions): Promise<boolean> {
	const chosen = scenarios.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
	let held = true;
	for (const scenario of chosen) {
		const folder = mkdtempSync(join(tmpdir(), "amime-bench-"));
		try {
			const outcome = await scenario.run({ serverCore: 0, clientCore: 1, folder, ...options });
			process.stdout.write(formatReport("control-plane", scenario, "server on core 0, clients on core 1", outcome));
			held = outcome.checks.every(holds) && held;
		} catch (error) {
			const reason = error instanceof Error ? error.message : String(error);
			process.stdout.write(`\n${scenario.title}\n  NOT RUN: ${reason}\n`);
			held = false;
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	}
	return held;
}
