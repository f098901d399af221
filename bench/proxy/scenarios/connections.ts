import { findFreePort } from "../../../test/support/free-port.ts";
import { runHandshakes } from "../../support/load.ts";
import { readCpuSeconds, stopProcess } from "../../support/process.ts";
import { type PeerName, startHop } from "../peers.ts";
import { divide, type Outcome, type ScenarioContext } from "../scenario.ts";
import { compareThroughput, single } from "./throughput.ts";

/** Every request on a connection of its own. */
export function runNewConnections(context: ScenarioContext): Promise<Outcome> {
	const variants = (["amime", "envoy", "nginx", "haproxy"] as const).map((peer) => single(peer));
	return compareThroughput(context, variants, { connections: 32, closes: true }, { mustRatio: 1 });
}

interface HandshakeRound {
	readonly perSecond: number;
	readonly cpuMicros: number;
}

/** Full mutual-TLS handshakes, counted by the server. */
export async function runNewTlsConnections(context: ScenarioContext): Promise<Outcome> {
	const { proxyCore, folder, files, backend } = context;
	const peers = (["amime", "envoy"] as const).filter((peer) => context.available.includes(peer));
	const medians = new Map<PeerName, HandshakeRound>();
	for (const peer of peers) {
		const hop = {
			adminPort: await findFreePort(),
			listenPort: await findFreePort(),
			upstreamPort: backend.port,
			tls: { side: "downstream" as const, files },
		};
		const child = await startHop(peer, proxyCore, hop, folder, `${peer}-handshakes`);
		try {
			await runHandshakes(context.loadCore, hop.listenPort, files, 1);
			const rounds: HandshakeRound[] = [];
			for (let round = 0; round < context.rounds; round++) rounds.push(await runRound(context, hop, child.pid!));
			medians.set(peer, rounds.sort((a, b) => a.perSecond - b.perSecond)[Math.floor(rounds.length / 2)]!);
		} finally {
			await stopProcess(child);
		}
	}
	const ratio = divide(medians.get("amime")?.perSecond, medians.get("envoy")?.perSecond);
	return {
		rows: [...medians].map(([name, { perSecond, cpuMicros }]) => ({
			name,
			values: { "handshakes/s": perSecond, "CPU µs each": cpuMicros },
		})),
		checks: [{ what: "handshakes / Envoy's", value: ratio, bound: 1, kind: "at-least" }],
	};
}

async function runRound(
	{ loadCore, files, seconds }: ScenarioContext,
	hop: { readonly adminPort: number; readonly listenPort: number },
	pid: number,
): Promise<HandshakeRound> {
	const [countBefore, cpuBefore] = [await countHandshakes(hop.adminPort), readCpuSeconds(pid)];
	await runHandshakes(loadCore, hop.listenPort, files, seconds);
	const count = (await countHandshakes(hop.adminPort)) - countBefore;
	return { perSecond: count / seconds, cpuMicros: ((readCpuSeconds(pid) - cpuBefore) * 1e6) / count };
}

async function countHandshakes(adminPort: number): Promise<number> {
	const answer = await fetch(
		`http://127.0.0.1:${adminPort}/stats?filter=${encodeURIComponent("^listener.*ssl.handshake$")}`,
	);
	return Number(/: (\d+)/.exec(await answer.text())?.[1] ?? "0");
}
