import { MeshError, suggestNearest } from "../core/index.ts";

/** The kind a person means by `word`: its name or an alias, whatever its case.
 *  @throws MeshError `KIND_UNKNOWN` with the nearest name */
export async function resolveKind(word: string): Promise<string> {
	// Loaded when it is needed: most commands start without it.
	const { findKind, listKindNames } = await import("../config/index.ts");
	const kind = findKind(word);
	if (kind !== undefined) return kind.name;
	const names = listKindNames().map((name) => name.toLowerCase());
	const hint = suggestNearest(word, names) || `: one of ${names.join(", ")}`;
	throw new MeshError("KIND_UNKNOWN", `unknown kind '${word}'${hint}`);
}

/** The kinds as they are typed. */
export async function listKinds(): Promise<string[]> {
	const { listKindNames } = await import("../config/index.ts");
	return listKindNames().map((name) => name.toLowerCase());
}
