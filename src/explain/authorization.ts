import type { Provenance } from "../control/provenance/index.ts";
import {
	authorize,
	type Permission,
	type Principal,
	type RbacConfig,
	type RbacRules,
} from "../engine/authorization/index.ts";
import type { StreamInfo } from "../engine/format/index.ts";
import { describeActual, describeCondition } from "./describe.ts";
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
		rules: rules.policies.map(({ name, permissions, principals }) => {
			const ref = provenance.ofPolicy(name);
			const failed = [
				...missingOf(permissions, (permission) => permits(permission, stream), stream),
				...missingOf(principals, (principal) => identifies(principal, stream), stream),
			];
			return { policy: name, ...(ref !== undefined && { object: ref }), failed };
		}),
	};
}

/** Asks the engine about one permission alone. */
function permits(permission: Permission, stream: StreamInfo): boolean {
	return isMatched([permission], [{ kind: "any" }], stream);
}

function identifies(principal: Principal, stream: StreamInfo): boolean {
	return isMatched([{ kind: "any" }], [principal], stream);
}

function isMatched(permissions: readonly Permission[], principals: readonly Principal[], stream: StreamInfo): boolean {
	return authorize({ action: "allow", policies: [{ name: "part", permissions, principals }] }, stream).matched;
}

type Condition = Permission | Principal;

/** The conditions for want of which none of some alternatives holds; none where one does. */
function missingOf<T extends Condition>(
	alternatives: readonly T[],
	holds: (condition: T) => boolean,
	stream: StreamInfo,
): string[] {
	if (alternatives.some(holds)) return [];
	const texts = alternatives.map((one) => missing(one, holds as (condition: Condition) => boolean, stream));
	return [joinAlternatives(texts)];
}

function missing(condition: Condition, holds: (condition: Condition) => boolean, stream: StreamInfo): string {
	switch (condition.kind) {
		case "and": {
			const parts = "rules" in condition ? condition.rules : condition.ids;
			return parts
				.filter((part) => !holds(part))
				.map((part) => missing(part, holds, stream))
				.join(" and ");
		}
		case "or": {
			const parts = "rules" in condition ? condition.rules : condition.ids;
			return joinAlternatives(parts.map((part) => missing(part, holds, stream)));
		}
		case "not": {
			const inner = "rule" in condition ? condition.rule : condition.id;
			return `not (${describeInner(inner)})`;
		}
		default:
			return `${describeCondition(condition)}, not ${describeActual(condition, stream)}`;
	}
}

function describeInner(condition: Condition): string {
	switch (condition.kind) {
		case "and":
		case "or": {
			const parts: readonly Condition[] = "rules" in condition ? condition.rules : condition.ids;
			return parts.map(describeInner).join(` ${condition.kind} `);
		}
		case "not":
			return `not ${describeInner("rule" in condition ? condition.rule : condition.id)}`;
		default:
			return describeCondition(condition);
	}
}

/** Alternatives that lack what the call has in common are told once: `path '/a' or '/b', not '/c'`. */
function joinAlternatives(texts: readonly string[]): string {
	const distinct = [...new Set(texts.filter((text) => text !== ""))];
	const split = distinct.map((text) => /^(.*), not ([^,]*)$/.exec(text));
	const actual = split[0]?.[2];
	if (distinct.length > 1 && actual !== undefined && split.every((match) => match?.[2] === actual))
		return `${split.map((match) => match?.[1]).join(" or ")}, not ${actual}`;
	return distinct.join(", or ");
}
