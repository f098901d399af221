import type { HeaderMutationRules } from "../../api/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js";
import type { ListStringMatcher } from "../../api/gen/envoy/type/matcher/v3/string_pb.js";
import type { HeaderRules } from "../../engine/header-rules/index.ts";
import type { StringMatcher } from "../../engine/matcher/index.ts";
import { readRegex, readStringMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";

/** Translates rules for header changes; none given allows what is neither routing nor Envoy's own. */
export function readHeaderRules(message: HeaderMutationRules | undefined, scope: Scope): HeaderRules {
	return {
		disallowExpression:
			message?.disallowExpression === undefined
				? undefined
				: readRegex(message.disallowExpression, scope.at("disallow_expression")),
		allowExpression:
			message?.allowExpression === undefined
				? undefined
				: readRegex(message.allowExpression, scope.at("allow_expression")),
		disallowAll: message?.disallowAll ?? false,
		disallowSystem: message?.disallowSystem ?? false,
		allowRouting: message?.allowAllRouting ?? false,
		allowEnvoy: message?.allowEnvoy ?? false,
		disallowIsError: message?.disallowIsError ?? false,
	};
}

/** Translates a list of matchers for header names; undefined when it is not set. */
export function readNameMatchers(
	message: ListStringMatcher | undefined,
	scope: Scope,
	field: string,
): readonly StringMatcher[] | undefined {
	if (message === undefined) return undefined;
	const at = scope.at(field);
	// Names are compared in lower case.
	return message.patterns.map((pattern, index) => {
		const matcher = readStringMatcher(pattern, at.at("patterns", index));
		if (matcher.kind === "regex" || matcher.ignoreCase) return matcher;
		return { ...matcher, value: matcher.value.toLowerCase() };
	});
}
