import type { Provenance } from "../control/provenance/index.ts";
import {
	authorize,
	explainDenial,
	type FailedCondition,
	type RbacConfig,
	type RbacRules,
} from "../engine/authorization/index.ts";
import type { StreamInfo } from "../engine/format/index.ts";
import type { PolicyExplanation } from "./explanation.ts";

/** What one RBAC filter says of a stream: of its shadow rules, which only count or ask for somebody else's word, then of its own. */
export function explainRbac(config: RbacConfig, stream: StreamInfo, provenance: Provenance): PolicyExplanation[] {
	const { rules, shadowRules } = config;
	return [
		...(shadowRules === undefined ? [] : [explainRules(shadowRules, stream, provenance, !isCustom(shadowRules))]),
		...(rules === undefined ? [] : [explainRules(rules, stream, provenance, false)]),
	];
}

/** Rules that decide whether an external service is asked (Istio's CUSTOM). */
function isCustom({ policies }: RbacRules): boolean {
	return policies.some(({ name }) => name.startsWith("istio-ext-authz-"));
}

function explainRules(
	rules: RbacRules,
	stream: StreamInfo,
	provenance: Provenance,
	isDryRun: boolean,
): PolicyExplanation {
	const { allowed, policy, matched } = authorize(rules, stream);
	const action = isCustom(rules)
		? "CUSTOM"
		: rules.action === "log"
			? "AUDIT"
			: rules.action === "deny"
				? "DENY"
				: "ALLOW";
	const object = matched ? provenance.ofPolicy(policy) : undefined;
	const verdict =
		action === "AUDIT" || action === "CUSTOM" ? (matched ? "matched" : "no match") : allowed ? "allowed" : "denied";
	return {
		action,
		isDryRun,
		verdict,
		...(matched && { policy }),
		...(object !== undefined && { object }),
		rules: rules.policies.map((one) => {
			const ref = provenance.ofPolicy(one.name);
			// Of any action: the question is why this policy alone did not match.
			const [unmet] = explainDenial({ action: "allow", policies: [one] }, stream);
			return {
				policy: one.name,
				...(ref !== undefined && { object: ref }),
				failed: (unmet?.failed ?? []).map(describeFailure),
			};
		}),
	};
}

function describeFailure({ attribute, actual, wanted }: FailedCondition): string {
	return `${attribute} ${wanted}${actual === undefined ? "" : `, not ${JSON.stringify(actual)}`}`;
}
