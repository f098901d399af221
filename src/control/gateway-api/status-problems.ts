import type { Condition } from "./condition.ts";

/** Something that a status says does not work. */
export interface StatusProblem {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	readonly path: string;
	readonly problem: string;
}

interface Status {
	readonly conditions?: readonly Condition[];
	readonly listeners?: readonly { readonly conditions: readonly Condition[] }[];
	readonly parents?: readonly { readonly conditions: readonly Condition[] }[];
	readonly ancestors?: readonly { readonly conditions: readonly Condition[] }[];
}

/** What statuses say that people should know without looking at each. */
export function listStatusProblems(statuses: Iterable<readonly [key: string, status: object]>): StatusProblem[] {
	return [...statuses].flatMap(([key, status]) => {
		const [kind = "", namespace = "", name = ""] = key.split("/");
		const { conditions = [], listeners = [], parents = [], ancestors = [] } = status as Status;
		const told = [
			...describe("spec", conditions),
			...listeners.flatMap((listener, index) => describe(`spec.listeners[${index}]`, listener.conditions)),
			...parents.flatMap((parent, index) => describe(`spec.parentRefs[${index}]`, parent.conditions)),
			...ancestors.flatMap((ancestor) => describe("spec", ancestor.conditions)),
		];
		const unique = new Map(told.map((item) => [`${item.path} ${item.problem}`, item]));
		return [...unique.values()].map((item) => ({ kind, namespace, name, ...item }));
	});
}

function describe(
	path: string,
	conditions: readonly Condition[],
): { readonly path: string; readonly problem: string }[] {
	return conditions.flatMap(({ type, status, reason, message }) => {
		// That what is named does not exist is told with the field that names it.
		const isTold = reason === "BackendNotFound" || reason === "TargetNotFound";
		if (status === "True" || type === "Conflicted" || isTold) return [];
		const isRepeated = type === "Programmed" && (reason === "Invalid" || reason.endsWith("Conflict"));
		return isRepeated ? [] : [{ path, problem: `${type} is false (${reason}): ${message}` }];
	});
}
