import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { MeshError } from "../../core/index.ts";
import { createLocalKey, type SigningKey } from "../x509/index.ts";
import type { AuthorityStorage } from "./authority-storage.ts";
import { damaged } from "./folder-storage.ts";

/** Keys of an authority that are elsewhere, in a device behind a plugin (as PKCS #11 has it). */
export interface KeyProvider {
	/** Makes a key (ECDSA P-256) under a name that no other key has had.
	 *  @throws MeshError `KEY_PLUGIN_UNAVAILABLE`, `KEY_PLUGIN_REFUSED` */
	create(name: string): Promise<SigningKey>;
	/** The key of that name. With its public half nothing is asked before the first signature.
	 *  @throws MeshError as `create` */
	open(name: string, publicKey: KeyObject | undefined): Promise<SigningKey>;
	remove(name: string): Promise<void>;
	/** Looks whether it answers; `status` says what came of it. */
	probe(): Promise<void>;
	status(): KeyStatus;
	close(): void;
}

/** Where new keys of an authority go. */
export interface KeyStatus {
	/** For people. */
	readonly place: string;
	/** Why it cannot be used now. */
	readonly problem?: string;
}

/** A slot as its key is concerned. */
export interface KeySlot {
	readonly name: string;
	/** Where its key is; beside its certificates when this is absent. */
	readonly keyIn?: "plugin";
}

/** The keys of an authority: new ones go to its plugin when it has one, older ones stay where they are. */
export interface AuthorityKeys {
	/** What is to be written into the slots of new keys. */
	readonly slotFields: Pick<KeySlot, "keyIn">;
	create(name: string): Promise<SigningKey>;
	/** @throws MeshError `AUTHORITY_DAMAGED`, `KEY_PLUGIN_MISSING` and what the plugin throws */
	open(slot: KeySlot, publicKey: KeyObject | undefined): Promise<SigningKey>;
	/** Removes what does not go with the slot itself. */
	remove(slot: KeySlot): Promise<void>;
	status(): KeyStatus;
}

/** Keys as PEM beside their certificates, and those of a plugin. */
export function createAuthorityKeys(storage: AuthorityStorage, plugin: KeyProvider | undefined): AuthorityKeys {
	const pluginOf = ({ name }: KeySlot): KeyProvider => {
		if (plugin !== undefined) return plugin;
		throw new MeshError(
			"KEY_PLUGIN_MISSING",
			`certificate authority ${storage.place}: the key of ${name} is in a key plugin: start the control plane with --key-plugin, as it was when the key was made`,
		);
	};
	return {
		slotFields: plugin === undefined ? {} : { keyIn: "plugin" },
		create: (name) => plugin?.create(name) ?? createStored(storage, name),
		async open(slot, publicKey) {
			if (slot.keyIn === "plugin") return pluginOf(slot).open(slot.name, publicKey);
			const pem = await storage.readKey(slot.name);
			try {
				return createLocalKey(createPrivateKey(pem));
			} catch {
				// The cause is left out: a message of the parser must never carry a piece of the key.
				throw damaged(storage.place, `${slot.name}.key`, "damaged private key");
			}
		},
		async remove(slot) {
			if (slot.keyIn === "plugin") await pluginOf(slot).remove(slot.name);
		},
		status: () => plugin?.status() ?? { place: storage.place },
	};
}

async function createStored(storage: AuthorityStorage, name: string): Promise<SigningKey> {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	await storage.writeSlot(name, { privateKey: pem });
	return createLocalKey(privateKey);
}
