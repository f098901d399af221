import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a folder of runtime values holds. */
export type RuntimeFolder =
	| { readonly kind: "values"; readonly values: ReadonlyMap<string, string> }
	| { readonly kind: "missing" }
	| { readonly kind: "failed" };

/** Bound on folders within folders. */
const maxDepth = 16;

/** Reads a folder: each file is a value, its path below the folder is the key, with dots for slashes. Lines that begin with `#` are left
 *  out. */
export function readRuntimeFolder(path: string): RuntimeFolder {
	if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return { kind: "missing" };
	const values = new Map<string, string>();
	try {
		readInto(values, path, "", 1);
	} catch {
		// A folder that is swapped away while it is read, or a file nobody may read: Envoy counts it and keeps no value of it.
		return { kind: "failed" };
	}
	return { kind: "values", values };
}

function readInto(values: Map<string, string>, folder: string, prefix: string, depth: number): void {
	if (depth > maxDepth) throw new Error("too many folders within each other");
	for (const name of readdirSync(folder)) {
		const path = join(folder, name);
		if (statSync(path).isDirectory()) {
			readInto(values, path, `${prefix}${name}.`, depth + 1);
			continue;
		}
		const lines = readFileSync(path, "utf8")
			.split("\n")
			.filter((line) => line !== "");
		const last = lines.length - 1;
		// Only what is the last line of all loses its white space, as in Envoy.
		const kept = lines.map((line, index) =>
			line.startsWith("#") ? "" : index === last ? line.trimEnd() : `${line}\n`,
		);
		values.set(prefix + name, kept.join(""));
	}
}
