import type { ConfigProblem } from "../mesh/admin-api.ts";

/** `routes.yaml:12:7: HTTPRoute shop/reviews: spec.rules[0]: …` on one line. */
export function formatProblem(problem: ConfigProblem): string {
	const { file, line, column, kind, namespace, name, path } = problem;
	const place = [file, line || undefined, line ? column : undefined].filter((part) => part !== undefined).join(":");
	const object = [kind, name === undefined || namespace === undefined ? name : `${namespace}/${name}`]
		.filter((part) => part !== undefined)
		.join(" ");
	const severity = problem.severity === "warning" ? "warning" : "";
	return [place, severity, object, path ?? "", problem.problem].filter((part) => part !== "").join(": ");
}
