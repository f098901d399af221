import type { ChildProcess } from "node:child_process";
import { findFreePort } from "../../../test/support/free-port.ts";
import { type Load, type LoadResult, runLoad } from "../../support/load.ts";
import { medianOf } from "../../support/median.ts";
import { readCpuSeconds, stopProcess } from "../../support/process.ts";
import type { Hop } from "../configs.ts";
import { type PeerName, startHop } from "../peers.ts";
import { type Check, divide, type Outcome, type Row, type ScenarioContext } from "../scenario.ts";

/** A peer under load: the port that load goes to and the processes to end. */
export interface StartedPeer {
	readonly port: number;
	readonly children: readonly ChildProcess[];
}

/** One line of a comparison: a peer, and how it is set up. */
export interface Variant {
	readonly label: string;
	readonly peer: PeerName;
	readonly start: (context: ScenarioContext) => Promise<StartedPeer>;
}

export interface ThroughputBounds {
	/** Least ratio of amime's throughput to Envoy's; with several lines of a peer its fastest counts. */
	readonly mustRatio: number;
	/** Most ratio of amime's 99th percentile to Envoy's. */
	readonly maxP99Ratio?: number;
}

const warmUpSeconds = 2;

/** Closed-loop load on every variant, round by round in turns; the median of the rounds counts. */
export async function compareThroughput(
	context: ScenarioContext,
	variants: readonly Variant[],
	load: Load,
	{ mustRatio, maxP99Ratio }: ThroughputBounds,
): Promise<Outcome> {
	const playing = variants.filter(({ peer }) => context.available.includes(peer));
	const started: StartedPeer[] = [];
	const results = playing.map((): LoadResult[] => []);
	/** Of each variant: processor seconds, and the requests they went into. */
	const costs = playing.map(() => ({ cpuSeconds: 0, requests: 0 }));
	const runRound = (index: number, seconds: number): Promise<LoadResult> =>
		runLoad(context.loadCore, started[index]!.port, load, seconds, context.folder);
	try {
		for (const [index, variant] of playing.entries()) {
			started.push(await variant.start(context));
			await runRound(index, warmUpSeconds);
		}
		for (let round = 0; round < context.rounds; round++) {
			for (const [index, list] of results.entries()) {
				const before = sumCpuSeconds(started[index]!);
				const result = await runRound(index, context.seconds);
				list.push(result);
				costs[index]!.cpuSeconds += sumCpuSeconds(started[index]!) - before;
				costs[index]!.requests += result.rps * context.seconds;
			}
		}
	} finally {
		await Promise.all(started.flatMap(({ children }) => children.map(stopProcess)));
	}
	const medians = results.map(takeMedian);
	const best = (name: PeerName): LoadResult | undefined =>
		medians.filter((_, index) => playing[index]!.peer === name).sort((a, b) => b.rps - a.rps)[0];
	const [amime, envoy] = [best("amime"), best("envoy")];
	const rows: Row[] = medians.map(({ rps, p50Ms, p99Ms, errors }, index) => ({
		name: playing[index]!.label,
		values: {
			"req/s": rps,
			"p50 ms": p50Ms,
			"p99 ms": p99Ms,
			errors,
			"× envoy": rps / (envoy?.rps ?? Number.NaN),
			"CPU µs/req": (costs[index]!.cpuSeconds * 1e6) / costs[index]!.requests,
		},
	}));
	const checks: Check[] = [
		{ what: "throughput / Envoy's", value: divide(amime?.rps, envoy?.rps), bound: mustRatio, kind: "at-least" },
		{ what: "errors", value: amime?.errors, bound: 0, kind: "at-most" },
	];
	if (maxP99Ratio !== undefined) {
		checks.push({
			what: "p99 / Envoy's",
			value: divide(amime?.p99Ms, envoy?.p99Ms),
			bound: maxP99Ratio,
			kind: "at-most",
		});
	}
	return { rows, checks };
}

function sumCpuSeconds({ children }: StartedPeer): number {
	return children.reduce((sum, { pid }) => sum + readCpuSeconds(pid!), 0);
}

/** Of each figure the median of the rounds: one round in which the machine was busy elsewhere spoils none of them. Errors are all errors. */
export function takeMedian(rounds: readonly LoadResult[]): LoadResult {
	return {
		rps: medianOf(rounds, ({ rps }) => rps),
		p50Ms: medianOf(rounds, ({ p50Ms }) => p50Ms),
		p99Ms: medianOf(rounds, ({ p99Ms }) => p99Ms),
		errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
	};
}

type HopOptions = Omit<Hop, "adminPort" | "listenPort" | "upstreamPort"> & { readonly upstreamPort?: number };

/** A proxy alone in front of the backend. */
export function single(peer: PeerName, options: HopOptions = {}, label: string = peer): Variant {
	return {
		label,
		peer,
		async start({ proxyCore, backend, folder }) {
			const port = await findFreePort();
			const hop = { adminPort: await findFreePort(), listenPort: port, upstreamPort: backend.port, ...options };
			return { port, children: [await startHop(peer, proxyCore, hop, folder, `${label}-single`)] };
		},
	};
}

/** Two proxies behind each other, with mutual TLS between. */
export function pair(
	peer: PeerName,
	{ outer, inner }: { readonly outer: HopOptions; readonly inner: HopOptions },
	label: string = peer,
): Variant {
	return {
		label,
		peer,
		async start({ proxyCore, backend, folder, files }) {
			const [outerPort, innerPort] = [await findFreePort(), await findFreePort()];
			const start = async (name: string, hop: Omit<Hop, "adminPort">): Promise<ChildProcess> =>
				startHop(peer, proxyCore, { adminPort: await findFreePort(), ...hop }, folder, `${label}-${name}`);
			const inbound = await start("inbound", {
				listenPort: innerPort,
				upstreamPort: backend.port,
				...inner,
				tls: { side: "downstream", files },
			});
			const outbound = await start("outbound", {
				listenPort: outerPort,
				upstreamPort: innerPort,
				...outer,
				tls: { side: "upstream", files },
			});
			return { port: outerPort, children: [outbound, inbound] };
		},
	};
}
