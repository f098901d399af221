import { dirname } from "node:path";
import { suggestNearest } from "../core/index.ts";
import { type ConfigObject, formatObjectKey } from "./config-object.ts";
import { limits } from "./document/limits.ts";
import { createLineIndex, type LineIndex } from "./document/line-index.ts";
import { findOffset, type Json, type MapNode, type Node, toJson } from "./document/node.ts";
import { type ReadDocument, readDocument } from "./document/read-document.ts";
import { readValue } from "./document/read-value.ts";
import { type DocumentText, splitDocuments } from "./document/split-documents.ts";
import { describeAbsent, describeForeign, findDocumentKinds, type kinds, listKindNames } from "./kinds/index.ts";
import type { ObjectContext } from "./kinds/kind.ts";
import { compareProblems, type LocatedProblem } from "./located-problem.ts";
import { type Metadata, metadata } from "./schema/kubernetes.ts";
import { ignored, object, required } from "./schema/object.ts";
import { anything, quote } from "./schema/scalars.ts";
import { createReader, type Fault, type Reader } from "./schema/schema.ts";

/** What a text holds: every good object, and every problem of the others. */
export interface ParsedDocuments {
	readonly objects: readonly ConfigObject[];
	/** In the order of the text. */
	readonly problems: readonly LocatedProblem[];
	/** Every document is well formed and has neither `apiVersion` nor `kind`: most likely a file of another program. */
	readonly isForeign: boolean;
}

/** Options of `parseDocuments`. */
export interface ParseOptions {
	/** When objects without `metadata.creationTimestamp` were made, in milliseconds since the epoch; 0 by default. */
	readonly createdAt?: number;
	/** Where the processes of Workloads run; the folder of the file by default, none when the file is `api`. */
	readonly folder?: string;
}

/** Reads the YAML or JSON documents of a text. Each stands alone: a broken one is reported and the others are read.
 *  @param file path for problems and explanations, or `api` */
export function parseDocuments(text: string, file: string, options: ParseOptions = {}): ParsedDocuments {
	const lines = createLineIndex(text);
	const problems: LocatedProblem[] = [];
	const whole = (problem: string): ParsedDocuments => ({
		objects: [],
		problems: [{ severity: "error", file, line: 0, path: "", problem }],
		isForeign: false,
	});
	if (text.length > limits.fileLength)
		return whole(`the file has ${text.length} characters, the limit is ${limits.fileLength}: split it`);
	if (text.includes("\0")) return whole("the file is no text: it has a zero byte");
	const documents = splitDocuments(text, limits.documents + 1);
	if (documents.length > limits.documents)
		return whole(`the file has more than ${limits.documents} documents: split it`);
	return readAll(readEach(documents), { file, lines, options, problems });
}

/** Reads a document that is there as a value, such as one of the store: what `parseDocuments` reads of its JSON, without places. */
export function parseValue(document: Json, file: string, options: ParseOptions = {}): ParsedDocuments {
	return readAll([readValue(document)], { file, lines: createLineIndex(""), options, problems: [] });
}

function* readEach(documents: readonly DocumentText[]): Iterable<ReadDocument> {
	for (const document of documents) yield readDocument(document);
}

/** One after the other: a large file's trees are not all there at a time. */
function readAll(documents: Iterable<ReadDocument>, context: FileContext): ParsedDocuments {
	const objects = new Map<string, ConfigObject>();
	const { problems } = context;
	let count = 0;
	let isForeign = true;
	for (const document of documents) {
		count++;
		const root = takeRoot(document, context);
		isForeign &&= root?.kind === "map" && !root.entries.has("apiVersion") && !root.entries.has("kind");
		if (root === undefined) continue;
		for (const object of parseRoot(root, context)) addObject(object, objects, problems);
	}
	return {
		objects: [...objects.values()],
		problems: problems.sort(compareProblems),
		isForeign: isForeign && count > 0,
	};
}

interface FileContext {
	readonly file: string;
	readonly lines: LineIndex;
	readonly options: ParseOptions;
	readonly problems: LocatedProblem[];
}

/** Keeps the first of two objects with one name. */
function addObject(added: ConfigObject, objects: Map<string, ConfigObject>, problems: LocatedProblem[]): void {
	const key = formatObjectKey(added);
	const first = objects.get(key);
	if (first === undefined) objects.set(key, added);
	else problems.push(describeDuplicate(added, first));
}

/** The problem of an object that is already there. */
export function describeDuplicate(second: ConfigObject, first: ConfigObject): LocatedProblem {
	const place = second.locate("metadata.name");
	return {
		severity: "error",
		file: second.source.file,
		line: place.line,
		column: place.column,
		kind: second.kind,
		namespace: second.namespace,
		name: second.name,
		path: "metadata.name",
		code: "OBJECT_DUPLICATE",
		problem: `the same object is at ${first.source.file}:${first.source.line}, and that one is served: rename or remove one`,
	};
}

