/** `node scripts/run-acceptance.ts FOLDER`: runs an acceptance suite that lives beside the project (`run.py` in FOLDER: the same bootstrap files
 *  through Envoy and through amime) and fails on any case that is neither the same nor a listed deviation. A suite that is not there,
 *  and a peer that is missing, are named. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { findEnvoy } from "../test/support/peers.ts";
import { deviations } from "./deviations.ts";

interface Result {
	readonly cases: number;
	readonly same: number;
	readonly different_names: readonly string[];
	readonly refused_names: readonly string[];
	readonly broken_names: readonly string[];
	readonly not_run: number;
}

const accepted = new Set(deviations.flatMap(({ cases }) => cases));
const [folder] = process.argv.slice(2);
const envoy = findEnvoy();
if (folder === undefined) throw new Error("usage: node scripts/run-acceptance.ts FOLDER");
if (!existsSync(join(folder, "run.py"))) console.log(`*** ACCEPTANCE SUITE NOT RUN: there is none in ${folder}`);
else if (envoy === undefined) console.log("*** ACCEPTANCE SUITE NOT RUN: PEER MISSING: envoy");
else process.exitCode = judge(run(folder, envoy), (names) => run(folder, envoy, names)) ? 0 : 1;

function run(suite: string, program: string, only: readonly string[] = []): Result {
	const tested = `${process.execPath} ${resolve(import.meta.dirname, "../bin/launch.cjs")} proxy`;
	const selection = only.flatMap((name) => ["--only", name]);
	const { stdout, stderr, status } = spawnSync("python3", ["run.py", "--jobs", "2", "--json", ...selection], {
		cwd: suite,
		encoding: "utf8",
		maxBuffer: 1 << 26,
		env: { ...process.env, ENVOY: program, SUT: tested },
	});
	if (status !== 0) throw new Error(`the acceptance suite ended with ${status}: ${stderr}`);
	return JSON.parse(stdout.trim().split("\n").at(-1)!) as Result;
}

function judge(result: Result, again: (names: readonly string[]) => Result): boolean {
	console.log(`acceptance suite: ${result.same} of ${result.cases} the same as Envoy`);
	let failing = listFailing(result);
	// A difference that does not repeat was the machine's.
	if (failing.length > 0) failing = listFailing(again(failing)).filter((name) => failing.includes(name));
	for (const name of failing) console.log(`  differs twice: ${name}`);
	for (const name of result.different_names) if (accepted.has(name)) console.log(`  a listed deviation: ${name}`);
	if (result.not_run > 0) console.log(`  not run: ${result.not_run}`);
	return failing.length === 0 && result.not_run === 0;
}

/** A configuration's totals follow from its other cases, and are not run alone. */
function listFailing({ different_names, refused_names }: Result): string[] {
	return [...different_names, ...refused_names].filter((name) => !accepted.has(name) && !name.endsWith("/(totals)"));
}
