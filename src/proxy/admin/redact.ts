/** Fields whose every text is a secret, by their name in the Envoy API (marked sensitive there). */
const sensitiveFields: ReadonlySet<string> = new Set(["private_key", "pkcs12", "password", "private_key_provider"]);

/** Fields that are secret inside a certain parent only. */
const sensitiveChildren: ReadonlyMap<string, string> = new Map([
	["session_ticket_keys", "keys"],
	["generic_secret", "secret"],
]);

const hidden = "[redacted]";
const hiddenBytes = Buffer.from(hidden).toString("base64");

/** A copy of a message's JSON in which secrets read `[redacted]`, as Envoy prints it. */
export function redactSecrets(value: unknown, parent = ""): unknown {
	if (Array.isArray(value)) return value.map((element) => redactSecrets(element, parent));
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([name, field]) => [
			name,
			sensitiveFields.has(name) || sensitiveChildren.get(parent) === name
				? hide(field, name)
				: redactSecrets(field, name),
		]),
	);
}

function hide(value: unknown, name: string): unknown {
	if (Array.isArray(value)) return value.map((element) => hide(element, name));
	if (typeof value === "object" && value !== null) {
		return Object.fromEntries(
			Object.entries(value).map(([key, field]) => [key, key === "@type" ? field : hide(field, key)]),
		);
	}
	if (typeof value === "string") return name === "inline_bytes" ? hiddenBytes : hidden;
	return value;
}
