import {
	chmodSync,
	closeSync,
	constants,
	fstatSync,
	mkdirSync,
	openSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Clock, describeError, type Log, type Timer } from "../../core/index.ts";
import { clusterType, endpointType, listenerType, type ReceivedResource, routeType } from "../../xds/client/index.ts";
import type { AcceptedResource } from "./resource-book.ts";

/** The types that are kept. Secrets never are. */
const keptTypes = [clusterType, endpointType, listenerType, routeType] as const;

/** Raised when the form of the file changes; a file of another version is left unread. */
const formatVersion = 1;

/** Bound on the file; a larger state is not kept. */
const maxBytes = 64 * 1024 * 1024;

/** Changes come in bursts. */
const settleMs = 250;

/** The last accepted resources by type. */
export type SavedResources = ReadonlyMap<string, readonly ReceivedResource[]>;

export interface LastGoodOptions {
	readonly folder: string;
	/** A state of another node is not used. */
	readonly nodeId: string;
	/** What is to be kept, asked at each save. */
	readonly list: () => readonly AcceptedResource[];
	readonly clock: Clock;
	readonly log: Log;
}

/** The last good configuration on disk. */
export interface LastGood {
	load(): SavedResources | undefined;
	/** Saves soon. */
	changed(): void;
	/** Saves at once what is due. */
	flush(): void;
}

interface SavedFile {
	readonly version: number;
	readonly nodeId: string;
	readonly resources: Readonly<Record<string, readonly SavedResource[]>>;
}

interface SavedResource {
	readonly name: string;
	readonly version: string;
	/** Base64 of the packed message. */
	readonly value: string;
}

export function createLastGood(options: LastGoodOptions): LastGood {
	const log = options.log.child("last-good");
	const path = join(options.folder, "resources.json");
	let timer: Timer | undefined;

	function save(): void {
		timer = undefined;
		const resources: Record<string, SavedResource[]> = {};
		for (const { isStorable, name, origin, typeUrl, value, version } of options.list()) {
			if (!isStorable || (origin !== "server" && origin !== "disk")) continue;
			if (!keptTypes.some((kept) => kept === typeUrl)) continue;
			resources[typeUrl] ??= [];
			resources[typeUrl].push({ name, version, value: Buffer.from(value).toString("base64") });
		}
		const file: SavedFile = { version: formatVersion, nodeId: options.nodeId, resources };
		const text = JSON.stringify(file);
		if (text.length > maxBytes) {
			log.warn("configuration is too large to be kept", { bytes: text.length, limit: maxBytes });
			return;
		}
		const next = `${path}.next`;
		try {
			mkdirSync(options.folder, { recursive: true, mode: 0o700 });
			writeFileSync(next, text, { mode: 0o600 });
			chmodSync(next, 0o600);
			renameSync(next, path);
			log.debug("configuration kept", { path, bytes: text.length });
		} catch (error) {
			log.warn("configuration cannot be kept", { path, problem: describeError(error) });
			discard(next);
		}
	}

	/** What is left of a save that failed takes room on a disk that is full. */
	function discard(file: string): void {
		try {
			rmSync(file, { force: true });
		} catch (error) {
			log.debug("the rest of it cannot be removed", { path: file, problem: describeError(error) });
		}
	}

	return {
		load() {
			let text: string | undefined;
			try {
				text = readRegularFile(path);
			} catch (error) {
				log.debug("no configuration is kept", { path, problem: describeError(error) });
				return undefined;
			}
			if (text === undefined) {
				log.warn("kept configuration is not used", { path, problem: "it is no file of a possible size" });
				return undefined;
			}
			const parsed = parseSaved(text, options.nodeId);
			if (typeof parsed !== "string") return parsed;
			log.warn("kept configuration is not used", { path, problem: parsed });
			return undefined;
		},
		changed() {
			timer ??= options.clock.setTimer(settleMs, save, { unref: true });
		},
		flush() {
			if (timer === undefined) return;
			timer.cancel();
			save();
		},
	};
}

/** The text of a file; undefined for a pipe, which nobody may ever write to, and for what no save has made so large. */
function readRegularFile(path: string): string | undefined {
	const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
	try {
		const stats = fstatSync(descriptor);
		return stats.isFile() && stats.size <= maxBytes ? readFileSync(descriptor, "utf8") : undefined;
	} finally {
		closeSync(descriptor);
	}
}

/** @returns why the text is not used, or what it holds */
function parseSaved(text: string, nodeId: string): SavedResources | string {
	let file: Partial<SavedFile>;
	try {
		file = JSON.parse(text) as Partial<SavedFile>;
	} catch (error) {
		return `it is damaged: ${describeError(error)}`;
	}
	if (!isRecord(file) || !isRecord(file.resources)) return "it is damaged";
	if (file.version !== formatVersion) return `its format is ${file.version}, this proxy reads ${formatVersion}`;
	if (file.nodeId !== nodeId) return `it is of node ${file.nodeId}`;
	const resources = new Map<string, readonly ReceivedResource[]>();
	for (const typeUrl of keptTypes) {
		const list = file.resources[typeUrl];
		if (list === undefined) continue;
		if (!Array.isArray(list) || !list.every(isSavedResource)) return `its ${typeUrl} are damaged`;
		resources.set(
			typeUrl,
			list.map(({ name, value, version }) => ({ name, version, value: Buffer.from(value, "base64") })),
		);
	}
	return resources;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSavedResource(value: unknown): value is SavedResource {
	return isRecord(value) && [value.name, value.version, value.value].every((part) => typeof part === "string");
}
