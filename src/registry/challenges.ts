import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../core/index.ts";
import { isAbsent, type Store } from "./store.ts";

/** Texts for others to sign, known again by every control plane of a store. Only one that was answered is written down: asking for them,
 *  which anybody may, fills nothing. */
export interface Challenges {
	/** A text for `subject`, good until `ttlMs` have passed. */
	issue(subject: string, ttlMs: number): Promise<string>;
	/** Whether it was issued for the subject here, is in time and was not used. */
	isGood(challenge: string, subject: string): Promise<boolean>;
	/** Makes a good one good no more; false when another was quicker. */
	use(challenge: string): Promise<boolean>;
}

const keyPath = "/amime/identity/challenge-key";
/** A used one is known longer than any clock says that it is good. */
const skewMs = 60_000;

/** A challenge is `nonce.end.mac`. The key of the MAC is in the store as it is: whoever reads it there can make challenges, which are worth
 *  nothing without the key of a node. */
export function createChallenges(store: Store, clock: Clock): Challenges {
	let key: Promise<Buffer> | undefined;

	const openKey = (): Promise<Buffer> => {
		key ??= obtainKey(store).catch((error: unknown) => {
			key = undefined;
			throw error;
		});
		return key;
	};
	const format = async (nonce: string, end: string, subject: string): Promise<string> => {
		const text = `${nonce}.${end}`;
		const mac = createHmac("sha256", await openKey())
			.update(`${text}.${subject}`)
			.digest("base64url");
		return `${text}.${mac}`;
	};
	const usedPath = (challenge: string): string =>
		`/amime/identity/answered/${createHash("sha256").update(challenge).digest("hex")}`;

	return {
		issue: (subject, ttlMs) => format(randomBytes(16).toString("hex"), String(clock.wall() + ttlMs), subject),
		async isGood(challenge, subject) {
			const [nonce = "", end = ""] = challenge.split(".");
			if (!isSame(challenge, await format(nonce, end, subject)) || Number(end) <= clock.wall()) return false;
			return (await store.range({ key: usedPath(challenge) })).items.length === 0;
		},
		async use(challenge) {
			const left = Math.max(Number(challenge.split(".")[1]) - clock.wall(), 0);
			const lease = await store.grantLease(left + skewMs);
			const path = usedPath(challenge);
			// Of two that answer it at the same time, even to two control planes, one writes it.
			const { succeeded } = await store.txn({
				compare: [isAbsent(path)],
				success: [{ kind: "put", key: path, value: "", lease: lease.id }],
			});
			return succeeded;
		},
	};
}

async function obtainKey(store: Store): Promise<Buffer> {
	const made = randomBytes(32).toString("base64url");
	const { succeeded } = await store.txn({
		compare: [isAbsent(keyPath)],
		success: [{ kind: "put", key: keyPath, value: made }],
	});
	const known = succeeded ? made : (await store.range({ key: keyPath })).items[0]?.value;
	return Buffer.from(known ?? made, "base64url");
}

function isSame(left: string, right: string): boolean {
	const [first, second] = [Buffer.from(left), Buffer.from(right)];
	return first.length === second.length && timingSafeEqual(first, second);
}
