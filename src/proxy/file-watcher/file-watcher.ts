import { type FSWatcher, lstatSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, describeError, type Log, type Timer } from "../../core/index.ts";

export interface FileWatcherOptions {
	readonly clock: Clock;
	readonly log: Log;
}

/** Watches files for being replaced. */
export interface FileWatcher {
	/** Calls `onReplaced` after `path` was moved into place, or after anything was in `watchedDirectory` (a swapped link there).
	 *  It may be called though the content is the same. Returns the way to stop. */
	watch(path: string, watchedDirectory: string | undefined, onReplaced: () => void): () => void;
	close(): void;
}

/** A replacement comes as several events. */
const settleMs = 25;

/** Like Envoy, it looks for moves only: a file that is written in place may be read half-written. */
export function createFileWatcher(options: FileWatcherOptions): FileWatcher {
	const log = options.log.child("file-watcher");
	const folders = new Map<string, { readonly watcher: FSWatcher; readonly entries: Set<WatchedEntry> }>();

	function openFolder(
		folder: string,
	): { readonly watcher: FSWatcher; readonly entries: Set<WatchedEntry> } | undefined {
		const known = folders.get(folder);
		if (known !== undefined) return known;
		try {
			const entries = new Set<WatchedEntry>();
			const watcher = watch(folder, { persistent: false }, (event, name) => {
				for (const entry of entries) entry.onEvent(event, name ?? undefined);
			});
			watcher.on("error", (error) =>
				log.warn("folder can no longer be watched", { folder, problem: describeError(error) }),
			);
			const opened = { watcher, entries };
			folders.set(folder, opened);
			return opened;
		} catch (error) {
			log.warn("folder cannot be watched", { folder, problem: describeError(error) });
			return undefined;
		}
	}

	return {
		watch(path, watchedDirectory, onReplaced) {
			const folder = watchedDirectory ?? dirname(path);
			const opened = openFolder(folder);
			if (opened === undefined) return () => undefined;
			let pending: Timer | undefined;
			/** Names that came by rename, creation or removal since the folder was last quiet. */
			const moved = new Set<string>();
			const settle = (): void => {
				pending = undefined;
				const names = [...moved];
				moved.clear();
				// What is gone was not moved here.
				if (names.some((name) => isThere(join(folder, name)))) onReplaced();
			};
			const entry: WatchedEntry = {
				onEvent(event, name) {
					const own = watchedDirectory === undefined ? basename(path) : name;
					if (name === undefined || name !== own) return;
					// Created and then written, not moved: whoever writes in place may not be done.
					if (event === "change") moved.delete(name);
					else moved.add(name);
					if (moved.size === 0) return;
					pending?.cancel();
					pending = options.clock.setTimer(settleMs, settle, { unref: true });
				},
			};
			opened.entries.add(entry);
			return () => {
				pending?.cancel();
				opened.entries.delete(entry);
				if (opened.entries.size > 0) return;
				opened.watcher.close();
				folders.delete(folder);
			};
		},
		close() {
			for (const { watcher } of folders.values()) watcher.close();
			folders.clear();
		},
	};
}

function isThere(path: string): boolean {
	return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

interface WatchedEntry {
	onEvent(event: string, name: string | undefined): void;
}
