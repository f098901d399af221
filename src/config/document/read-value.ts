import { limits } from "./limits.ts";
import { type Json, joinPath, type MapEntry, type Node } from "./node.ts";
import type { ReadDocument, SyntaxFault } from "./read-document.ts";

/** The tree of a document that is there as a value: the same as of its JSON text, without places. Bounded in depth and size as texts are. */
export function readValue(value: Json): ReadDocument {
	const faults: SyntaxFault[] = [];
	let values = 0;
	const refuse = (path: string, problem: string): undefined => {
		if (faults.length < limits.problems) faults.push({ offset: 0, path, problem });
		return undefined;
	};
	const build = (part: Json, path: string, depth: number): Node | undefined => {
		values++;
		if (depth > limits.depth) return refuse(path, `nested deeper than ${limits.depth} levels`);
		if (values > limits.values)
			return values === limits.values + 1 ? refuse(path, `more than ${limits.values} values`) : undefined;
		if (part === null || typeof part !== "object") return { kind: "scalar", value: part, offset: 0 };
		if (Array.isArray(part)) {
			const items = (part as readonly Json[]).flatMap(
				(item, index) => build(item, `${path}[${index}]`, depth + 1) ?? [],
			);
			return { kind: "list", items, offset: 0 };
		}
		const entries = new Map<string, MapEntry>();
		for (const [key, item] of Object.entries(part as { readonly [key: string]: Json })) {
			const node = build(item, joinPath(path, key), depth + 1);
			if (node !== undefined) entries.set(key, { keyOffset: 0, value: node });
		}
		return { kind: "map", entries, offset: 0 };
	};
	const root = build(value, "", 0);
	return faults.length > 0 || root === undefined ? { faults } : { root, faults };
}
