import type { ChildProcess } from "node:child_process";
import { findFreePort } from "../../../test/support/free-port.ts";
import { runHandshakes } from "../../support/load.ts";
import { medianOf } from "../../support/median.ts";
import { readCpuSeconds, stopProcess } from "../../support/process.ts";
import { type PeerName, startHop } from "../peers.ts";
import { divide, type Outcome, type ScenarioContext } from "../scenario.ts";
import { compareThroughput, single } from "./throughput.ts";

/** Every request on a connection of its own. */
export function runNewConnections(context: ScenarioContext): Promise<Outcome> {
	const variants = (["amime", "envoy", "nginx", "haproxy"] as const).map((peer) => single(peer));
	return compareThroughput(context, variants, { connections: 32, closes: true }, { mustRatio: 1 });
}

/** The generator asks in HTTP/1.0 and waits until the connection is closed. */
const http10 = {
	delayed_close_timeout: "0s",
	http_protocol_options: { accept_http_10: true, default_host_for_http_10: "bench" },
};

interface HandshakeRound {
	readonly perSecond: number;
	readonly cpuMicros: number;
}

/** A proxy that is up, its figures round by round. */
interface Player {
	readonly peer: PeerName;
	readonly hop: { readonly adminPort: number; readonly listenPort: number };
	readonly child: ChildProcess;
	readonly rounds: HandshakeRound[];
}

/** Mutual-TLS handshakes, full ones or resumed ones, counted by the server. */
export async function runNewTlsConnections(context: ScenarioContext, isResumed = false): Promise<Outcome> {
	const { proxyCore, folder, files, backend } = context;
	const peers = (["amime", "envoy"] as const).filter((peer) => context.available.includes(peer));
	const players: Player[] = [];
	try {
		for (const peer of peers) {
			const hop = {
				adminPort: await findFreePort(),
				listenPort: await findFreePort(),
				upstreamPort: backend.port,
				tls: { side: "downstream" as const, files },
				// As the generator asks.
				...(isResumed && { manager: http10 }),
			};
			const child = await startHop(peer, proxyCore, hop, folder, `${peer}-handshakes`);
			players.push({ peer, hop, child, rounds: [] });
			await runHandshakes(context.loadCore, hop.listenPort, files, 1, isResumed);
		}
		for (let round = 0; round < context.rounds; round++)
			for (const { hop, child, rounds } of players) rounds.push(await runRound(context, hop, child.pid!, isResumed));
	} finally {
		for (const { child } of players) await stopProcess(child);
	}
	const rateOf = (name: PeerName): number | undefined => {
		const player = players.find(({ peer }) => peer === name);
		return player && medianOf(player.rounds, ({ perSecond }) => perSecond);
	};
	const ratio = divide(rateOf("amime"), rateOf("envoy"));
	return {
		rows: players.map(({ peer, rounds }) => ({
			name: peer,
			values: { "handshakes/s": rateOf(peer)!, "CPU µs each": medianOf(rounds, ({ cpuMicros }) => cpuMicros) },
		})),
		checks: [{ what: `${isResumed ? "resumed " : ""}handshakes / Envoy's`, value: ratio, bound: 1, kind: "at-least" }],
	};
}

async function runRound(
	{ loadCore, files, seconds }: ScenarioContext,
	hop: { readonly adminPort: number; readonly listenPort: number },
	pid: number,
	isResumed: boolean,
): Promise<HandshakeRound> {
	const counter = isResumed ? "session_reused" : "handshake";
	const [countBefore, cpuBefore] = [await countHandshakes(hop.adminPort, counter), readCpuSeconds(pid)];
	await runHandshakes(loadCore, hop.listenPort, files, seconds, isResumed);
	const count = (await countHandshakes(hop.adminPort, counter)) - countBefore;
	return { perSecond: count / seconds, cpuMicros: ((readCpuSeconds(pid) - cpuBefore) * 1e6) / count };
}

async function countHandshakes(adminPort: number, counter: string): Promise<number> {
	const answer = await fetch(
		`http://127.0.0.1:${adminPort}/stats?filter=${encodeURIComponent(`^listener.*ssl.${counter}$`)}`,
	);
	return Number(/: (\d+)/.exec(await answer.text())?.[1] ?? "0");
}
