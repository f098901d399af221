import type { ObjectName, Source } from "../../model/index.ts";

/** A user's mistake that only shows in context: the object, the field and what was done about it. */
export interface MeshProblem {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	readonly source: Source;
	/** Field path such as `spec.rules[2].matches[0].path.value`. */
	readonly path: string;
	/** Lower case, no full stop. */
	readonly problem: string;
}

/** Where translation reports; it never throws for a user's mistake. */
export type ReportProblem = (problem: MeshProblem) => void;

/** Ready to report about one object. */
export function reportFor(
	kind: string,
	object: ObjectName & { readonly source: Source },
	report: ReportProblem,
): (path: string, problem: string) => void {
	return (path, problem) =>
		report({ kind, namespace: object.namespace, name: object.name, source: object.source, path, problem });
}

/** Problems without repeats, in the order of their objects. */
export function uniqueProblems(problems: Iterable<MeshProblem>): MeshProblem[] {
	const seen = new Map<string, MeshProblem>();
	for (const problem of problems) {
		const { kind, namespace, name, path } = problem;
		seen.set([kind, namespace, name, path, problem.problem].join("\u0000"), problem);
	}
	return [...seen.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, problem]) => problem);
}
