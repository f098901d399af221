import { Composer, type CST, type Document, isAlias, isMap, isScalar, isSeq, Lexer, Parser } from "yaml";
import { describeError } from "../../core/index.ts";
import { limits } from "./limits.ts";
import { joinPath, type MapEntry, type MapNode, type Node } from "./node.ts";
import type { DocumentText } from "./split-documents.ts";

/** A fault of the text of a document, before it means anything. */
export interface SyntaxFault {
	readonly offset: number;
	/** Field path, as far as it is known. */
	readonly path: string;
	readonly problem: string;
}

/** What a document's text says: its tree (absent when the text makes none) and its faults. */
export interface ReadDocument {
	readonly root?: Node;
	readonly faults: readonly SyntaxFault[];
}

/** Reads the YAML or JSON of one document. Bounded in depth and size whatever the text (see `limits`). */
export function readDocument(document: DocumentText): ReadDocument {
	const fault = (offset: number, problem: string): ReadDocument => ({
		faults: [{ offset: document.offset + offset, path: "", problem }],
	});
	if (document.text.length > limits.documentLength)
		return fault(0, `the document has ${document.text.length} characters, the limit is ${limits.documentLength}`);
	try {
		const tokens = readTokens(document.text);
		if (!Array.isArray(tokens)) return fault(tokens.offset, tokens.problem);
		const parsed = compose(tokens, document.text.length);
		if (parsed === undefined) return fault(0, "the document has no content");
		if (parsed.errors.length > 0) {
			const faults = parsed.errors.slice(0, limits.problems).map((error) => ({
				offset: document.offset + error.pos[0],
				path: "",
				problem: describeSyntaxError(error.code, error.message),
			}));
			return { faults };
		}
		return buildTree(parsed, document.offset);
	} catch (error) {
		// The parser is recursive in places; what exhausts it is a fault of the text, not of ours.
		return fault(0, `cannot be read as YAML: ${describeError(error)}`);
	}
}

/** The tokens of a text, or where it is too large or nested too deep for the recursive parts that follow. */
function readTokens(text: string): CST.Token[] | { readonly offset: number; readonly problem: string } {
	const parser = new Parser();
	const tokens: CST.Token[] = [];
	let flowDepth = 0;
	let lineDepth = 0;
	let lineStart = 0;
	let count = 0;
	for (const lexeme of new Lexer().lex(text)) {
		const offset = parser.offset;
		if (++count > limits.tokens) return { offset, problem: `more than ${limits.tokens} tokens: split the document` };
		if (lexeme === "[" || lexeme === "{") flowDepth++;
		else if (lexeme === "]" || lexeme === "}") flowDepth = Math.max(0, flowDepth - 1);
		else if (lexeme.includes("\n")) {
			// A line's end, or a text of several lines such as a certificate.
			lineDepth = 0;
			lineStart = offset + lexeme.lastIndexOf("\n") + 1;
		} else if (flowDepth === 0 && (lexeme === "-" || lexeme === "?" || lexeme === ":")) {
			lineDepth++;
			if (lineDepth > limits.depth || offset - lineStart > maxIndent) return { offset, problem: tooDeep };
		}
		if (flowDepth > limits.depth) return { offset, problem: tooDeep };
		for (const token of parser.next(lexeme)) tokens.push(token);
	}
	for (const token of parser.end()) tokens.push(token);
	return tokens;
}

const tooDeep = `nested deeper than ${limits.depth} levels`;

/** Columns a block list or map may be indented; each level of nesting needs one. */
const maxIndent = 500;

function compose(tokens: readonly CST.Token[], end: number): Document.Parsed | undefined {
	// uniqueKeys compares each key with all before it, which is quadratic: buildTree finds duplicates itself.
	const composer = new Composer({ uniqueKeys: false, strict: true, version: "1.2", logLevel: "silent" });
	for (const document of composer.compose(tokens, false, end)) return document;
	return undefined;
}

function describeSyntaxError(code: string, message: string): string {
	const sentence = message
		.replace(/\s+at line \d+, column \d+:[\s\S]*$/, "")
		.replace(/[.\s]+$/, "")
		.slice(0, 300);
	const fix = code === "TAB_AS_INDENT" ? ": indent with spaces" : "";
	return `not valid YAML: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}${fix}`;
}

interface Walk {
	readonly base: number;
	readonly faults: SyntaxFault[];
	readonly anchors: Map<string, unknown>;
	values: number;
}

