import type { LocatedProblem } from "../config/index.ts";

interface Shown {
	readonly conditions?: readonly object[];
}

/** Whether a problem is about the object of a key, `Kind/namespace/name`. */
export function isAbout(key: string, { kind, namespace, name }: LocatedProblem): boolean {
	return key === `${kind}/${namespace}/${name}`;
}

/** The status of an object with what keeps it, or a part of it, from serving: the condition `amime.dev/Quarantined`, with the field of each
 *  problem. Undefined when there is nothing to say.
 *  @param status of its kind, with the conditions of its specification
 *  @param problems of this object */
export function describeStatus(status: object | undefined, problems: readonly LocatedProblem[]): object | undefined {
	const errors = problems.filter(({ severity }) => severity === "error");
	if (errors.length === 0) return status;
	const { conditions = [] } = (status ?? {}) as Shown;
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
	return { ...status, conditions: [...conditions, condition] };
}

/** Problems that a condition's message tells; `amime analyze` tells all. */
const maxTold = 10;
