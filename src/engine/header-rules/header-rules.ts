/** What may be changed. The first that says something decides: disallowed names, allowed names, then the rest. */
export interface HeaderRules {
	readonly disallowExpression: RegExp | undefined;
	readonly allowExpression: RegExp | undefined;
	readonly disallowAll: boolean;
	/** Pseudo headers stay. */
	readonly disallowSystem: boolean;
	/** Host, `:authority`, `:scheme` and `:method` may change. */
	readonly allowRouting: boolean;
	/** `x-envoy-…` may change. */
	readonly allowEnvoy: boolean;
	/** A change that is not allowed fails the request; otherwise it is left out. */
	readonly disallowIsError: boolean;
}

const routingHeaders: ReadonlySet<string> = new Set(["host", ":authority", ":scheme", ":method"]);

/** Whether a header may be set or removed; rules undefined: {@link HeaderRules} with every field false. `name` is in lower case. */
export function checkHeaderChange(
	rules: HeaderRules,
	operation: "set" | "remove",
	name: string,
): "allowed" | "ignored" | "error" {
	if (isAllowed(rules, operation, name)) return "allowed";
	return rules.disallowIsError ? "error" : "ignored";
}

function isAllowed(rules: HeaderRules, operation: "set" | "remove", name: string): boolean {
	const isPseudo = name.startsWith(":");
	if (operation === "remove" && (isPseudo || name === "host")) return false;
	if (rules.disallowExpression?.test(name) === true) return false;
	if (rules.allowExpression?.test(name) === true) return true;
	if (rules.disallowAll) return false;
	if (rules.disallowSystem && isPseudo) return false;
	if (!rules.allowRouting && routingHeaders.has(name)) return false;
	return rules.allowEnvoy || !name.startsWith("x-envoy");
}