/** Turns the parsed document into nodes: expands aliases and `<<` within the limits, refuses duplicate and non-text keys. */
function buildTree(document: Document.Parsed, base: number): ReadDocument {
	const walk: Walk = { base, faults: [], anchors: new Map(), values: 0 };
	const root = buildNode(walk, document.contents, "", 0);
	return walk.faults.length > 0 || root === undefined ? { faults: walk.faults } : { root, faults: [] };
}

function refuse(walk: Walk, offset: number, path: string, problem: string): undefined {
	if (walk.faults.length < limits.problems) walk.faults.push({ offset: walk.base + offset, path, problem });
	return undefined;
}

function buildNode(walk: Walk, value: unknown, path: string, depth: number, at = 0): Node | undefined {
	walk.values++;
	const offset = offsetOf(value, at);
	if (depth > limits.depth) return refuse(walk, offset, path, tooDeep);
	if (walk.values > limits.values) {
		const isFirst = walk.values === limits.values + 1;
		return isFirst ? refuse(walk, offset, path, `more than ${limits.values} values, aliases included`) : undefined;
	}
	if (isAlias(value)) {
		const target = walk.anchors.get(value.source);
		if (target === undefined) return refuse(walk, offset, path, `alias '*${value.source}' names no anchor before it`);
		return buildNode(walk, target, path, depth + 1, offset);
	}
	if (value !== null && typeof value === "object" && "anchor" in value && typeof value.anchor === "string")
		walk.anchors.set(value.anchor, value);
	if (isSeq(value)) {
		const items: Node[] = [];
		for (const [index, item] of value.items.entries()) {
			const node = buildNode(walk, item, `${path}[${index}]`, depth + 1, offset);
			if (node !== undefined) items.push(node);
			if (walk.values > limits.values) break;
		}
		return { kind: "list", items, offset: walk.base + offset };
	}
	if (isMap(value)) return buildMap(walk, value.items, path, depth, offset);
	if (isScalar(value)) return buildScalar(walk, value.value, path, offset);
	return { kind: "scalar", value: null, offset: walk.base + offset };
}

function buildScalar(walk: Walk, value: unknown, path: string, offset: number): Node | undefined {
	if (value === undefined) value = null;
	switch (typeof value) {
		case "string":
		case "number":
		case "bigint":
		case "boolean":
			return { kind: "scalar", value, offset: walk.base + offset };
		default:
			if (value === null) return { kind: "scalar", value, offset: walk.base + offset };
			return refuse(walk, offset, path, "only text, numbers, booleans, lists and maps are known");
	}
}

function buildMap(walk: Walk, pairs: readonly unknown[], path: string, depth: number, offset: number): Node {
	const entries = new Map<string, MapEntry>();
	const merged: MapNode[] = [];
	for (const pair of pairs as readonly { key: unknown; value: unknown }[]) {
		if (walk.values > limits.values) break;
		const keyOffset = offsetOf(pair.key, offset);
		const key = isScalar(pair.key) ? pair.key.value : isAlias(pair.key) ? undefined : pair.key;
		if (typeof key !== "string" && typeof key !== "number" && typeof key !== "boolean") {
			refuse(walk, keyOffset, path, "a key must be text");
			continue;
		}
		const name = String(key);
		const node = buildNode(walk, pair.value, joinPath(path, name), depth + 1, keyOffset);
		if (name === "<<") {
			collectMerged(walk, node, merged, joinPath(path, name), keyOffset);
			continue;
		}
		if (entries.has(name)) {
			refuse(walk, keyOffset, joinPath(path, name), "the key is there twice: remove one");
			continue;
		}
		if (node !== undefined) entries.set(name, { keyOffset: walk.base + keyOffset, value: node });
	}
	for (const map of merged) for (const [name, entry] of map.entries) if (!entries.has(name)) entries.set(name, entry);
	return { kind: "map", entries, offset: walk.base + offset };
}

/** The maps that a `<<` brings in; keys of the map itself win, then earlier maps over later ones. */
function collectMerged(walk: Walk, node: Node | undefined, merged: MapNode[], path: string, offset: number): void {
	for (const item of node?.kind === "list" ? node.items : node === undefined ? [] : [node]) {
		if (item.kind === "map") merged.push(item);
		else refuse(walk, offset, path, "'<<' takes a map or a list of maps");
	}
}

function offsetOf(value: unknown, fallback: number): number {
	if (value === null || typeof value !== "object" || !("range" in value)) return fallback;
	return Array.isArray(value.range) && typeof value.range[0] === "number" ? value.range[0] : fallback;
}
