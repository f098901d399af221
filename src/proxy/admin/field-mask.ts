type Json = Record<string, unknown>;

/** What a `google.protobuf.FieldMask` (paths with dots, separated by commas) leaves of a message's JSON; undefined when nothing of
 *  it is there. Within lists a path applies to every element. */
export function applyMask(message: Json, mask: string): Json | undefined {
	let kept: unknown;
	for (const path of mask.split(",")) kept = merge(kept, pick(message, path.trim().split(".")));
	return kept as Json | undefined;
}

function pick(value: unknown, path: readonly string[]): unknown {
	const [field, ...rest] = path;
	if (field === undefined) return value;
	if (Array.isArray(value)) return value.map((element) => pick(element, path) ?? {});
	if (typeof value !== "object" || value === null || !Object.hasOwn(value, field)) return undefined;
	const inner = pick((value as Json)[field], rest);
	if (inner === undefined) return undefined;
	// A packed message keeps saying what it is.
	return "@type" in value ? { "@type": value["@type"], [field]: inner } : { [field]: inner };
}

function merge(left: unknown, right: unknown): unknown {
	if (left === undefined) return right;
	if (right === undefined) return left;
	if (Array.isArray(left) && Array.isArray(right)) return left.map((element, index) => merge(element, right[index]));
	if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return right;
	const merged: Json = { ...(left as Json) };
	for (const [name, value] of Object.entries(right)) merged[name] = merge(merged[name], value);
	return merged;
}
