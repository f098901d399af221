/** One value of a document with its place in the text. Offsets count characters from the start of the file. */
export type Node = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
	readonly kind: "scalar";
	readonly value: string | number | bigint | boolean | null;
	readonly offset: number;
}

export interface ListNode {
	readonly kind: "list";
	readonly items: readonly Node[];
	readonly offset: number;
}

export interface MapNode {
	readonly kind: "map";
	readonly entries: ReadonlyMap<string, MapEntry>;
	readonly offset: number;
}

export interface MapEntry {
	/** Where the key is. */
	readonly keyOffset: number;
	readonly value: Node;
}

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The plain value of a node. */
export function toJson(node: Node): Json {
	switch (node.kind) {
		case "scalar":
			return typeof node.value === "bigint" ? Number(node.value) : node.value;
		case "list":
			return node.items.map(toJson);
		case "map": {
			// A null prototype, so that a key such as `__proto__` is a key like any other.
			const object: Record<string, Json> = Object.create(null);
			for (const [key, entry] of node.entries) object[key] = toJson(entry.value);
			return object;
		}
	}
}

/** What a node is, for a sentence such as "must be a list, not a string". */
export function describeNode(node: Node): string {
	if (node.kind !== "scalar") return `a ${node.kind}`;
	if (node.value === null) return "empty";
	return typeof node.value === "bigint" ? "a number" : `a ${typeof node.value}`;
}

/** Where the field at `path` is: its key, or the item; the nearest enclosing one when it is not there. */
export function findOffset(root: Node, path: string): number {
	let node = root;
	let offset = root.offset;
	for (const segment of splitPath(path)) {
		if (node.kind === "map") {
			const entry = node.entries.get(segment);
			if (entry === undefined) break;
			offset = entry.keyOffset;
			node = entry.value;
		} else if (node.kind === "list") {
			const item = node.items[Number(segment)];
			if (item === undefined) break;
			offset = item.offset;
			node = item;
		} else break;
	}
	return offset;
}

/** `path` extended by a key: plain keys by a dot, others in brackets and quotes; long ones are cut. */
export function joinPath(path: string, key: string): string {
	if (key.length > maxKeyLength) return joinPath(path, `${key.slice(0, maxKeyLength - 1)}…`);
	if (!/^[A-Za-z0-9_-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
	return path === "" ? key : `${path}.${key}`;
}

const maxKeyLength = 300;

function splitPath(path: string): string[] {
	const segments: string[] = [];
	for (const match of path.matchAll(/\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]|([^.[\]]+)/g)) {
		segments.push(match[1] === undefined ? (match[2] ?? match[3]!) : String(JSON.parse(match[1])));
	}
	return segments;
}
