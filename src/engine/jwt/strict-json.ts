import { isUtf8 } from "node:buffer";

/** Objects and lists may be so deep in one another, as in Envoy (protobuf's JSON). */
const maxDepth = 100;

/** The object that bytes are in JSON; undefined when they are none, or one that readers may understand differently: with bytes that are no
 *  UTF-8, with the same name twice, or deeper than 100 levels. */
export function parseStrictObject(bytes: Uint8Array): Record<string, unknown> | undefined {
	if (!isUtf8(bytes)) return undefined;
	const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
		return isPlain(text) ? (value as Record<string, unknown>) : undefined;
	} catch {
		// What a client sent is no JSON.
		return undefined;
	}
}

/** Walks over valid JSON: whether its names are unique and its depth is bounded. */
function isPlain(text: string): boolean {
	/** The names of every open object; undefined for a list. */
	const open: (Set<string> | undefined)[] = [];
	let awaitsName = false;
	for (let at = 0; at < text.length; at++) {
		switch (text[at]) {
			case "{":
			case "[": {
				const isObject = text[at] === "{";
				open.push(isObject ? new Set() : undefined);
				if (open.length > maxDepth) return false;
				awaitsName = isObject;
				break;
			}
			case "}":
			case "]":
				open.pop();
				awaitsName = false;
				break;
			case ",":
				awaitsName = open.at(-1) !== undefined;
				break;
			case '"': {
				const end = findEnd(text, at);
				if (awaitsName) {
					const names = open.at(-1)!;
					const quoted = text.slice(at, end + 1);
					const name = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
					if (names.has(name)) return false;
					names.add(name);
					awaitsName = false;
				}
				at = end;
				break;
			}
			default:
		}
	}
	return true;
}

/** Where a string ends that begins at a quotation mark. */
function findEnd(text: string, start: number): number {
	let at = start + 1;
	while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
	return at;
}
