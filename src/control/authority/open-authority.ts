import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Log } from "../../core/index.ts";
import {
	type Authority,
	type AuthorityOptions,
	type AuthorityStorage,
	createAuthority,
	openAuditFile,
	openFolderStorage,
} from "../../identity/index.ts";
import type { InstanceRegistry, Store } from "../../registry/index.ts";
import { type Holders, openHolders } from "./holder-board.ts";
import { openLeadership } from "./leadership.ts";
import { openMeshKey } from "./mesh-key.ts";
import { openStoreStorage } from "./store-storage.ts";

export interface OpenAuthorityOptions {
	/** The control plane's state folder. */
	readonly stateFolder: string;
	readonly store: Store;
	/** Whether other control planes are on the store. */
	readonly isShared: boolean;
	readonly instances: Pick<InstanceRegistry, "list" | "watch">;
	readonly trustDomain: string;
	/** Who signs issuers, and where keys are; a root of its own and the storage by default. */
	readonly parts?: Pick<AuthorityOptions, "upstream" | "keys" | "rootPublishMs">;
	readonly clock: Clock;
	readonly log: Log;
	/** Takes what is to be closed, last first. */
	readonly closers: (() => Promise<void> | void)[];
}

/** Opens the authority of a control plane: in its own folder, or in the store when it is shared; with its holders and its audit. */
export async function openAuthority(
	options: OpenAuthorityOptions,
): Promise<{ readonly authority: Authority; readonly holders: Holders; readonly isLeader: () => boolean }> {
	const { store, stateFolder, trustDomain, clock, log, closers } = options;
	const folder = join(stateFolder, "ca");
	const tools = { clock, log: log.child("authority") };
	const holders = await openHolders(store, options.instances, tools);
	closers.push(() => holders.close());
	const audit = openAuditFile(join(stateFolder, "audit", "signatures.jsonl"));
	closers.push(() => audit.close());
	const base = { trustDomain, clock, log, holders, audit, ...options.parts };
	if (!options.isShared) {
		const authority = await createAuthority({ ...base, folder });
		closers.push(() => authority.close());
		return { authority, holders, isLeader: () => true };
	}
	const meshKey = await openMeshKey(store, folder, tools);
	closers.push(() => meshKey.close());
	const storage = await openStoreStorage(store, meshKey.key, tools);
	closers.push(() => storage.close());
	await bringFolder(folder, storage, tools);
	let authority: Authority | undefined;
	const leadership = await openLeadership(store, { ...tools, onElected: () => void authority?.advance() });
	closers.push(() => leadership.close());
	authority = await createAuthority({ ...base, folder: storage, isLeader: () => leadership.isLeader() });
	closers.push(() => authority.close());
	return { authority, holders, isLeader: () => leadership.isLeader() };
}

/** A control plane that had an authority of its own brings it along, when it is the first on the store. */
async function bringFolder(
	folder: string,
	storage: AuthorityStorage,
	{ clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
	if (!existsSync(join(folder, "root.pem")) && !existsSync(join(folder, "authority.json"))) return;
	if ((await storage.load()) !== undefined) return;
	const own = openFolderStorage(folder, log, clock);
	const state = await own.load();
	if (state === undefined) return;
	const { roots, issuers, jwtKeys } = JSON.parse(state.text) as Record<string, readonly { readonly name: string }[]>;
	for (const { name } of [...(roots ?? []), ...(issuers ?? []), ...(jwtKeys ?? [])])
		await storage.writeSlot(name, await own.readSlot(name));
	if (await storage.save(state.text, 0)) log.info("authority of the folder is the store's", { folder });
}
