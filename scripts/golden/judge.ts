import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { istioDeviations } from "../istio-deviations.ts";
import type { GoldenCase, GoldenFolder, StatusEntry } from "./golden-folder.ts";

const onPurpose = new Set(istioDeviations.flatMap(({ observations }) => observations));

/** What came out of a replay, by case. */
type Recording = ReadonlyMap<GoldenCase, readonly unknown[]>;

export type Verdict = "same" | "soft" | "different";

/** One compared observation. */
export interface Judged {
	/** `case/number`. */
	readonly name: string;
	readonly area: string;
	readonly verdict: Verdict;
	/** What differs, as the folder's own comparison says it. */
	readonly fields: string;
}

/** Compares a recording with the golden one by the folder's own compare.py. What a second recording of the original did not repeat, or
 *  its test bed caused, is left out. */
export function judge(folder: GoldenFolder, recording: Recording, scratch: string): Judged[] {
	const golden = JSON.parse(readFileSync(join(folder.path, "golden.json"), "utf8")) as { cases: GoldenCase[] };
	const leftOut = (item: GoldenCase): GoldenCase => ({
		...item,
		observations: item.observations.map((one) => ({ ...one, artefact: one.artefact === true || one.flaky === true })),
	});
	const expected = join(scratch, "expected.json");
	const observed = join(scratch, "observed.json");
	writeFileSync(expected, JSON.stringify({ cases: golden.cases.map(leftOut) }));
	const cases = [...recording].map(([{ name }, seen]) => ({
		name,
		observations: seen.map((one) => ({ observed: one })),
	}));
	writeFileSync(observed, JSON.stringify({ cases }));
	const { stdout, stderr, status } = spawnSync(
		"python3",
		[join(folder.path, "compare.py"), "--golden", expected, "--against", observed],
		{
			encoding: "utf8",
			maxBuffer: 1 << 28,
		},
	);
	if (status !== 0) throw new Error(`compare.py ended with ${status}: ${stderr}`);
	const areas = new Map(folder.cases.map(({ name, area }) => [name, area]));
	return stdout.split("\n").flatMap((line) => {
		const [, verdict, name, fields] = /^(same|soft|different) (\S+) ?(.*)$/.exec(line) ?? [];
		if (verdict === undefined || name === undefined) return [];
		const area = areas.get(name.slice(0, name.lastIndexOf("/"))) ?? "";
		return [{ name, area, verdict: verdict as Verdict, fields: fields ?? "" }];
	});
}

/** Compares the status of one object, in the short form that golden statuses have. */
export function judgeStatus(item: GoldenCase, entry: StatusEntry, status: unknown): Judged {
	const name = `${item.name}/status ${entry.kind} ${entry.name}`;
	const found = shorten(entry, status);
	const isSame = isDeepStrictEqual(found, JSON.parse(JSON.stringify(entry)));
	const fields = isSame ? "" : `\n      golden ${JSON.stringify(entry)}\n      here   ${JSON.stringify(found)}`;
	return { name, area: `${item.area} status`, verdict: isSame ? "same" : "different", fields };
}

interface Condition {
	readonly type: string;
	readonly status: string;
	readonly reason: string;
}

interface LongStatus {
	readonly conditions?: readonly Condition[];
	readonly listeners?: readonly {
		readonly name: string;
		readonly attachedRoutes: number;
		readonly conditions: readonly Condition[];
	}[];
	readonly parents?: readonly {
		readonly parentRef: Readonly<Record<string, unknown>>;
		readonly conditions: readonly Condition[];
	}[];
}

function shorten(entry: StatusEntry, status: unknown): unknown {
	const { conditions, listeners, parents } = (status ?? {}) as LongStatus;
	return {
		kind: entry.kind,
		name: entry.name,
		...("conditions" in entry && { conditions: shortConditions(conditions ?? []) }),
		...("listeners" in entry && {
			listeners: (listeners ?? []).map((one) => ({
				name: one.name,
				attachedRoutes: one.attachedRoutes,
				conditions: shortConditions(one.conditions),
			})),
		}),
		...("parents" in entry && {
			parents: (parents ?? []).map(({ parentRef: { group: _, ...parent }, conditions: own }) => ({
				parent,
				conditions: shortConditions(own),
			})),
		}),
	};
}

function shortConditions(conditions: readonly Condition[]): Record<string, string> {
	const sorted = [...conditions].sort((a, b) => (a.type < b.type ? -1 : 1));
	return Object.fromEntries(sorted.map(({ type, status, reason }) => [type, `${status}/${reason}`]));
}

/** What differs and is not meant to. */
export function findDifferent(judged: readonly Judged[]): Judged[] {
	return judged.filter(({ name, verdict }) => verdict === "different" && !onPurpose.has(name));
}

/** Prints what differs and the totals by area. Answers with the share that is the same, soft differences counted as the same. */
export function report(judged: readonly Judged[]): number {
	for (const { name, verdict, fields } of judged) {
		if (verdict === "same") continue;
		const word = verdict === "different" && onPurpose.has(name) ? "on purpose" : verdict;
		console.log(`  ${word} ${name} ${fields}`);
	}
	const areas = Map.groupBy(judged, ({ area }) => area);
	for (const [area, own] of [...areas].sort(([a], [b]) => (a < b ? -1 : 1)))
		console.log(`  ${area.padEnd(24)} ${formatShare(own)}`);
	const observations = judged.filter(({ area }) => !area.endsWith(" status"));
	console.log(`  all observations         ${formatShare(observations)}`);
	return observations.length === 0 ? 0 : countGood(observations) / observations.length;
}

function formatShare(judged: readonly Judged[]): string {
	const soft = judged.filter(({ verdict }) => verdict === "soft").length;
	const good = countGood(judged);
	return `${good} of ${judged.length} the same (${((good / judged.length) * 100).toFixed(1)} %, ${soft} of them softly)`;
}

function countGood(judged: readonly Judged[]): number {
	return judged.filter(({ verdict }) => verdict !== "different").length;
}
