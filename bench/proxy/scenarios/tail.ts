import { type LoadResult, runFixedLoad, runLoad } from "../../support/load.ts";
import { stopProcess } from "../../support/process.ts";
import { divide, type Outcome, type ScenarioContext } from "../scenario.ts";
import { type StartedPeer, single, takeMedian } from "./throughput.ts";

const connections = 32;

/** The same load for both, half of what Envoy can carry at most. */
export async function runTail(context: ScenarioContext): Promise<Outcome> {
	const { loadCore, folder, rounds, seconds } = context;
	const variants = [single("envoy"), single("amime")].filter(({ peer }) => context.available.includes(peer));
	const started: StartedPeer[] = [];
	const results = variants.map((): LoadResult[] => []);
	let rps = 0;
	try {
		for (const variant of variants) started.push(await variant.start(context));
		for (const { port } of started) {
			const { rps: capacity } = await runLoad(loadCore, port, { connections }, seconds, folder);
			// Envoy comes first; without it there is nothing to compare with, but a figure.
			if (rps === 0) rps = capacity / 2;
		}
		for (let round = 0; round < rounds; round++) {
			for (const [index, { port }] of started.entries()) {
				results[index]!.push(await runFixedLoad(loadCore, port, { connections, rps }, seconds, folder));
			}
		}
	} finally {
		await Promise.all(started.flatMap(({ children }) => children.map(stopProcess)));
	}
	const medians = results.map(takeMedian);
	const p99Of = (name: string): number | undefined => medians[variants.findIndex(({ peer }) => peer === name)]?.p99Ms;
	return {
		rows: variants.map(({ label }, index) => {
			const { rps: reached, p50Ms, p99Ms, errors } = medians[index]!;
			return { name: label, values: { "req/s": reached, "p50 ms": p50Ms, "p99 ms": p99Ms, errors } };
		}),
		checks: [
			{ what: "p99 / Envoy's", value: divide(p99Of("amime"), p99Of("envoy")), bound: 1, kind: "at-most" },
			{ what: "errors", value: medians.at(-1)?.errors, bound: 0, kind: "at-most" },
		],
	};
}