/** The tree of a document, or undefined after its faults were reported. */
function takeRoot({ root, faults }: ReadDocument, context: FileContext): Node | undefined {
	for (const { offset, path, problem } of faults) {
		context.problems.push({ severity: "error", file: context.file, ...context.lines.locate(offset), path, problem });
	}
	return root;
}

function parseRoot(root: Node, context: FileContext): ConfigObject[] {
	const items = listItems(root) ?? [{ node: root, path: "" }];
	return items.flatMap(({ node, path }) => parseObject(node, path, context) ?? []);
}

/** The items of a `v1/List`, as kubectl prints several objects; undefined for any other document. */
function listItems(root: Node): { node: Node; path: string }[] | undefined {
	if (root.kind !== "map" || textOf(root, "kind") !== "List") return undefined;
	const items = root.entries.get("items")?.value;
	if (items?.kind !== "list") return undefined;
	return items.items.map((node, index) => ({ node, path: `items[${index}]` }));
}

const envelope = {
	apiVersion: required(anything(), "Group and version of the kind"),
	kind: required(anything(), "Name of the kind"),
	metadata: required(metadata(), "Name, namespace and labels"),
};
/** Of kinds whose fields are beside `metadata`. */
const envelopeSchema = object(envelope);
const documentSchema = object({
	...envelope,
	spec: required(anything(), "What the object says"),
	status: ignored("Written by Kubernetes; accepted, without effect"),
});

function parseObject(root: Node, path: string, context: FileContext): ConfigObject | undefined {
	const foreign = findForeign(root);
	if (foreign !== undefined) {
		const place = context.lines.locate(root.offset);
		context.problems.push({
			severity: "warning",
			file: context.file,
			...place,
			path,
			code: "KIND_FOREIGN",
			...foreign,
		});
		return undefined;
	}
	const faults: Fault[] = [];
	const take = (fault: Fault): void => {
		if (faults.length < limits.problems) faults.push(fault);
	};
	const leftOut: string[] = [];
	const reader = createReader(take, (left) => leftOut.push(left));
	const names = namesOf(root);
	const hasErrors = (): boolean => faults.some((fault) => fault.severity === "error");
	const object = readObject(root, reader, context, hasErrors);
	const prefix = path === "" ? "" : `${path}.`;
	const note = object?.isStandIn === true ? "; until it is mended, it keeps out all that it might keep out" : "";
	for (const fault of faults) {
		const place = context.lines.locate(findOffset(root, fault.path));
		context.problems.push({
			severity: fault.severity,
			file: context.file,
			...place,
			...names,
			path: `${prefix}${fault.path}`,
			problem: fault.severity === "error" ? fault.problem + note : fault.problem,
		});
	}
	if (object === undefined) return undefined;
	return hasErrors() ? { ...object, isPartial: true, leftOut } : object;
}

/** A document of Kubernetes, or of another program on it, that is no business of the mesh. */
function findForeign(root: Node): Pick<LocatedProblem, "kind" | "namespace" | "name" | "problem"> | undefined {
	if (root.kind !== "map") return undefined;
	const [apiVersion, kind] = [textOf(root, "apiVersion"), textOf(root, "kind")];
	if (apiVersion === undefined || kind === undefined) return undefined;
	const problem = describeForeign(apiVersion, kind);
	return problem === undefined ? undefined : { ...namesOf(root), kind, problem };
}

/** What can be told of an object before it is checked, for the problems of a broken one. */
function namesOf(root: Node): { kind?: string; namespace?: string; name?: string } {
	if (root.kind !== "map") return {};
	const kind = textOf(root, "kind");
	const version = textOf(root, "apiVersion") ?? "";
	const found = findDocumentKinds(kind ?? "");
	const known = found.find(({ apiVersions }) => (apiVersions as readonly string[]).includes(version)) ?? found[0];
	const meta = root.entries.get("metadata")?.value;
	const name = meta?.kind === "map" ? textOf(meta, "name") : undefined;
	const namespace = meta?.kind === "map" ? (textOf(meta, "namespace") ?? "default") : undefined;
	return {
		...(kind === undefined ? {} : { kind: known?.name ?? kind }),
		...(name === undefined ? {} : { name, ...(namespace === undefined ? {} : { namespace }) }),
	};
}

function textOf(map: MapNode, key: string): string | undefined {
	const value = map.entries.get(key)?.value;
	return value?.kind === "scalar" && typeof value.value === "string" ? value.value : undefined;
}

