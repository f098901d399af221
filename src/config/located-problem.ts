/** Stable names of what is found between objects, and of documents that are nobody's here; a document's own faults have none. */
export type ProblemCode =
	| "KIND_FOREIGN"
	| "OBJECT_DUPLICATE"
	| "SERVICE_UNKNOWN"
	| "PORT_UNKNOWN"
	| "SUBSET_UNKNOWN"
	| "SUBSET_WITHOUT_ENDPOINTS"
	| "SELECTS_NOTHING"
	| "TARGET_UNKNOWN"
	| "PROXYLESS_UNSUPPORTED"
	| "WEIGHTS_ZERO"
	| "HOST_MATCHES_LITERALLY"
	| "HOST_CLAIMED_TWICE"
	| "DELEGATE_BROKEN"
	| "DELEGATE_UNUSED"
	| "FIELD_REFUSED"
	| "NOT_ACCEPTED"
	| "PROXY_REFUSED";

/** One problem of the config, with its place. */
export interface LocatedProblem {
	/** `error`: the object (or the part named) is not taken over. `warning`: it is, and may not do what was meant. */
	readonly severity: "error" | "warning";
	/** Path of the file as given, or `api`. */
	readonly file: string;
	/** 1-based; 0 when the problem is of the whole file. */
	readonly line: number;
	/** 1-based. */
	readonly column?: number;
	/** Kind, namespace and name of the object, as far as they could be read. */
	readonly kind?: string;
	readonly namespace?: string;
	readonly name?: string;
	/** Field path such as `spec.rules[2].matches[0].path.value`; empty for the whole document. */
	readonly path: string;
	readonly code?: ProblemCode;
	/** What is wrong and the likely fix; lower case, no full stop. */
	readonly problem: string;
}

/** One line for people: `mesh/reviews.yaml:12:7: HTTPRoute shop/reviews: spec.rules[0].backendRefs[1].weight: must be …`. */
export function formatProblem(problem: LocatedProblem): string {
	const { file, line, column, kind, namespace, name, path } = problem;
	const place = line === 0 ? file : column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`;
	const object = [kind, name === undefined ? undefined : namespace === undefined ? name : `${namespace}/${name}`]
		.filter((part) => part !== undefined)
		.join(" ");
	const severity = problem.severity === "warning" ? "warning" : "";
	return [place, severity, object, path, problem.problem].filter((part) => part !== "").join(": ");
}

type Placed = Pick<LocatedProblem, "file" | "line" | "column" | "path" | "problem">;

/** Orders problems by file, line and column, so that their order does not depend on how they were found. */
export function compareProblems(left: Placed, right: Placed): number {
	return (
		compareText(left.file, right.file) ||
		left.line - right.line ||
		(left.column ?? 0) - (right.column ?? 0) ||
		compareText(left.path, right.path) ||
		compareText(left.problem, right.problem)
	);
}

function compareText(left: string, right: string): number {
	return left < right ? -1 : left > right ? 1 : 0;
}
