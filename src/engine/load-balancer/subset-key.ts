import type { JsonObject, JsonValue } from "../matcher/metadata.ts";
import type { MetadataCriteria } from "../matcher/types.ts";

/** The name of the subset with these values; `keys` are sorted, `values` from {@link describeValue}. */
export function describeSubset(keys: readonly string[], values: readonly string[]): string {
	return keys.map((key, index) => `${JSON.stringify(key)}:${values[index]}`).join(",");
}

/** A text that is equal for equal values. */
export function describeValue(value: JsonValue): string {
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(describeValue).join(",")}]`;
	const object = value as JsonObject;
	const keys = Object.keys(object).sort();
	return `{${describeSubset(
		keys,
		keys.map((key) => describeValue(object[key]!)),
	)}}`;
}

/** The subsets that labels put a host into: one when every key is there, more when lists count as any of their elements. */
export function listSubsets(keys: readonly string[], labels: JsonObject | undefined, listAsAny: boolean): string[] {
	let combinations: string[][] = [[]];
	for (const key of keys) {
		const value = labels?.[key];
		if (value === undefined) return [];
		const values =
			listAsAny && Array.isArray(value) ? (value as readonly JsonValue[]).map(describeValue) : [describeValue(value)];
		combinations = combinations.flatMap((before) => values.map((one) => [...before, one]));
	}
	return combinations.map((values) => describeSubset(keys, values));
}

/** Whether labels have every value. */
export function meetsCriteria(criteria: MetadataCriteria, labels: JsonObject | undefined, listAsAny: boolean): boolean {
	return Object.entries(criteria).every(([key, wanted]) => {
		const value = labels?.[key];
		if (value === undefined) return false;
		const text = describeValue(wanted);
		if (listAsAny && Array.isArray(value))
			return (value as readonly JsonValue[]).some((one) => describeValue(one) === text);
		return describeValue(value) === text;
	});
}

/** Criteria with some of their keys only. */
export function pickKeys(criteria: MetadataCriteria, keys: readonly string[]): MetadataCriteria {
	return Object.fromEntries(Object.entries(criteria).filter(([key]) => keys.includes(key)));
}
