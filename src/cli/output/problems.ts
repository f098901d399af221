import type { ConfigProblem } from "../mesh/admin-api.ts";

/** `routes.yaml:12 HTTPRoute reviews: spec.rules[0]: …` on one line. */
export function formatProblem(problem: ConfigProblem): string {
	const place = problem.file === undefined ? "" : `${problem.file}${problem.line ? `:${problem.line}` : ""}`;
	const object = [problem.kind, problem.name].filter((part) => part !== undefined && part !== "").join(" ");
	const head = [place, object].filter((part) => part !== "").join(" ");
	const path = problem.path === undefined || problem.path === "" ? "" : `${problem.path}: `;
	return `${head === "" ? "" : `${head}: `}${path}${problem.problem}`;
}
