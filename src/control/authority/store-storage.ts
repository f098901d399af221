import { type Clock, type Log, MeshError } from "../../core/index.ts";
import type { AuthorityStorage, StoredSlot } from "../../identity/index.ts";
import { openRecordSet, type Store } from "../../registry/index.ts";
import { seal, unseal } from "./sealing.ts";

const prefix = "/amime/authority/shared/";
const statePlace = `${prefix}state`;
const slotPrefix = "/amime/authority/slots/";

/** An authority in a store that control planes share. Private keys lie there sealed with the mesh's key. */
export async function openStoreStorage(
	store: Store,
	meshKey: Uint8Array,
	{ clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<AuthorityStorage & { close(): void }> {
	const watched = await openRecordSet<unknown>(store, { prefix, parse: (value) => value, clock, log });
	const readSlot = async (name: string): Promise<StoredSlot> => {
		const [item] = (await store.range({ key: slotPrefix + name })).items;
		if (item === undefined) throw damaged(name, "missing");
		const slot = JSON.parse(item.value) as StoredSlot;
		const { privateKey } = slot;
		return privateKey === undefined ? slot : { ...slot, privateKey: unseal(meshKey, slotPrefix + name, privateKey) };
	};
	return {
		place: "store",
		async load() {
			const [item] = (await store.range({ key: statePlace })).items;
			return item === undefined ? undefined : { text: item.value, revision: item.modRevision };
		},
		async save(text, revision) {
			const { succeeded } = await store.txn({
				compare: [{ key: statePlace, target: "modRevision", is: "equal", value: revision }],
				success: [{ kind: "put", key: statePlace, value: text }],
			});
			return succeeded;
		},
		async writeSlot(name, slot) {
			const key = slotPrefix + name;
			const [item] = (await store.range({ key })).items;
			const before = item === undefined ? {} : (JSON.parse(item.value) as StoredSlot);
			const { privateKey, certificates } = slot;
			const value = {
				...before,
				...(certificates !== undefined && { certificates }),
				...(privateKey !== undefined && { privateKey: seal(meshKey, key, privateKey) }),
			};
			await store.txn({ success: [{ kind: "put", key, value: JSON.stringify(value) }] });
		},
		readSlot,
		async readKey(name) {
			const { privateKey } = await readSlot(name);
			if (privateKey === undefined) throw damaged(name, "has no private key");
			return privateKey;
		},
		async removeSlot(name) {
			await store.txn({ success: [{ kind: "delete", key: slotPrefix + name }] });
		},
		onChange: (listener) => watched.watch(listener),
		close: () => watched.close(),
	};
}

function damaged(name: string, fault: string): MeshError {
	return new MeshError(
		"AUTHORITY_DAMAGED",
		`certificate authority in the store: slot ${name} ${fault}; restore the store from a backup`,
	);
}
