import { findFreePort } from "../../../test/support/free-port.ts";
import { type LoadResult, runLoad } from "../../support/load.ts";
import { readCpuSeconds, stopProcess } from "../../support/process.ts";
import { startHop } from "../peers.ts";
import { divide, type Outcome, type ScenarioContext } from "../scenario.ts";
import { takeMedian } from "./throughput.ts";

/** One worker, then two. The load runs on the same two cores, so throughput cannot double: what two workers carry is computed from the
 *  processor time that a request costs them, as `workers / seconds of processor time a request`. */
export async function runWorkers(context: ScenarioContext): Promise<Outcome> {
	const rows = [];
	const capacity: number[] = [];
	for (const concurrency of [1, 2]) {
		const { load, cpuSeconds, requests } = await measure(context, concurrency);
		capacity.push((concurrency * requests) / cpuSeconds);
		rows.push({
			name: `${concurrency} worker${concurrency === 1 ? "" : "s"}`,
			values: {
				"req/s": load.rps,
				"p99 ms": load.p99Ms,
				errors: load.errors,
				"CPU µs/req": (cpuSeconds * 1e6) / requests,
				"capacity/s": capacity.at(-1)!,
			},
		});
	}
	return {
		rows,
		checks: [{ what: "capacity of two / one", value: divide(capacity[1], capacity[0]), bound: 1.7, kind: "at-least" }],
	};
}

async function measure(
	{ folder, backend, rounds, seconds }: ScenarioContext,
	concurrency: number,
): Promise<{ load: LoadResult; cpuSeconds: number; requests: number }> {
	const hop = {
		adminPort: await findFreePort(),
		listenPort: await findFreePort(),
		upstreamPort: backend.port,
		concurrency,
	};
	const child = await startHop("amime", undefined, hop, folder, `workers-${concurrency}`);
	try {
		const run = (length: number): Promise<LoadResult> =>
			runLoad(1, hop.listenPort, { connections: 64 }, length, folder);
		await run(2);
		const before = readCpuSeconds(child.pid!);
		const results: LoadResult[] = [];
		for (let round = 0; round < rounds; round++) results.push(await run(seconds));
		const requests = results.reduce((sum, { rps }) => sum + rps * seconds, 0);
		return { load: takeMedian(results), cpuSeconds: readCpuSeconds(child.pid!) - before, requests };
	} finally {
		await stopProcess(child);
	}
}
