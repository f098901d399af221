/** A key and its value at one revision, as etcd v3 keeps them. */
export interface KeyValue {
	readonly key: string;
	readonly value: string;
	/** Revision that made the key. */
	readonly createRevision: number;
	/** Revision that last changed it. */
	readonly modRevision: number;
	/** Changes since it was made, 1 at first. */
	readonly version: number;
	/** The lease it lives by; 0 for none. */
	readonly lease: LeaseId;
}

/** The name of a lease; 0 is none. */
export type LeaseId = number;

/** One condition of a transaction on one key. An absent key has createRevision, modRevision and version 0, and no value. */
export type Compare =
	| { readonly key: string; readonly target: "value"; readonly is: Comparison; readonly value: string }
	| {
			readonly key: string;
			readonly target: "version" | "createRevision" | "modRevision";
			readonly is: Comparison;
			readonly value: number;
	  };

/** That there is no such key. */
export function isAbsent(key: string): Compare {
	return { key, target: "createRevision", is: "equal", value: 0 };
}

export type Comparison = "equal" | "not-equal" | "greater" | "less";

/** One step of a transaction. A delete takes a key, or every key with a prefix. */
export type Operation =
	| { readonly kind: "put"; readonly key: string; readonly value: string; readonly lease?: LeaseId }
	| { readonly kind: "delete"; readonly key: string }
	| { readonly kind: "delete-prefix"; readonly prefix: string };

/** What a transaction did. */
export interface TxnResult {
	/** Whether every condition held, and so which branch ran. */
	readonly succeeded: boolean;
	/** The store's revision afterwards. All changes of a transaction have this one revision; without a change it is as before. */
	readonly revision: number;
	/** Keys deleted. */
	readonly deleted: number;
}

/** Keys to read: one, or all with a prefix. */
export type RangeSelector = { readonly key: string } | { readonly prefix: string };

/** What a range held. */
export interface RangeResult {
	/** In the order of the keys' bytes. */
	readonly items: readonly KeyValue[];
	/** The store's newest revision. */
	readonly revision: number;
}

/** One change of one key. */
export type WatchEvent =
	| { readonly kind: "put"; readonly item: KeyValue }
	| { readonly kind: "delete"; readonly key: string; readonly modRevision: number };

/** The changes of one revision that a watch asked for, in order. */
export interface WatchBatch {
	readonly revision: number;
	readonly events: readonly WatchEvent[];
}

/** Who receives a watch. Callbacks come in the order of revisions, never before `watch` has returned. */
export interface WatchListener {
	/** Every batch once; revisions rise. */
	onBatch(batch: WatchBatch): void;
	/** The watch is over: `STORE_COMPACTED` when its revision is no longer kept (range again and watch from there), or
	 *  `STORE_UNAVAILABLE`. */
	onError(error: Error): void;
}

/** An open watch. */
export interface Watch {
	/** Ends the watch; nothing is called afterwards. */
	close(): void;
}

/** A lease as it stands. */
export interface Lease {
	readonly id: LeaseId;
	readonly ttlMs: number;
}

/** The state of a control plane, with etcd's semantics: one revision a transaction, history that can be watched, keys that die
 *  with their lease. Calls reject with MeshError `STORE_…` (docs/reference/errors.md). */
export interface Store {
	/** Reads keys, newest or as they were at a revision.
	 *  @throws MeshError `STORE_COMPACTED` for a revision no longer kept, `STORE_FUTURE_REVISION` for one not yet there */
	range(selector: RangeSelector, options?: { readonly revision?: number }): Promise<RangeResult>;
	/** Runs `success` when every condition holds, else `failure`; all of it or nothing.
	 *  @throws MeshError `STORE_LEASE_NOT_FOUND` when a put names a lease that is not there; `STORE_DUPLICATE_KEY` when one key
	 *  is put twice */
	txn(transaction: {
		readonly compare?: readonly Compare[];
		readonly success: readonly Operation[];
		readonly failure?: readonly Operation[];
	}): Promise<TxnResult>;
	/** Tells every change of keys with a prefix (or of one key) from `fromRevision` on; from the next one when absent. */
	watch(selector: RangeSelector, listener: WatchListener, options?: { readonly fromRevision?: number }): Watch;
	/** Makes a lease that ends after `ttlMs` without a keep-alive. */
	grantLease(ttlMs: number): Promise<Lease>;
	/** Starts the lease's time anew.
	 *  @throws MeshError `STORE_LEASE_NOT_FOUND` */
	keepAlive(lease: LeaseId): Promise<Lease>;
	/** Ends a lease and deletes its keys, in one revision. A lease that is not there is no error. */
	revoke(lease: LeaseId): Promise<void>;
	/** Forgets what was before `revision`: reads and watches from before it fail with `STORE_COMPACTED`. */
	compact(revision: number): Promise<void>;
	/** Closes watches and files. */
	close(): Promise<void>;
}
