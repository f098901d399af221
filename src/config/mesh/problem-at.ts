import type { ConfigObject } from "../config-object.ts";
import type { LocatedProblem, ProblemCode } from "../located-problem.ts";

/** A problem of the field at `path` of an object. */
export function describeAt(
	object: ConfigObject,
	path: string,
	problem: string,
	code: ProblemCode,
	severity: LocatedProblem["severity"] = "warning",
): LocatedProblem {
	const { line, column } = object.locate(path);
	const { kind, namespace, name } = object;
	return { severity, file: object.source.file, line, column, kind, namespace, name, path, code, problem };
}
