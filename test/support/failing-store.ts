import { MeshError } from "../../src/core/index.ts";
import type { Store, WatchListener } from "../../src/registry/index.ts";

/** A store whose connection a test cuts and mends. */
export interface FailingStore extends Store {
	/** Ends every watch and refuses every call until `mend`. */
	cut(): void;
	mend(): void;
}

/** Puts a cuttable connection before a store. */
export function createFailingStore(store: Store): FailingStore {
	let isCut = false;
	const listeners = new Set<{ readonly listener: WatchListener; close(): void }>();
	const refuse = (): MeshError => new MeshError("STORE_UNAVAILABLE", "the connection is cut");
	const pass = async <T>(call: () => Promise<T>): Promise<T> => {
		if (isCut) throw refuse();
		return call();
	};
	return {
		range: (selector, options) => pass(() => store.range(selector, options)),
		txn: (transaction) => pass(() => store.txn(transaction)),
		grantLease: (ttlMs) => pass(() => store.grantLease(ttlMs)),
		keepAlive: (lease) => pass(() => store.keepAlive(lease)),
		revoke: (lease) => pass(() => store.revoke(lease)),
		compact: (revision) => pass(() => store.compact(revision)),
		watch(selector, listener, options) {
			const watch = store.watch(selector, listener, options);
			const entry = {
				listener,
				close() {
					watch.close();
					listeners.delete(entry);
				},
			};
			listeners.add(entry);
			if (isCut) queueMicrotask(() => end(entry));
			return entry;
		},
		close: () => store.close(),
		cut() {
			isCut = true;
			for (const entry of listeners) end(entry);
		},
		mend() {
			isCut = false;
		},
	};

	function end(entry: { readonly listener: WatchListener; close(): void }): void {
		entry.close();
		entry.listener.onError(refuse());
	}
}
