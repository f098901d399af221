import {
	createCipheriv,
	createDecipheriv,
	createHash,
	createPrivateKey,
	createPublicKey,
	diffieHellman,
	generateKeyPairSync,
	hkdfSync,
	type KeyObject,
	randomBytes,
} from "node:crypto";
import { MeshError } from "../../core/index.ts";

/** Text under a key of 32 bytes: AES-256-GCM, as `nonce.tag.ciphertext` in base64url. `place` is authenticated: what was sealed for one
 *  key of the store is not opened at another. */
export function seal(key: Uint8Array, place: string, text: string): string {
	const nonce = randomBytes(12);
	const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
	const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
	return [nonce, cipher.getAuthTag(), sealed].map((part) => part.toString("base64url")).join(".");
}

/** @throws MeshError `AUTHORITY_SEALED` when it is not what this key sealed for this place */
export function unseal(key: Uint8Array, place: string, sealed: string): string {
	try {
		const [nonce, tag, data] = sealed.split(".").map((part) => Buffer.from(part, "base64url"));
		const cipher = createDecipheriv("aes-256-gcm", key, nonce!, { authTagLength: 16 }).setAAD(Buffer.from(place));
		cipher.setAuthTag(tag!);
		return Buffer.concat([cipher.update(data!), cipher.final()]).toString("utf8");
	} catch {
		throw new MeshError("AUTHORITY_SEALED", `${place} of the store cannot be opened with this control plane's key`);
	}
}

/** A key pair (X25519) by which a control plane is given the key of the mesh. */
export interface MemberKey {
	/** Names it in the store. */
	readonly id: string;
	/** PEM. */
	readonly publicKey: string;
	readonly privateKey: KeyObject;
}

/** Makes a key pair; its private half goes into a file as PEM. */
export function createMemberKey(): { readonly member: MemberKey; readonly pem: string } {
	const { privateKey } = generateKeyPairSync("x25519");
	const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	return { member: readMemberKey(pem), pem };
}

/** Reads the private half. */
export function readMemberKey(pem: string): MemberKey {
	const privateKey = createPrivateKey(pem);
	const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
	return { id: createHash("sha256").update(publicKey).digest("hex").slice(0, 16), publicKey, privateKey };
}

/** Seals a key for whoever holds the private half: an ephemeral X25519 key, HKDF-SHA256, AES-256-GCM. */
export function sealFor(publicKeyPem: string, place: string, key: Uint8Array): string {
	const ephemeral = generateKeyPairSync("x25519");
	const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: createPublicKey(publicKeyPem) });
	const sealed = seal(deriveKey(shared, place), place, Buffer.from(key).toString("base64url"));
	return `${ephemeral.publicKey.export({ type: "spki", format: "der" }).toString("base64url")}.${sealed}`;
}

/** @throws MeshError `AUTHORITY_SEALED` */
export function unsealFor(member: MemberKey, place: string, text: string): Buffer {
	const [ephemeral = "", ...sealed] = text.split(".");
	let shared: Buffer;
	try {
		const publicKey = createPublicKey({ key: Buffer.from(ephemeral, "base64url"), format: "der", type: "spki" });
		shared = diffieHellman({ privateKey: member.privateKey, publicKey });
	} catch (cause) {
		throw new MeshError("AUTHORITY_SEALED", `${place} of the store is damaged`, { cause });
	}
	return Buffer.from(unseal(deriveKey(shared, place), place, sealed.join(".")), "base64url");
}

function deriveKey(shared: Uint8Array, place: string): Uint8Array {
	return new Uint8Array(hkdfSync("sha256", shared, Buffer.alloc(0), `amime member key ${place}`, 32));
}
