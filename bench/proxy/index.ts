/** `npm run bench -- proxy`: amime beside Envoy (nginx and HAProxy where installed) on the same bootstrap, each pinned to core 0,
 *  load and backend on core 1, the peers alternating round by round. Prints a table and one JSON line a scenario. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "../support/backend.ts";
import { createPairFiles } from "../support/certificates.ts";
import { nameLoad } from "../support/load.ts";
import { stopProcess } from "../support/process.ts";
import { formatReport } from "../support/report.ts";
import { findPeers, type PeerName, peerNames } from "./peers.ts";
import { holds, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";

export interface ProxyBenchOptions {
	/** Names of scenarios; all by default. */
	readonly only: readonly string[];
	/** Rounds of load a peer; the median counts. */
	readonly rounds: number;
	/** Seconds of a round. */
	readonly seconds: number;
	/** Names of proxies; all that are installed by default. */
	readonly peers: readonly string[];
}

const proxyCore = 0;
const loadCore = 1;
const defaultBodyBytes = 100;

/** Runs the chosen scenarios; returns false when a figure misses what it must reach. */
export async function runProxyBench(options: ProxyBenchOptions): Promise<boolean> {
	const chosen = scenarios.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
	const available = findPeers().filter((peer) => options.peers.length === 0 || options.peers.includes(peer));
	for (const peer of peerNames) {
		if (!available.includes(peer) && options.peers.length === 0) process.stdout.write(`*** PEER MISSING: ${peer}\n`);
	}
	let held = true;
	for (const scenario of chosen) held = (await runScenario(scenario, available, options)) && held;
	return held;
}

async function runScenario(
	scenario: Scenario,
	available: readonly PeerName[],
	{ rounds, seconds }: ProxyBenchOptions,
): Promise<boolean> {
	const folder = mkdtempSync(join(tmpdir(), "amime-bench-"));
	const backend = await startBackend(loadCore, scenario.bodyBytes ?? defaultBodyBytes, folder);
	try {
		const files = createPairFiles(folder);
		const outcome = await scenario.run({
			...{ proxyCore, loadCore, folder, files, backend, available, rounds, seconds },
		});
		process.stdout.write(formatReport("proxy", scenario, `load ${nameLoad()}, backend ${backend.name}`, outcome));
		return outcome.checks.every(holds);
	} catch (error) {
		process.stdout.write(`\n${scenario.title}\n  NOT RUN: ${error instanceof Error ? error.message : String(error)}\n`);
		return false;
	} finally {
		await stopProcess(backend.child);
		rmSync(folder, { recursive: true, force: true });
	}
}
