import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "../core/index.ts";
import type { Store } from "./store.ts";

/** Random texts that are good once and for some time. The store has only their hashes. */
export interface OneTimeSecrets {
	/** Makes one that brings `value` to whoever shows it. */
	issue(purpose: string, value: unknown, ttlMs: number): Promise<string>;
	/** The value of one that is good, or that was redeemed by `by`; it stays as it is. */
	look(purpose: string, secret: string, by?: string): Promise<unknown>;
	/** The value, once; undefined for one that is unknown, used or too old. With `by` the same one gets it again, as long as the secret would
	 *  have been good and `forget` was not called: its answer may have been lost. */
	redeem(purpose: string, secret: string, by?: string): Promise<unknown>;
	/** What a secret is called in the store: whoever has it knows nothing of the secret. */
	nameOf(secret: string): string;
	/** Nobody gets the value of the secret of that name any more. */
	forget(purpose: string, name: string): Promise<void>;
}

/** The purpose of what nodes attest with once. */
export const joinTokenPurpose = "join-token";

interface Kept {
	readonly value: unknown;
	/** Milliseconds since the epoch. */
	readonly expiresAt: number;
	/** Who has redeemed it. */
	readonly by?: string;
}

/** Secrets that all control planes of a store share. */
export function createOneTimeSecrets(store: Store, clock: Clock): OneTimeSecrets {
	const nameOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");
	const pathOf = (purpose: string, name: string): string => `/amime/identity/once/${purpose}/${name}`;

	async function find(key: string, by: string | undefined) {
		const [item] = (await store.range({ key })).items;
		if (item === undefined) return undefined;
		const kept = JSON.parse(item.value) as Kept;
		const isGood = kept.expiresAt > clock.wall() && (kept.by === undefined || kept.by === by);
		return isGood ? { item, kept } : undefined;
	}

	return {
		async issue(purpose, value, ttlMs) {
			const secret = `${randomUUID()}-${randomBytes(8).toString("hex")}`;
			// The lease takes it away when nobody came; the time in it is what counts.
			const lease = await store.grantLease(ttlMs);
			const key = pathOf(purpose, nameOf(secret));
			const text = JSON.stringify({ value, expiresAt: clock.wall() + ttlMs });
			await store.txn({ success: [{ kind: "put", key, value: text, lease: lease.id }] });
			return secret;
		},
		async look(purpose, secret, by) {
			return (await find(pathOf(purpose, nameOf(secret)), by))?.kept.value;
		},
		async redeem(purpose, secret, by) {
			const key = pathOf(purpose, nameOf(secret));
			const found = await find(key, by);
			if (found === undefined) return undefined;
			const { item, kept } = found;
			if (kept.by !== undefined) return kept.value;
			// Of two that show it at the same time, even to two control planes, one changes it.
			const used = JSON.stringify({ ...kept, by });
			const { succeeded } = await store.txn({
				compare: [{ key, target: "modRevision", is: "equal", value: item.modRevision }],
				success: [by === undefined ? { kind: "delete", key } : { kind: "put", key, value: used, lease: item.lease }],
			});
			if (succeeded) return kept.value;
			// The same one, over another connection.
			return (await find(key, by))?.kept.by === undefined ? undefined : kept.value;
		},
		nameOf,
		async forget(purpose, name) {
			await store.txn({ success: [{ kind: "delete", key: pathOf(purpose, name) }] });
		},
	};
}