/** @param hasErrors whether anything was refused so far */
function readObject(
	root: Node,
	reader: Reader,
	context: FileContext,
	hasErrors: () => boolean,
): ConfigObject | undefined {
	const isWhole = root.kind === "map" && findDocumentKinds(textOf(root, "kind") ?? "")[0]?.body === "document";
	const { outer, inner } = isWhole ? splitBody(root) : { outer: root, inner: undefined };
	const fields = isWhole ? envelopeSchema.read(outer, reader) : documentSchema.read(root, reader);
	if (root.kind !== "map") return undefined;
	const kind = readKind(root, reader);
	const specNode = inner ?? root.entries.get("spec")?.value;
	if (kind === undefined || specNode === undefined) return undefined;
	// That it is empty has been said.
	if (specNode.kind === "scalar" && specNode.value === null) return undefined;
	const { file, lines, options } = context;
	const generation = readGeneration(root);
	const source = {
		file,
		line: lines.locate(root.offset).line,
		...(generation !== undefined && { generation }),
	};
	const meta = fields?.metadata;
	const namespace = meta?.namespace ?? "default";
	// A spec is read even when the rest is broken, so that all problems come at once.
	const about: ObjectContext = {
		name: meta?.name ?? "",
		namespace,
		labels: meta?.labels ?? {},
		annotations: meta?.annotations ?? {},
		createdAt: readCreationTime(root, reader) ?? options.createdAt ?? 0,
		source,
		folder: options.folder ?? (file === "api" ? undefined : dirname(file)),
	};
	let isStandIn = false;
	let value = kind.read(specNode, inner === undefined ? reader.field("spec") : reader, about);
	if (hasErrors() && meta !== undefined) {
		const closed = kind.failClosed(specNode, about, value);
		if (closed !== undefined) {
			value = closed;
			isStandIn = true;
		}
	}
	const apiVersion = textOf(root, "apiVersion");
	if (meta === undefined || value === undefined || apiVersion === undefined || !checkName(kind, meta, reader))
		return undefined;
	const object = {
		kind: kind.name,
		apiVersion,
		namespace,
		name: meta.name,
		document: toJson(root),
		value,
		source,
		isPartial: false,
		isStandIn,
		leftOut: [],
		locate: (path: string) => lines.locate(findOffset(root, path)),
	};
	return object as ConfigObject;
}

/** The envelope of a document, and what is beside it. */
function splitBody({ kind, offset, entries }: MapNode): { readonly outer: MapNode; readonly inner: MapNode } {
	const pick = (isEnvelope: boolean) =>
		new Map([...entries].filter(([name]) => Object.hasOwn(envelope, name) === isEnvelope));
	return { outer: { kind, offset, entries: pick(true) }, inner: { kind, offset, entries: pick(false) } };
}

/** The kind of a document by `kind` and `apiVersion`; undefined after a problem was reported. */
function readKind(root: MapNode, reader: Reader): (typeof kinds)[number] | undefined {
	const apiVersion = textOf(root, "apiVersion");
	const name = textOf(root, "kind");
	if (root.entries.has("kind") && name === undefined) reader.field("kind").refuse("must be text");
	if (root.entries.has("apiVersion") && apiVersion === undefined) reader.field("apiVersion").refuse("must be text");
	if (name === undefined) return undefined;
	const named = findDocumentKinds(name);
	const kind =
		named.find(({ apiVersions }) => (apiVersions as readonly string[]).includes(apiVersion ?? "")) ?? named[0];
	if (kind === undefined || kind.documentKind !== name) {
		const instead = describeAbsent(name);
		const hint = kind === undefined ? suggestNearest(name, listKindNames()) : ` (did you mean '${kind.documentKind}'?)`;
		return reader
			.field("kind")
			.refuse(
				instead === undefined
					? `unknown kind ${quote(name)}${hint || `: known are ${listKindNames().join(", ")}`}`
					: `${name} is not supported: ${instead}`,
			);
	}
	if (apiVersion === undefined || (kind.apiVersions as readonly string[]).includes(apiVersion)) return kind;
	const known = named.map(({ apiVersions }) => apiVersions[0]).join(" or ");
	return reader.field("apiVersion").refuse(`${name} has no version ${quote(apiVersion)}: write ${known}`);
}

function checkName(kind: (typeof kinds)[number], meta: Metadata, reader: Reader): boolean {
	if (kind.naming !== "label" || (meta.name.length <= 63 && !meta.name.includes("."))) return true;
	reader
		.field("metadata")
		.field("name")
		.refuse(`${quote(meta.name)} must be an RFC 1123 label: at most 63 letters, digits and '-', no dots`);
	return false;
}

function readCreationTime(root: MapNode, reader: Reader): number | undefined {
	const meta = root.entries.get("metadata")?.value;
	const text = meta?.kind === "map" ? textOf(meta, "creationTimestamp") : undefined;
	if (text === undefined) return undefined;
	const time = Date.parse(text);
	if (Number.isFinite(time)) return time;
	reader
		.field("metadata")
		.field("creationTimestamp")
		.warn(`${quote(text)} is no RFC 3339 time and is not used`);
	return undefined;
}

function readGeneration(root: MapNode): number | undefined {
	const meta = root.entries.get("metadata")?.value;
	const value = meta?.kind === "map" ? meta.entries.get("generation")?.value : undefined;
	return value?.kind === "scalar" && Number.isSafeInteger(value.value) ? (value.value as number) : undefined;
}
