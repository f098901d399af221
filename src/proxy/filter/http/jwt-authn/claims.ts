/** The text of a claim in a header; empty when there is none. Lists and objects are base64 of their JSON. */
export function formatClaim(payload: Readonly<Record<string, unknown>>, path: readonly string[]): string {
	let value: unknown = payload;
	for (const key of path) {
		if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) return "";
		value = (value as Record<string, unknown>)[key];
	}
	switch (typeof value) {
		case "string":
			return Buffer.from(value, "utf8").toString("latin1");
		case "boolean":
			return String(value);
		case "number":
			return value < 0 || value >= 2 ** 64 || !Number.isInteger(value) ? formatFixed(value) : BigInt(value).toString();
		case "object":
			return value === null ? "" : Buffer.from(JSON.stringify(value), "utf8").toString("base64");
		default:
			return "";
	}
}

/** Six digits behind the point, and never an exponent. */
function formatFixed(value: number): string {
	return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

/** The payload with some texts split at their spaces. */
export function normalizePayload(
	payload: Readonly<Record<string, unknown>>,
	spaceDelimitedClaims: readonly string[],
): Readonly<Record<string, unknown>> {
	if (spaceDelimitedClaims.length === 0) return payload;
	const normalized = { ...payload };
	for (const claim of spaceDelimitedClaims) {
		const value = payload[claim];
		if (typeof value === "string") normalized[claim] = value.split(" ").filter((word) => word !== "");
	}
	return normalized;
}
