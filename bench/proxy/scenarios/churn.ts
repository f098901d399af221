import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePort } from "../../../test/support/free-port.ts";
import { startBackend } from "../../support/backend.ts";
import { type LoadResult, runFixedLoad, runLoad } from "../../support/load.ts";
import { stopProcess } from "../../support/process.ts";
import { createAssignment, createRoutes, type Hop } from "../configs.ts";
import { type PeerName, startHop } from "../peers.ts";
import { type Check, divide, type Outcome, type Row, type ScenarioContext } from "../scenario.ts";
import { takeMedian } from "./throughput.ts";

const connections = 32;

interface ChurnResult {
	readonly steady: LoadResult;
	readonly churning: LoadResult;
}

/** A steady load, then the same while endpoints and route weights change in files. */
export async function runChurn(context: ScenarioContext): Promise<Outcome> {
	const second = await startBackend(context.loadCore, 100, makeFolder(context.folder, "second"));
	const results = new Map<PeerName, ChurnResult>();
	let rps = 0;
	try {
		for (const peer of (["envoy", "amime"] as const).filter((name) => context.available.includes(name))) {
			const dynamicFolder = makeFolder(context.folder, `${peer}-dynamic`);
			const hop: Hop = {
				adminPort: await findFreePort(),
				listenPort: await findFreePort(),
				upstreamPort: context.backend.port,
				dynamicFolder,
			};
			const files = createFiles(hop, [context.backend.port, second.port]);
			files.turn(0);
			files.reweigh(0);
			const child = await startHop(peer, context.proxyCore, hop, context.folder, `${peer}-churn`);
			try {
				const { rps: capacity } = await runLoad(context.loadCore, hop.listenPort, { connections }, 3, context.folder);
				if (rps === 0) rps = capacity / 2;
				results.set(peer, await measure(context, hop.listenPort, rps, files));
			} finally {
				await stopProcess(child);
			}
		}
	} finally {
		await stopProcess(second.child);
	}
	return describe(results);
}

async function measure(
	{ loadCore, folder, rounds, seconds }: ScenarioContext,
	port: number,
	rps: number,
	files: ConfigFiles,
): Promise<ChurnResult> {
	const run = (): Promise<LoadResult> => runFixedLoad(loadCore, port, { connections, rps }, seconds, folder);
	const [steady, churning]: [LoadResult[], LoadResult[]] = [[], []];
	let count = 0;
	for (let round = 0; round < rounds; round++) {
		steady.push(await run());
		const timer = setInterval(() => {
			files.turn(++count);
			if (count % 10 === 0) files.reweigh(count / 10);
		}, 100);
		churning.push(await run().finally(() => clearInterval(timer)));
	}
	return { steady: takeMedian(steady), churning: takeMedian(churning) };
}

interface ConfigFiles {
	/** Replaces the endpoints. */
	turn(count: number): void;
	/** Changes the weights of the route. */
	reweigh(count: number): void;
}

/** Files moved into place whole, as a watched file must be. */
function createFiles(hop: Hop, ports: readonly number[]): ConfigFiles {
	const write = (name: string, type: string, resource: object, version: number): void => {
		const file = join(hop.dynamicFolder!, name);
		const resources = [{ "@type": `type.googleapis.com/${type}`, ...resource }];
		writeFileSync(`${file}.new`, JSON.stringify({ version_info: String(version), resources }));
		renameSync(`${file}.new`, file);
	};
	const assignments = [[ports[0]!], [ports[1]!], [...ports]];
	return {
		turn(count) {
			const assignment = createAssignment(assignments[count % assignments.length]!);
			write("eds.json", "envoy.config.endpoint.v3.ClusterLoadAssignment", assignment, count);
		},
		reweigh(count) {
			const share = 10 + (count % 80);
			const clusters = [
				{ name: "backend", weight: share },
				{ name: "backend", weight: 100 - share },
			];
			const routes = [{ match: { prefix: "/" }, route: { weighted_clusters: { clusters } } }];
			const configuration = { ...createRoutes(hop), virtual_hosts: [{ name: "all", domains: ["*"], routes }] };
			write("rds.json", "envoy.config.route.v3.RouteConfiguration", configuration, count);
		},
	};
}

function makeFolder(parent: string, name: string): string {
	const folder = join(parent, name);
	mkdirSync(folder);
	return folder;
}

function describe(results: ReadonlyMap<PeerName, ChurnResult>): Outcome {
	const rows: Row[] = [...results].map(([name, { steady, churning }]) => ({
		name,
		values: {
			"req/s": churning.rps,
			"steady p99": steady.p99Ms,
			"churn p99": churning.p99Ms,
			ratio: churning.p99Ms / steady.p99Ms,
			errors: churning.errors,
		},
	}));
	const amime = results.get("amime");
	const checks: Check[] = [
		{ what: "failed requests", value: amime?.churning.errors, bound: 0, kind: "at-most" },
		{
			what: "p99 under churn / steady",
			value: divide(amime?.churning.p99Ms, amime?.steady.p99Ms),
			bound: 1.5,
			kind: "at-most",
		},
	];
	return { rows, checks };
}
