import { findRateLimitTargetFault } from "../../config/index.ts";
import { controllerName, type Mesh, type RateLimitPolicy, type RateLimitTarget } from "../../model/index.ts";
import { conditionOf } from "./condition.ts";

/** The status of a RateLimitPolicy: `Accepted` for each object it is attached to (GEP-713), or for itself where it selects workloads. */
export function rateLimitStatus(policy: RateLimitPolicy, mesh: Mesh): object {
	const { namespace, targets } = policy;
	if (targets === undefined) return { conditions: [conditionOf("Accepted", undefined)] };
	return {
		ancestors: targets.map((target) => {
			const fault = findRateLimitTargetFault(namespace, target, mesh);
			const { kind, name, sectionName } = target;
			return {
				ancestorRef: {
					group: groupOf(target),
					kind,
					namespace,
					name,
					...(sectionName !== undefined && { sectionName }),
				},
				controllerName,
				conditions: [conditionOf("Accepted", fault && { reason: "TargetNotFound", message: fault.problem })],
			};
		}),
	};
}

function groupOf({ kind }: RateLimitTarget): string {
	return kind === "Service" ? "" : "gateway.networking.k8s.io";
}
