import { MeshError } from "../../../core/index.ts";
import type { RangeSelector, Watch, WatchBatch, WatchListener } from "../../store.ts";

/** What watchers read: changes from a revision on, and how far history reaches. */
export interface ChangeSource {
	readState(): { readonly revision: number; readonly compacted: number };
	listChanges(selector: RangeSelector, fromRevision: number, limit: number): WatchBatch[];
}

/** The open watches of a store. */
export interface Watchers {
	add(selector: RangeSelector, listener: WatchListener, fromRevision: number | undefined): Watch;
	/** Looks for changes soon, after the current call has returned. */
	wake(): void;
	readonly size: number;
	/** Ends every watch without a word. */
	close(): void;
}

interface Watcher {
	readonly selector: RangeSelector;
	readonly listener: WatchListener;
	/** Invariant: every change before this revision was delivered. */
	next: number;
	isOpen: boolean;
}

/** Changes read at once for one watcher. */
const readLimit = 500;

/** Watches over `source`. A source that throws ends the watch it was read for with `STORE_UNAVAILABLE`. */
export function createWatchers(source: ChangeSource): Watchers {
	const open = new Set<Watcher>();
	let isAwake = false;
	const wake = (): void => {
		if (isAwake) return;
		isAwake = true;
		queueMicrotask(() => {
			isAwake = false;
			for (const watcher of open) deliver(watcher);
		});
	};
	const end = (watcher: Watcher, error: Error): void => {
		open.delete(watcher);
		watcher.isOpen = false;
		watcher.listener.onError(error);
	};
	const deliver = (watcher: Watcher): void => {
		const changes = readChanges(source, watcher);
		if (changes instanceof Error) {
			end(watcher, changes);
			return;
		}
		for (const batch of changes.batches) {
			if (!watcher.isOpen) return;
			watcher.next = batch.revision + 1;
			watcher.listener.onBatch(batch);
		}
		if (changes.isWhole) watcher.next = Math.max(watcher.next, changes.revision + 1);
		else wake();
	};
	return {
		add(selector, listener, fromRevision) {
			const next = fromRevision ?? source.readState().revision + 1;
			const watcher: Watcher = { selector, listener, next, isOpen: true };
			open.add(watcher);
			wake();
			return {
				close() {
					watcher.isOpen = false;
					open.delete(watcher);
				},
			};
		},
		wake,
		get size() {
			return open.size;
		},
		close() {
			for (const watcher of open) watcher.isOpen = false;
			open.clear();
		},
	};
}

type Changes = { readonly batches: readonly WatchBatch[]; readonly revision: number; readonly isWhole: boolean };

function readChanges(source: ChangeSource, watcher: Watcher): Changes | Error {
	try {
		const { revision, compacted } = source.readState();
		if (watcher.next < compacted)
			return new MeshError(
				"STORE_COMPACTED",
				`revision ${watcher.next} is no longer kept, the oldest is ${compacted}: read again and watch from there`,
			);
		const batches = source.listChanges(watcher.selector, watcher.next, readLimit);
		const count = batches.reduce((sum, batch) => sum + batch.events.length, 0);
		return { batches, revision, isWhole: count < readLimit };
	} catch (error) {
		return error instanceof MeshError
			? error
			: new MeshError("STORE_UNAVAILABLE", "the store's changes cannot be read", { cause: error });
	}
}
