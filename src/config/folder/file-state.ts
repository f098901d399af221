import { type ConfigObject, formatObjectKey } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import type { ParsedDocuments } from "../parse-documents.ts";
import { repairObject } from "./repair.ts";

/** What one file serves, and what is wrong with it. */
export interface FileState {
	readonly objects: readonly ConfigObject[];
	readonly problems: readonly LocatedProblem[];
}

/** What a file serves after it was read again. What is broken stays as it last was good: an item of a list (a rule, a subset, a listener)
 *  alone where the rest of its object can be used, else the object. A file with an error takes nothing away: an object that is missing
 *  from it may be the one that cannot be read. Good documents beside a broken one are taken over. */
export function applyFile(before: FileState | undefined, parsed: ParsedDocuments): FileState {
	const isBroken = parsed.problems.some((problem) => problem.severity === "error");
	if (before === undefined || !isBroken) return parsed;
	const objects = new Map(parsed.objects.map((object) => [formatObjectKey(object), object]));
	/** What of an object is kept: these places, or all of it. */
	const kept = new Map<string, readonly string[] | "all">();
	for (const last of before.objects) {
		const key = formatObjectKey(last);
		const current = objects.get(key);
		if (current !== undefined && !current.isPartial) continue;
		const repaired = current === undefined ? undefined : repairObject(current, last);
		objects.set(key, repaired?.object ?? last);
		kept.set(key, repaired?.kept ?? "all");
	}
	return { objects: [...objects.values()], problems: parsed.problems.map((problem) => tellKept(problem, kept)) };
}

/** Says so when what a problem is about is served as it last was. */
function tellKept(problem: LocatedProblem, kept: ReadonlyMap<string, readonly string[] | "all">): LocatedProblem {
	const { severity, kind, namespace, name, path } = problem;
	if (severity !== "error" || kind === undefined || namespace === undefined || name === undefined) return problem;
	const places = kept.get(formatObjectKey({ kind, namespace, name }));
	if (places === undefined || (places !== "all" && !places.some((place) => path.startsWith(place)))) return problem;
	const [text] = problem.problem.split(/; this [a-z]+ is left out|; until it is mended/);
	return { ...problem, problem: `${text}; the last good version is served` };
}
