/** `node scripts/explain-golden.ts FOLDER [--only CASE,AREA]`: asks the evaluator behind `amime explain` what becomes of every call of the golden
 *  observations (README of FOLDER), without control plane and proxies, and compares that with what a real Istio was seen to do. Prints
 *  every difference and the totals; exits non-zero when fewer than 95 % agree. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { compareCall, type ObservedCall, openCase } from "./golden/explained.ts";
import { readGoldenFolder } from "./golden/golden-folder.ts";

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { only: { type: "string", default: "" } },
});
const [path] = positionals;
if (path === undefined) throw new Error("usage: node scripts/explain-golden.ts FOLDER");
const folder = readGoldenFolder(resolve(path));
if (folder === undefined) console.log(`*** GOLDEN OBSERVATIONS NOT EXPLAINED: there are none in ${path}`);
else {
	const only = new Set(values.only.split(",").filter((name) => name !== ""));
	const totals = new Map<string, { same: number; all: number }>();
	for (const golden of folder.cases) {
		if (only.size > 0 && !only.has(golden.name) && !only.has(golden.area)) continue;
		const world = openCase(folder, golden);
		const total = totals.get(golden.area) ?? { same: 0, all: 0 };
		totals.set(golden.area, total);
		for (const [number, observation] of golden.observations.entries()) {
			if (observation.artefact || observation.flaky === true) continue;
			const differences = compareCall(world, folder, observation as ObservedCall);
			total.all++;
			if (differences.length === 0) total.same++;
			else console.log(`${golden.name}/${number}: ${differences.join("; ")}`);
		}
	}
	for (const [area, { same, all }] of totals) console.log(`${area}: ${same} of ${all}`);
	const same = [...totals.values()].reduce((sum, total) => sum + total.same, 0);
	const all = [...totals.values()].reduce((sum, total) => sum + total.all, 0);
	console.log(`explained as observed: ${same} of ${all} (${((100 * same) / all).toFixed(1)} %)`);
	if (same < 0.95 * all) process.exitCode = 1;
}
