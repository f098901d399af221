import { MeshError } from "../core/index.ts";
import type { Store } from "../registry/index.ts";

const key = "/amime/authority/roots";

/** Says in a store that control planes share which roots they sign under: the first one writes its own, the others must have the same.
 *  Two roots in one mesh would refuse each other's workloads.
 *  @param folder of this control plane's authority, for the message
 *  @throws MeshError `AUTHORITY_FOREIGN` */
export async function claimAuthority(store: Store, bundlePem: string, folder: string): Promise<void> {
	const { succeeded } = await store.txn({
		compare: [{ key, target: "createRevision", is: "equal", value: 0 }],
		success: [{ kind: "put", key, value: bundlePem }],
	});
	if (succeeded) return;
	const [claimed] = (await store.range({ key })).items;
	if (claimed === undefined || claimed.value === bundlePem) return;
	throw new MeshError(
		"AUTHORITY_FOREIGN",
		`the authority in ${folder} is not the one of the control planes on this store: replace the folder by a copy of theirs, readable by its owner only, or give another prefix behind the store's address`,
	);
}
