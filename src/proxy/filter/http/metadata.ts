import type { JsonObject, JsonValue } from "../../../engine/matcher/index.ts";
import type { StreamRecord } from "./stream-record.ts";

/** Puts values into a namespace of a stream's dynamic metadata. A struct in it is merged, a list extended, the rest replaced, as Envoy
 *  merges metadata. */
export function mergeDynamicMetadata(record: StreamRecord, namespace: string, value: JsonObject): void {
	record.dynamicMetadata ??= new Map();
	const before = record.dynamicMetadata.get(namespace) as JsonObject | undefined;
	record.dynamicMetadata.set(namespace, mergeStructs(before ?? {}, value));
}

function mergeStructs(before: JsonObject, value: JsonObject): JsonObject {
	const merged: Record<string, JsonValue> = { ...before };
	for (const [key, added] of Object.entries(value)) merged[key] = mergeValues(merged[key], added);
	return merged;
}

function mergeValues(before: JsonValue | undefined, added: JsonValue): JsonValue {
	if (Array.isArray(before) && Array.isArray(added)) return [...before, ...added];
	if (isStruct(before) && isStruct(added)) return mergeStructs(before, added);
	return added;
}

function isStruct(value: JsonValue | undefined): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
