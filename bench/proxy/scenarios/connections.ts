import { findFreePort } from "../../../test/support/free-port.ts";
import { runHandshakes } from "../../support/load.ts";
import { stopProcess } from "../../support/process.ts";
import { type PeerName, startHop } from "../peers.ts";
import { divide, type Outcome, type ScenarioContext } from "../scenario.ts";
import { compareThroughput, single } from "./throughput.ts";

/** Every request on a connection of its own. */
export function runNewConnections(context: ScenarioContext): Promise<Outcome> {
	const variants = (["amime", "envoy", "nginx", "haproxy"] as const).map((peer) => single(peer));
	return compareThroughput(context, variants, { connections: 32, closes: true }, { mustRatio: 1 });
}

/** Full mutual-TLS handshakes with one request each. */
export async function runNewTlsConnections(context: ScenarioContext): Promise<Outcome> {
	const { proxyCore, loadCore, folder, files, backend, seconds } = context;
	const peers = (["amime", "envoy"] as const).filter((peer) => context.available.includes(peer));
	const rates = new Map<PeerName, number[]>();
	for (const peer of peers) {
		const port = await findFreePort();
		const hop = {
			adminPort: await findFreePort(),
			listenPort: port,
			upstreamPort: backend.port,
			acceptHttp10: true,
			tls: { side: "downstream" as const, files },
		};
		const child = await startHop(peer, proxyCore, hop, folder, `${peer}-handshakes`);
		try {
			await runHandshakes(loadCore, port, files, 1);
			for (let round = 0; round < context.rounds; round++) {
				const rate = await runHandshakes(loadCore, port, files, seconds);
				rates.set(peer, [...(rates.get(peer) ?? []), rate]);
			}
		} finally {
			await stopProcess(child);
		}
	}
	const median = (peer: PeerName): number | undefined => {
		const sorted = [...(rates.get(peer) ?? [])].sort((a, b) => a - b);
		return sorted[Math.floor(sorted.length / 2)];
	};
	const ratio = divide(median("amime"), median("envoy"));
	return {
		rows: peers.map((name) => ({ name, values: { "connections/s": median(name) ?? Number.NaN } })),
		checks: [{ what: "handshakes / Envoy's", value: ratio, bound: 1, kind: "at-least" }],
	};
}
