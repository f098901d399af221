import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { type Clock, describeError, type Log, silentLog, systemClock, type Timer } from "../../core/index.ts";
import type { ConfigObject } from "../config-object.ts";
import { parseDocuments } from "../parse-documents.ts";
import { createFolderContents, type FolderSnapshot } from "./folder-contents.ts";
import type { LastGoodFiles } from "./last-good-files.ts";
import { type ReadConfigFile, readConfigFile } from "./read-config-file.ts";
import { checkFolder, type FolderScan, scanFolder, toSignature } from "./scan-folder.ts";
import { createSettling } from "./settle.ts";

/** Options of `watchFolder`. */
export interface WatchFolderOptions {
	readonly clock?: Clock;
	readonly log?: Log;
	/** Called after every change of objects or problems, not for the first state. */
	readonly onChange?: (snapshot: FolderSnapshot) => void;
	/** How long after the system's word of a change the folder is looked at, so that several make one; 15 by default. */
	readonly debounceMs?: number;
	/** How often it is looked at without a word, for file systems that give none; 2000 by default. */
	readonly rescanMs?: number;
	/** Keeps what was good over restarts; without it, a file that is broken at the start serves only its good documents. */
	readonly lastGood?: LastGoodFiles;
}

/** How often the folder is looked at when the system does not tell of all of it, such as at its limit of watches. */
const blindRescanMs = 500;

/** A folder of config that is followed. */
export interface FolderSource {
	/** What it serves: broken files serve what they last served. */
	current(): FolderSnapshot;
	/** Stops following; resolves when nothing is read any more. */
	close(): Promise<void>;
}

/** Reads the `*.yaml`, `*.yml` and `*.json` files of a folder and those below it (without dot-folders and node_modules), and
 *  follows them. A saved file is taken over in well under a second; a broken one changes nothing and is reported.
 *  @throws MeshError `CONFIG_FOLDER_UNREADABLE` */
export async function watchFolder(root: string, options: WatchFolderOptions = {}): Promise<FolderSource> {
	const { clock = systemClock, log = silentLog, debounceMs = 15, rescanMs = 2000, lastGood } = options;
	await checkFolder(root);
	const contents = createFolderContents();
	const settling = createSettling();
	const watchers = createFolderWatchers(log, () => plan(debounceMs));
	let snapshot = contents.snapshot();
	let isOpen = true;
	let timer: Timer | undefined;
	let dueAt = Number.POSITIVE_INFINITY;
	let running: Promise<void> | undefined;
	let isAsked = false;

	/** Looks at the folder in `delayMs`, or earlier if that is planned. */
	const plan = (delayMs: number): void => {
		if (!isOpen) return;
		const at = clock.now() + delayMs;
		if (at >= dueAt) return;
		timer?.cancel();
		dueAt = at;
		timer = clock.setTimer(delayMs, look, { unref: true });
	};
	const look = (): void => {
		dueAt = Number.POSITIVE_INFINITY;
		if (running !== undefined) {
			isAsked = true;
			return;
		}
		running = takeOver()
			.catch((error: unknown) =>
				log.error("config folder cannot be followed", { folder: root, reason: describeError(error) }),
			)
			.then(() => {
				running = undefined;
				const restMs = watchers.isWhole() ? rescanMs : Math.min(rescanMs, blindRescanMs);
				plan(isAsked ? debounceMs : restMs);
				isAsked = false;
			});
	};
	const follow = (scan: FolderScan): void => {
		// What happened between the scan and a new watch was told by nobody.
		if (watchers.follow(scan.folders)) plan(debounceMs);
	};
	const takeOver = async (): Promise<void> => {
		const scan = await scanFolder(root);
		if (!isOpen) return;
		follow(scan);
		const isChanged = await readChanged(scan);
		if (!isOpen || !isChanged) return;
		snapshot = contents.snapshot();
		reportChange(log, root, snapshot);
		options.onChange?.(snapshot);
	};
	/** A file that is broken at first sight begins with what it last served before the restart. */
	const apply = async (path: string, { parsed, text }: ReadConfigFile): Promise<void> => {
		const isBroken = parsed.problems.some((problem) => problem.severity === "error");
		if (isBroken && !contents.has(path)) {
			const last = await lastGood?.load(path);
			if (last !== undefined) contents.apply(path, parseDocuments(last, path));
		}
		contents.apply(path, parsed);
		if (parsed.isForeign || text === undefined) return;
		await lastGood?.save(path, isBroken ? formatServed(contents.served(path)) : text);
	};
	/** Reads what is new and at rest; returns whether anything is other than before. */
	const readChanged = async (scan: FolderScan): Promise<boolean> => {
		let isChanged = contents.setUnreadable(scan.unreadable);
		const step = settling.observe(
			scan.files,
			scan.unreadable.map((item) => item.path),
			clock.now(),
		);
		for (const path of step.gone) {
			contents.remove(path);
			await lastGood?.forget(path);
		}
		for (const path of step.read) {
			const read = await readConfigFile(path, scan.files.get(path)!);
			// A file that went away since the scan is missing from the next one.
			if (read === undefined) continue;
			settling.markRead(path, read.signature);
			await apply(path, read);
			isChanged = true;
			if (read.signature === undefined) plan(debounceMs);
		}
		if (step.againInMs !== undefined) plan(step.againInMs);
		return isChanged || step.gone.length > 0;
	};

	const first = await scanFolder(root);
	follow(first);
	await readChanged(first);
	snapshot = contents.snapshot();
	plan(rescanMs);
	return {
		current: () => snapshot,
		async close() {
			isOpen = false;
			timer?.cancel();
			watchers.close();
			await running;
		},
	};
}

