import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { ClientsReport, ClientsRequest } from "./clients.ts";
import { startClients } from "./servers.ts";

/** Clients that are connected and have what they asked for. */
export interface Clients {
	readonly connectMs: number;
	/** Waits until every client has acknowledged a change; answers with when each did, in milliseconds since the epoch.
	 *  @throws Error after 60 s */
	untilSeen(change: number): Promise<readonly number[]>;
	/** What was seen since the last question: change, when, by which client. */
	take(): Promise<readonly (readonly [change: number, at: number, client: number])[]>;
	/** Bytes of responses so far. */
	bytes(): Promise<number>;
	stop(): void;
}

/** Connects clients to an xDS port. */
export async function connectClients(core: number, port: number, count: number, services: number): Promise<Clients> {
	const child = startClients(core);
	await ask(child, { kind: "report" });
	const connected = await ask(child, { kind: "connect", port, clients: count, services });
	if (connected.kind !== "connected") throw new Error("the clients did not connect");
	const report = async () => {
		const answer = await ask(child, { kind: "report" });
		if (answer.kind !== "report") throw new Error("the clients did not report");
		return answer;
	};
	return {
		connectMs: connected.ms,
		async untilSeen(change) {
			const times = new Map<number, number>();
			const end = performance.now() + 60_000;
			for (;;) {
				for (const [number, at, client] of (await report()).seen)
					if (number >= change && !times.has(client)) times.set(client, at);
				if (times.size === count) return [...times.values()];
				if (performance.now() > end) throw new Error(`${times.size} of ${count} clients saw change ${change}`);
				await new Promise((resolve) => setTimeout(resolve, 100));
			}
		},
		take: async () => (await report()).seen,
		bytes: async () => (await report()).bytes,
		stop: () => void child.kill("SIGKILL"),
	};
}

async function ask(child: ChildProcess, request: ClientsRequest): Promise<ClientsReport> {
	const waiting = new AbortController();
	const late = setTimeout(() => waiting.abort(new Error("the clients do not answer")), 120_000);
	const answer = once(child, "message", { signal: waiting.signal });
	const ended = once(child, "exit", { signal: waiting.signal }).then(() => {
		throw new Error("the clients' process ended");
	});
	child.send(request);
	try {
		const [report] = (await Promise.race([answer, ended])) as [ClientsReport];
		return report;
	} finally {
		clearTimeout(late);
		ended.catch(() => undefined);
		waiting.abort();
	}
}

/** The value below which a share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
