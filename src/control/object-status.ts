import type { LocatedProblem } from "../config/index.ts";

interface Shown {
	readonly conditions?: readonly object[];
	/** Of routes. */
	readonly parents?: readonly { readonly conditions: readonly ShownCondition[] }[];
}

interface ShownCondition {
	readonly type: string;
	readonly status: string;
}

/** Whether a problem is about the object of a key, `Kind/namespace/name`. */
export function isAbout(key: string, { kind, namespace, name }: LocatedProblem): boolean {
	return key === `${kind}/${namespace}/${name}`;
}

/** The status of an object with what keeps it, or a part of it, from serving: the condition `amime.dev/Quarantined`, with the field of each
 *  problem; routes with broken rules say `PartiallyInvalid` to each parent that accepted them (Gateway API, RouteConditionPartiallyInvalid).
 *  Undefined when there is nothing to say.
 *  @param status of its kind, with the conditions of its specification
 *  @param problems of this object */
export function describeStatus(status: object | undefined, problems: readonly LocatedProblem[]): object | undefined {
	const errors = problems.filter(({ severity }) => severity === "error");
	if (errors.length === 0) return status;
	const { conditions = [], parents } = (status ?? {}) as Shown;
	const condition = {
		type: "amime.dev/Quarantined",
		status: "True",
		reason: errors.some(({ code }) => code === "PROXY_REFUSED") ? "RefusedByProxy" : "Invalid",
		message: errors
			.slice(0, maxTold)
			.map(
				({ file, line, path, problem }) =>
					`${path === "" ? "" : `${path}: `}${problem}${line === 0 ? "" : ` (${file}:${line})`}`,
			)
			.join("; "),
	};
	const ofRules = errors.filter(({ path }) => path.startsWith("spec.rules["));
	return {
		...status,
		...(parents !== undefined &&
			ofRules.length > 0 && { parents: parents.map((parent) => tellRules(parent, ofRules)) }),
		conditions: [...conditions, condition],
	};
}

/** What a parent is told of rules that are left out, or serve as they were. */
function tellRules<T extends { readonly conditions: readonly ShownCondition[] }>(
	parent: T,
	errors: readonly LocatedProblem[],
): T {
	const accepted = parent.conditions.find(({ type, status }) => type === "Accepted" && status === "True");
	if (accepted === undefined) return parent;
	const isDropped = errors.some(({ problem }) => problem.includes("left out"));
	const text = errors.slice(0, maxTold).map(({ path, problem }) => `${path}: ${problem}`);
	const condition = {
		...accepted,
		type: "PartiallyInvalid",
		reason: "UnsupportedValue",
		message: `${isDropped ? "Dropped Rule" : "Fall Back"}: ${text.join("; ")}`,
	};
	return { ...parent, conditions: [...parent.conditions, condition] };
}

/** Problems that a condition's message tells; `amime analyze` tells all. */
const maxTold = 10;
