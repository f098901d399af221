import { addHeader, getHeader, type HeaderList, removeHeader, setHeader, toHeaderValue } from "../../core/index.ts";
import type { StreamInfo } from "../format/stream-info.ts";
import type { HeaderAddition } from "./route-config.ts";

/** Header operations of one or several levels, ready to run in order. */
export interface HeaderOperations {
	readonly isEmpty: boolean;
	/** Changes the headers in place. Within a level, removals come first and every value is formatted before any is written. */
	apply(headers: HeaderList, stream: StreamInfo): void;
}

/** One level: what is removed, and what is added or overwritten after that. */
export interface HeaderLevel {
	readonly add: readonly HeaderAddition[];
	readonly remove: readonly string[];
}

/** Operations that do nothing. */
export const noHeaderOperations: HeaderOperations = { isEmpty: true, apply: () => undefined };

/** Joins levels in the order in which they run; the last one written wins. */
export function createHeaderOperations(levels: readonly HeaderLevel[]): HeaderOperations {
	const used = levels.filter((level) => level.add.length > 0 || level.remove.length > 0);
	if (used.length === 0) return noHeaderOperations;
	const scratch: string[] = [];
	return {
		isEmpty: false,
		apply(headers, stream) {
			for (let index = 0; index < used.length; index++) applyLevel(used[index]!, headers, stream, scratch);
		},
	};
}

function applyLevel(level: HeaderLevel, headers: HeaderList, stream: StreamInfo, values: string[]): void {
	for (let index = 0; index < level.remove.length; index++) removeHeader(headers, level.remove[index]!);
	const { add } = level;
	for (let index = 0; index < add.length; index++) values[index] = toHeaderValue(add[index]!.value.format(stream));
	// Invariant: overwrites run before additions, so an addition of the same name stays beside the overwritten value.
	for (let index = 0; index < add.length; index++) overwrite(add[index]!, values[index]!, headers);
	for (let index = 0; index < add.length; index++) append(add[index]!, values[index]!, headers);
}

function overwrite(addition: HeaderAddition, value: string, headers: HeaderList): void {
	if (addition.action !== "overwrite-or-add" && addition.action !== "overwrite-if-exists") return;
	if (value === "" && !addition.keepEmptyValue) return;
	if (addition.action === "overwrite-if-exists" && getHeader(headers, addition.name) === undefined) return;
	setHeader(headers, addition.name, value);
}

function append(addition: HeaderAddition, value: string, headers: HeaderList): void {
	if (addition.action !== "append" && addition.action !== "add-if-absent") return;
	if (value === "" && !addition.keepEmptyValue) return;
	if (addition.action === "add-if-absent" && getHeader(headers, addition.name) !== undefined) return;
	addHeader(headers, addition.name, value);
}