/** What a broken file serves as documents, each at its line where that is free: to be read again after a restart. */
function formatServed(objects: readonly ConfigObject[]): string {
	let text = "";
	let line = 1;
	for (const { document, source } of [...objects].sort((a, b) => a.source.line - b.source.line)) {
		const separator = text === "" ? "" : "---\n";
		line += separator === "" ? 0 : 1;
		const gap = Math.max(0, source.line - line);
		text += `${separator}${"\n".repeat(gap)}${JSON.stringify(document)}\n`;
		line += gap + 1;
	}
	return text;
}

/** Reads a folder once, or one file.
 *  @throws MeshError `CONFIG_FOLDER_UNREADABLE` */
export async function readFolder(root: string): Promise<FolderSnapshot> {
	const contents = createFolderContents();
	const stats = await stat(root, { bigint: true }).catch(() => undefined);
	if (stats?.isFile() === true) {
		const read = await readConfigFile(root, toSignature(stats));
		// A file that is named is meant, whatever it looks like.
		if (read !== undefined) contents.apply(root, { ...read.parsed, isForeign: false });
		return contents.snapshot();
	}
	await checkFolder(root);
	const scan = await scanFolder(root);
	contents.setUnreadable(scan.unreadable);
	for (const [path, signature] of scan.files) {
		const read = await readConfigFile(path, signature);
		if (read !== undefined) contents.apply(path, read.parsed);
	}
	return contents.snapshot();
}

interface FolderWatchers {
	/** Watches these folders and no others; returns whether one is watched anew. */
	follow(folders: FolderScan["folders"]): boolean;
	/** Whether the system tells of every folder. */
	isWhole(): boolean;
	close(): void;
}

/** One watch a folder: a recursive one would also follow dot-folders and installed packages. */
function createFolderWatchers(log: Log, onEvent: () => void): FolderWatchers {
	const open = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();
	const failed = new Set<string>();
	const drop = (folder: string): void => {
		open.get(folder)?.watcher.close();
		open.delete(folder);
	};
	const fail = (folder: string, error: unknown): void => {
		drop(folder);
		if (failed.has(folder)) return;
		failed.add(folder);
		log.warn("folder cannot be watched, it is looked at from time to time", { folder, reason: describeError(error) });
	};
	const add = (folder: string, identity: string): boolean => {
		try {
			const watcher = watch(folder, { persistent: false }, onEvent);
			watcher.on("error", (error) => fail(folder, error));
			open.set(folder, { identity, watcher });
			return !failed.delete(folder);
		} catch (error) {
			fail(folder, error);
			return false;
		}
	};
	return {
		follow(folders) {
			// A watch stays with a folder that was moved away: one with another inode at the path needs a new watch.
			for (const [folder, { identity }] of open) if (folders.get(folder) !== identity) drop(folder);
			let isNew = false;
			for (const [folder, identity] of folders) if (!open.has(folder)) isNew = add(folder, identity) || isNew;
			for (const folder of failed) if (!folders.has(folder)) failed.delete(folder);
			return isNew;
		},
		isWhole: () => failed.size === 0,
		close() {
			for (const folder of open.keys()) drop(folder);
		},
	};
}

function reportChange(log: Log, folder: string, snapshot: FolderSnapshot): void {
	const errors = snapshot.problems.filter((problem) => problem.severity === "error").length;
	const fields = { folder, files: snapshot.files, objects: snapshot.objects.length, errors };
	if (errors > 0) log.warn("config changed, some of it is broken", fields);
	else log.info("config changed", fields);
}
