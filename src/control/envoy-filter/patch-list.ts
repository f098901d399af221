import type { PatchOperation } from "../../model/index.ts";

/** How a patch changes a list of things that have an order. */
export interface ListPatch<T> {
	readonly operation: PatchOperation;
	/** What is put in, or merged; undefined for `REMOVE`. */
	readonly value: T | undefined;
	readonly isMatch: (item: T) => boolean;
	/** Whether the patch names an item. */
	readonly namesItem: boolean;
	/** Nothing is removed or replaced unless it is named: filters. */
	readonly onlyNamed?: boolean;
	readonly merge: (item: T, value: T) => T;
	/** Must stay at the end: what is added comes before it. */
	readonly isLast?: (item: T) => boolean;
}

/** A list with a patch applied. An item that is named and not there leaves the list as it is (Istio). */
export function patchList<T>(items: readonly T[], patch: ListPatch<T>): readonly T[] {
	const { operation, value, isMatch, namesItem, onlyNamed = false, merge, isLast = () => false } = patch;
	if (onlyNamed && !namesItem && (operation === "REMOVE" || operation === "REPLACE")) return items;
	if (operation === "REMOVE") return items.filter((item) => !isMatch(item));
	if (value === undefined) return items;
	const end = items.length > 0 && isLast(items.at(-1)!) ? items.length - 1 : items.length;
	const at = items.findIndex(isMatch);
	switch (operation) {
		case "ADD":
			return items.toSpliced(end, 0, value);
		case "INSERT_FIRST":
			return [value, ...items];
		case "INSERT_BEFORE":
			if (!namesItem) return [value, ...items];
			return at === -1 ? items : items.toSpliced(at, 0, value);
		case "INSERT_AFTER":
			if (!namesItem) return items.toSpliced(end, 0, value);
			return at === -1 ? items : items.toSpliced(Math.min(at + 1, end), 0, value);
		case "REPLACE":
			return at === -1 ? items : items.toSpliced(at, 1, value);
		default:
			return items.map((item) => (isMatch(item) ? merge(item, value) : item));
	}
}
