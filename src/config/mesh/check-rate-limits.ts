import { suggestNearest } from "../../core/index.ts";
import { formatObjectName, type Mesh, type ObjectName, type RateLimitTarget } from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { describeAt } from "./problem-at.ts";

/** Targets of a RateLimitPolicy that do not exist: nothing is limited there. */
export function checkRateLimitTargets(object: ConfigObjectOf<"RateLimitPolicy">, mesh: Mesh): LocatedProblem[] {
	return (object.value.targets ?? []).flatMap((target) => {
		const candidates = candidatesOf(target, mesh).filter(({ namespace }) => namespace === object.namespace);
		const found = candidates.find(({ name }) => name === target.name);
		if (found === undefined) {
			const hint = suggestNearest(
				target.name,
				candidates.map(({ name }) => name),
			);
			const problem = `no ${target.kind} ${formatObjectName({ namespace: object.namespace, name: target.name })}${hint}: nothing is limited`;
			const code = target.kind === "Service" ? "SERVICE_UNKNOWN" : "TARGET_UNKNOWN";
			return [describeAt(object, `${target.path}.name`, problem, code)];
		}
		const { sectionName } = target;
		if (sectionName === undefined || found.sections.includes(sectionName)) return [];
		const known = found.sections.filter((name) => name !== "");
		const hint = suggestNearest(sectionName, known) || (known.length === 0 ? "" : `, known are ${known.join(", ")}`);
		const problem = `${target.kind} ${target.name} has no ${sectionNouns[target.kind]} '${sectionName}'${hint}: nothing is limited`;
		const code = target.kind === "Service" ? "PORT_UNKNOWN" : "TARGET_UNKNOWN";
		return [describeAt(object, `${target.path}.sectionName`, problem, code)];
	});
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
