import type { ConfigObject } from "../config-object.ts";
import type { Json } from "../document/node.ts";
import { parseValue } from "../parse-documents.ts";

/** What serves of an object. */
export interface RepairedObject {
	readonly object: ConfigObject;
	/** Field paths of the items that are as they last were. */
	readonly kept: readonly string[];
}

/** An object of which some items cannot be used, with their last good versions in their places. An item that was not there before, or
 *  cannot be told from its neighbours, stays left out. Undefined when no good object comes of it. */
export function repairObject(current: ConfigObject, last: ConfigObject): RepairedObject | undefined {
	if (current.leftOut.length === 0) return undefined;
	const kept: string[] = [];
	let document: Json | undefined = current.document;
	// From the end, so that what is taken out does not move what is still to come.
	for (const path of [...current.leftOut].reverse()) {
		const { list, index } = splitItem(path);
		const items = readList(current.document, list);
		const item = items?.[index];
		if (item === undefined) return undefined;
		const old = findItem(items!, index, listGood(last, list));
		if (old !== undefined) kept.push(path);
		document = replaceItem(document, list, index, old);
		if (document === undefined) return undefined;
	}
	// Nothing of it was there before: it is served without.
	if (kept.length === 0) return current.isStandIn ? undefined : { object: current, kept };
	const object = readAgain(document, current);
	return object === undefined ? undefined : { object, kept };
}

/** The object that a document of plain JSON makes in the place of another; undefined when anything is wrong with it. */
function readAgain(document: Json, like: ConfigObject): ConfigObject | undefined {
	const { createdAt = 0 } = like.value as { readonly createdAt?: number };
	const { objects, problems } = parseValue(document, like.source.file, { createdAt });
	const [object] = objects;
	if (object === undefined || problems.some(({ severity }) => severity === "error")) return undefined;
	const { source, locate } = like;
	const value = "source" in object.value ? { ...object.value, source } : object.value;
	return { ...object, value, source, locate, isPartial: true } as ConfigObject;
}

/** `spec.http[2]` as its list and position. */
function splitItem(path: string): { readonly list: readonly string[]; readonly index: number } {
	const match = /^(.*)\[(\d+)\]$/.exec(path);
	return { list: (match?.[1] ?? "").split("."), index: Number(match?.[2] ?? -1) };
}

/** The items of a list that were used; the others are undefined. */
function listGood({ document, leftOut }: ConfigObject, list: readonly string[]): readonly (Json | undefined)[] {
	const items = readList(document, list) ?? [];
	return items.map((item, index) => (leftOut.includes(`${list.join(".")}[${index}]`) ? undefined : item));
}

function readList(document: Json, path: readonly string[]): readonly Json[] | undefined {
	let value: Json | undefined = document;
	for (const key of path) {
		if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
		value = (value as { readonly [key: string]: Json })[key];
	}
	return Array.isArray(value) ? value : undefined;
}

/** The old version of an item: the one of its name, else the one in its place when the list is as long as it was. */
function findItem(items: readonly Json[], index: number, before: readonly (Json | undefined)[]): Json | undefined {
	const name = nameOf(items[index]!);
	if (name !== undefined) return before.find((item) => item !== undefined && nameOf(item) === name);
	return items.length === before.length ? before[index] : undefined;
}

function nameOf(item: Json): string | undefined {
	if (item === null || typeof item !== "object" || Array.isArray(item)) return undefined;
	const { name, port } = item as { readonly [key: string]: Json };
	if (typeof name === "string") return name;
	const number =
		port !== null && typeof port === "object" ? (port as { readonly [key: string]: Json })["number"] : undefined;
	return typeof number === "number" ? `port ${number}` : undefined;
}

function replaceItem(document: Json, list: readonly string[], index: number, item: Json | undefined): Json {
	if (list.length === 0) {
		const items = document as readonly Json[];
		return [...items.slice(0, index), ...(item === undefined ? [] : [item]), ...items.slice(index + 1)];
	}
	const [key, ...rest] = list;
	const fields = document as { readonly [key: string]: Json };
	return { ...fields, [key!]: replaceItem(fields[key!]!, rest, index, item) };
}
