import { type ConfigObject, formatObjectKey } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import type { ParsedDocuments } from "../parse-documents.ts";

/** What one file serves, and what is wrong with it. */
export interface FileState {
	readonly objects: readonly ConfigObject[];
	readonly problems: readonly LocatedProblem[];
}

/** What a file serves after it was read again. A document that is broken, wholly or in part, leaves the last good version of its
 *  object in place, and a file with an error takes nothing away: an object that is missing from it may be the one that cannot
 *  be read. Good documents beside a broken one are taken over. */
export function applyFile(before: FileState | undefined, parsed: ParsedDocuments): FileState {
	const isBroken = parsed.problems.some((problem) => problem.severity === "error");
	if (before === undefined || !isBroken) return parsed;
	const objects = new Map(parsed.objects.map((object) => [formatObjectKey(object), object]));
	const kept = new Set<string>();
	for (const last of before.objects) {
		const key = formatObjectKey(last);
		const current = objects.get(key);
		if (current !== undefined && (!current.isPartial || last.isPartial)) continue;
		objects.set(key, last);
		kept.add(key);
	}
	return { objects: [...objects.values()], problems: parsed.problems.map((problem) => tellKept(problem, kept)) };
}

/** Says so when the object of a problem is served as it last was. */
function tellKept(problem: LocatedProblem, kept: ReadonlySet<string>): LocatedProblem {
	const { severity, kind, namespace, name } = problem;
	if (severity !== "error" || kind === undefined || namespace === undefined || name === undefined) return problem;
	if (!kept.has(formatObjectKey({ kind, namespace, name }))) return problem;
	const [text] = problem.problem.split("; this rule is left out");
	return { ...problem, problem: `${text}; the last good version is served` };
}
