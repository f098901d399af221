import { randomBytes } from "node:crypto";
import {
	closeSync,
	existsSync,
	fsyncSync,
	mkdirSync,
	openSync,
	readFileSync,
	renameSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Clock, describeError, type Log, MeshError } from "../../core/index.ts";
import { isAbsent, openRecordSet, type RecordSet, type Store } from "../../registry/index.ts";
import { createMemberKey, type MemberKey, readMemberKey, sealFor, unsealFor } from "./sealing.ts";

/** The key that seals private keys in a store which control planes share. */
export interface MeshKey {
	readonly key: Uint8Array;
	close(): void;
}

interface Member {
	readonly id: string;
	readonly publicKey: string;
	/** The mesh's key for it; absent until a control plane that has it sees the request. */
	readonly sealedKey?: string;
}

const prefix = "/amime/authority/members/";
const madeKey = "/amime/authority/mesh-key";
const askMs = 200;
const patienceMs = 20_000;

/** The mesh's key: made by the first control plane on a store, and handed to each further one by those that have it, sealed for a key pair
 *  that never leaves its folder. Whoever may write to the store may join: it holds the config of the mesh as well.
 *  @throws MeshError `AUTHORITY_SEALED` when nobody who has the key answers */
export async function openMeshKey(
	store: Store,
	folder: string,
	{ clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<MeshKey> {
	const member = openMemberKey(folder);
	const members = await openRecordSet<Member>(store, { prefix, parse: parseMember, clock, log });
	try {
		const key = await obtain(store, members, member, clock);
		const admit = (): void => {
			for (const other of members.list()) {
				if (other.sealedKey !== undefined || other.id === member.id) continue;
				const sealedKey = sealFor(other.publicKey, prefix + other.id, key);
				members.put(other.id, { ...other, sealedKey }).then(
					() => log.info("control plane has the mesh's key", { member: other.id }),
					(error: unknown) => log.warn("control plane not given the mesh's key", { error: describeError(error) }),
				);
			}
		};
		members.watch(admit);
		admit();
		return { key, close: () => members.close() };
	} catch (error) {
		members.close();
		throw error;
	}
}

async function obtain(store: Store, members: RecordSet<Member>, member: MemberKey, clock: Clock): Promise<Buffer> {
	const place = prefix + member.id;
	const { id, publicKey } = member;
	const known = members.get(id)?.sealedKey;
	if (known !== undefined) return unsealFor(member, place, known);
	const key = randomBytes(32);
	const own: Member = { id, publicKey, sealedKey: sealFor(publicKey, place, key) };
	const { succeeded } = await store.txn({
		compare: [isAbsent(madeKey)],
		success: [
			{ kind: "put", key: madeKey, value: id },
			{ kind: "put", key: place, value: JSON.stringify(own) },
		],
	});
	if (succeeded) return key;
	await members.put(id, { id, publicKey });
	for (let waited = 0; waited < patienceMs; waited += askMs) {
		const sealed = members.get(id)?.sealedKey;
		if (sealed !== undefined) return unsealFor(member, place, sealed);
		await new Promise<void>((resolve) => void clock.setTimer(askMs, resolve));
	}
	throw new MeshError(
		"AUTHORITY_SEALED",
		"no control plane that has the mesh's key answers on this store: start one of those that ran on it before, with its state folder",
	);
}

function openMemberKey(folder: string): MemberKey {
	const path = join(folder, "member.key");
	if (existsSync(path)) {
		try {
			return readMemberKey(readFileSync(path, "utf8"));
		} catch {
			// The cause is left out: a message of the parser must never carry a piece of the key.
			throw new MeshError("AUTHORITY_DAMAGED", `${path}: damaged private key; move it away and another is made`);
		}
	}
	const { member, pem } = createMemberKey();
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	const file = openSync(`${path}.tmp`, "w", 0o600);
	writeFileSync(file, pem);
	fsyncSync(file);
	closeSync(file);
	renameSync(`${path}.tmp`, path);
	return member;
}

function parseMember(value: unknown): Member | undefined {
	const member = value as Member | undefined;
	return typeof member?.id === "string" && typeof member.publicKey === "string" ? member : undefined;
}
