/** What is kept under the name of a slot. */
export interface StoredSlot {
	/** PEM: of an issuer the chain up to its root, of a root slot its roots; absent for JWT keys. */
	readonly certificates?: string;
	/** PEM, PKCS #8; absent for keys that are elsewhere. */
	readonly privateKey?: string;
}

/** Where an authority keeps its slots. Several processes may share one: whoever saves first wins, the others load again. */
export interface AuthorityStorage {
	/** The newest state (JSON) with the revision to save over; undefined when there is none. */
	load(): Promise<{ readonly text: string; readonly revision: number } | undefined>;
	/** Replaces the state of that revision (0: there is none); false when another one was faster. */
	save(text: string, revision: number): Promise<boolean>;
	/** Keeps a slot under a name that no other slot has had. It is there before a state names it. */
	writeSlot(name: string, slot: StoredSlot): Promise<void>;
	/** @throws MeshError `AUTHORITY_DAMAGED`, `AUTHORITY_FOLDER` */
	readSlot(name: string): Promise<StoredSlot>;
	/** The private key alone.
	 *  @throws MeshError as `readSlot` */
	readKey(name: string): Promise<string>;
	removeSlot(name: string): Promise<void>;
	/** Calls back when somebody else has saved; returns how to stop. */
	onChange(listener: () => void): () => void;
	/** How the place is called in messages. */
	readonly place: string;
}
