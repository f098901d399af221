import { suggestNearest } from "../../core/index.ts";
import { formatObjectName, type Mesh, type ObjectName, type RateLimitTarget } from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { describeAt } from "./problem-at.ts";

/** Why a target of a RateLimitPolicy limits nothing. */
export interface RateLimitTargetFault {
	/** Of the target, that is wrong. */
	readonly field: "name" | "sectionName";
	readonly problem: string;
	readonly code: "SERVICE_UNKNOWN" | "PORT_UNKNOWN" | "TARGET_UNKNOWN";
}

/** Targets of a RateLimitPolicy that do not exist: nothing is limited there. */
export function checkRateLimitTargets(object: ConfigObjectOf<"RateLimitPolicy">, mesh: Mesh): LocatedProblem[] {
	return (object.value.targets ?? []).flatMap((target) => {
		const fault = findRateLimitTargetFault(object.namespace, target, mesh);
		if (fault === undefined) return [];
		return [describeAt(object, `${target.path}.${fault.field}`, fault.problem, fault.code)];
	});
}

/** Why a target, of a policy in a namespace, limits nothing; undefined when it is there. */
export function findRateLimitTargetFault(
	namespace: string,
	target: RateLimitTarget,
	mesh: Mesh,
): RateLimitTargetFault | undefined {
	const { kind, name, sectionName } = target;
	const candidates = candidatesOf(target, mesh).filter((candidate) => candidate.namespace === namespace);
	const found = candidates.find((candidate) => candidate.name === name);
	if (found === undefined) {
		const names = candidates.map((candidate) => candidate.name);
		const problem = `no ${kind} ${formatObjectName({ namespace, name })}${suggestNearest(name, names)}: nothing is limited`;
		return { field: "name", problem, code: kind === "Service" ? "SERVICE_UNKNOWN" : "TARGET_UNKNOWN" };
	}
	if (sectionName === undefined || found.sections.includes(sectionName)) return undefined;
	const known = found.sections.filter((section) => section !== "");
	const hint = suggestNearest(sectionName, known) || (known.length === 0 ? "" : `, known are ${known.join(", ")}`);
	const problem = `${kind} ${name} has no ${sectionNouns[kind]} '${sectionName}'${hint}: nothing is limited`;
	return { field: "sectionName", problem, code: kind === "Service" ? "PORT_UNKNOWN" : "TARGET_UNKNOWN" };
}

const sectionNouns = { Service: "port", Gateway: "listener", HTTPRoute: "rule", GRPCRoute: "rule" } as const;

/** What a target of that kind could be, with the names of its sections. */
function candidatesOf(
	{ kind }: RateLimitTarget,
	mesh: Mesh,
): readonly (ObjectName & { readonly sections: readonly string[] })[] {
	switch (kind) {
		case "Service":
			return mesh.services.map(({ namespace, name, ports }) => ({
				...{ namespace, name },
				sections: ports.map((port) => port.name),
			}));
		case "Gateway":
			return mesh.gateways.map(({ namespace, name, listeners }) => ({
				...{ namespace, name },
				sections: listeners.map((listener) => listener.name),
			}));
		case "HTTPRoute":
		case "GRPCRoute":
			return mesh.httpRoutes
				.filter((route) => route.kind === kind)
				.map(({ namespace, name, rules }) => ({
					...{ namespace, name },
					sections: rules.flatMap((rule) => rule.name ?? []),
				}));
	}
}
