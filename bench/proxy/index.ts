/** `npm run bench -- proxy`: amime beside Envoy (nginx and HAProxy where installed) on the same bootstrap, each pinned to core 0,
 *  load and backend on core 1, the peers alternating round by round. Prints a table and one JSON line a scenario. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../../test/support/free-port.ts";
import { startBackend } from "../support/backend.ts";
import { createPairFiles } from "../support/certificates.ts";
import { type LoadResult, nameLoad, runLoad } from "../support/load.ts";
import { stopProcess } from "../support/process.ts";
import { findPeers, type PeerName, peerNames } from "./peers.ts";
import { type Scenario, type StartedPeer, scenarios } from "./scenarios.ts";

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

/** Runs the chosen scenarios; returns false when a ratio misses what it must reach. */
export async function runProxyBench(options: ProxyBenchOptions): Promise<boolean> {
	const chosen = scenarios.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
	if (chosen.length === 0)
		throw new Error(`no such scenario; there are ${scenarios.map(({ name }) => name).join(", ")}`);
	const available = findPeers().filter((peer) => options.peers.length === 0 || options.peers.includes(peer));
	for (const peer of peerNames) {
		if (!available.includes(peer) && options.peers.length === 0) process.stdout.write(`*** PEER MISSING: ${peer}\n`);
	}
	let held = true;
	for (const scenario of chosen) {
		const report = await runScenario(scenario, available, options);
		process.stdout.write(report.text);
		held &&= report.held;
	}
	return held;
}

async function runScenario(
	scenario: Scenario,
	available: readonly PeerName[],
	options: ProxyBenchOptions,
): Promise<{ text: string; held: boolean }> {
	const folder = mkdtempSync(join(tmpdir(), "amime-bench-"));
	const backendPort = await findFreePort();
	const backend = await startBackend(loadCore, backendPort, scenario.bodyBytes, folder);
	const peers = scenario.peers.filter((peer) => available.includes(peer));
	const started = new Map<PeerName, StartedPeer>();
	const results = new Map<PeerName, LoadResult[]>();
	try {
		const files = createPairFiles(folder);
		for (const peer of peers) {
			started.set(peer, await scenario.start({ peer, core: proxyCore, backendPort, folder, files }));
			await runLoad(loadCore, started.get(peer)!.port, scenario.connections, 2);
		}
		for (let round = 0; round < options.rounds; round++) {
			for (const peer of peers) {
				const result = await runLoad(loadCore, started.get(peer)!.port, scenario.connections, options.seconds);
				results.set(peer, [...(results.get(peer) ?? []), result]);
			}
		}
	} finally {
		await Promise.all([...started.values()].flatMap(({ children }) => children.map(stopProcess)));
		await stopProcess(backend.child);
		rmSync(folder, { recursive: true, force: true });
	}
	return formatReport(scenario, backend.name, results);
}

function formatReport(
	scenario: Scenario,
	backend: string,
	results: ReadonlyMap<PeerName, readonly LoadResult[]>,
): { text: string; held: boolean } {
	const medians = new Map([...results].map(([peer, rounds]) => [peer, takeMedian(rounds)]));
	const amime = medians.get("amime");
	const envoy = medians.get("envoy");
	const ratio = amime === undefined || envoy === undefined ? null : round2(amime.rps / envoy.rps);
	const lines = [
		`\n${scenario.title} (load ${nameLoad()}, backend ${backend})`,
		"proxy      requests/s    p50 ms    p99 ms   errors   × envoy",
	];
	for (const [peer, { rps, p50Ms, p99Ms, errors }] of medians) {
		const times = envoy === undefined ? "-" : (rps / envoy.rps).toFixed(2);
		lines.push(
			`${peer.padEnd(8)} ${rps.toFixed(0).padStart(12)} ${p50Ms.toFixed(2).padStart(9)} ${p99Ms.toFixed(2).padStart(9)} ${String(errors).padStart(8)} ${times.padStart(9)}`,
		);
	}
	const json: Record<string, unknown> = { bench: "proxy", scenario: scenario.name };
	for (const [peer, { rps, p50Ms, p99Ms, errors }] of medians) {
		json[peer] = { rps: Math.round(rps), p50_ms: round2(p50Ms), p99_ms: round2(p99Ms), errors };
	}
	const p99Ratio = amime === undefined || envoy === undefined ? null : round2(amime.p99Ms / envoy.p99Ms);
	json["ratio"] = ratio;
	json["must"] = scenario.mustRatio;
	json["p99_ratio"] = p99Ratio;
	const held =
		ratio === null ||
		(ratio >= scenario.mustRatio &&
			(p99Ratio ?? 0) <= (scenario.maxP99Ratio ?? Number.POSITIVE_INFINITY) &&
			amime?.errors === 0);
	return { text: `${lines.join("\n")}\n${JSON.stringify(json)}\n`, held };
}

/** The round whose throughput is the median. */
function takeMedian(rounds: readonly LoadResult[]): LoadResult {
	return [...rounds].sort((a, b) => a.rps - b.rps)[Math.floor(rounds.length / 2)]!;
}

function round2(value: number): number {
	return Math.round(value * 100) / 100;
}
