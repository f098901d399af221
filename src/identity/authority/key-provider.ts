import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { createLocalKey, type SigningKey } from "../x509/index.ts";
import type { AuthorityStorage } from "./authority-storage.ts";
import { damaged } from "./folder-storage.ts";

/** Where the authority's private keys are: in its storage, or in a device behind a plugin (as PKCS #11 has it). */
export interface KeyProvider {
	/** Makes a key (ECDSA P-256) under a name that no other key has had. */
	create(name: string): Promise<SigningKey>;
	/** The key of that name.
	 *  @throws MeshError `AUTHORITY_DAMAGED`, `AUTHORITY_PLUGIN` */
	open(name: string): Promise<SigningKey>;
	remove(name: string): Promise<void>;
	/** Whether slots have a private key of their own beside them. */
	readonly isLocal: boolean;
}

/** Keys as PEM beside their certificates. */
export function createStoredKeys(storage: AuthorityStorage): KeyProvider {
	return {
		isLocal: true,
		async create(name) {
			const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
			const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
			await storage.writeSlot(name, { privateKey: pem });
			return createLocalKey(privateKey);
		},
		async open(name) {
			const pem = await storage.readKey(name);
			try {
				return createLocalKey(createPrivateKey(pem));
			} catch {
				// The cause is left out: a message of the parser must never carry a piece of the key.
				throw damaged(storage.place, `${name}.key`, "damaged private key");
			}
		},
		// Goes with its slot.
		remove: async () => undefined,
	};
}
