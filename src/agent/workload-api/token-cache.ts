import { createHash } from "node:crypto";
import { type Clock, describeError, type Log, type WorkGate } from "../../core/index.ts";
import { createSigningGate } from "../../identity/index.ts";
import type { RegistrationEntry } from "../../model/index.ts";
import { isAway, type NodeSession, type SignedToken } from "../node-identity/index.ts";

/** The tokens of a node's workloads. What one entry's workloads ask for is bounded by itself, so that they take nothing from others. */
export interface TokenCache {
	/** A token, from the cache while it has half of its life.
	 *  @throws MeshError `SIGNING_BUSY` when the entry's workloads ask for too many at a time */
	get(entry: RegistrationEntry, audiences: readonly string[]): Promise<SignedToken>;
	/** Forgets those of all other entries. */
	keepOnly(entryIds: ReadonlySet<string>): void;
	clear(): void;
}

export interface TokenCacheOptions {
	readonly session: Pick<NodeSession, "signJwt">;
	readonly clock: Clock;
	readonly log: Log;
	/** Letters of tokens that are kept for one entry; 1 MiB by default, some 1,500 tokens. */
	readonly maxLettersEach?: number;
	/** For all of them; 16 MiB by default. */
	readonly maxLetters?: number;
}

interface HeldToken {
	readonly token: SignedToken;
	/** Milliseconds since the epoch. */
	readonly refreshAt: number;
}

interface EntryTokens {
	/** By entry fields and audiences, the oldest first. */
	readonly held: Map<string, HeldToken>;
	/** Being signed: whoever wants the same waits for the same. */
	readonly asked: Map<string, Promise<SignedToken>>;
	readonly gate: WorkGate;
	letters: number;
}

/** The key and the object of a token that is kept, in letters. */
const overhead = 300;
const signing = { concurrent: 4, waiting: 128 };

export function createTokenCache(options: TokenCacheOptions): TokenCache {
	const { session, clock, log, maxLettersEach = 1024 ** 2, maxLetters = 16 * 1024 ** 2 } = options;
	const entries = new Map<string, EntryTokens>();
	let letters = 0;

	function tokensOf(entryId: string): EntryTokens {
		const known = entries.get(entryId);
		if (known !== undefined) return known;
		const made = { held: new Map(), asked: new Map(), gate: createSigningGate(signing), letters: 0 };
		entries.set(entryId, made);
		return made;
	}

	function drop(tokens: EntryTokens, key: string): void {
		const found = tokens.held.get(key);
		if (found === undefined) return;
		tokens.held.delete(key);
		tokens.letters -= found.token.token.length + overhead;
		letters -= found.token.token.length + overhead;
	}

	const dropOldest = (tokens: EntryTokens): void => drop(tokens, tokens.held.keys().next().value!);

	function findLargest(): EntryTokens {
		let largest: EntryTokens | undefined;
		for (const tokens of entries.values()) if (tokens.letters > (largest?.letters ?? 0)) largest = tokens;
		return largest!;
	}

	function keep(tokens: EntryTokens, key: string, token: SignedToken, now: number): void {
		drop(tokens, key);
		const size = token.token.length + overhead;
		while (tokens.held.size > 0 && tokens.letters + size > maxLettersEach) dropOldest(tokens);
		while (letters > 0 && letters + size > maxLetters) dropOldest(findLargest());
		tokens.held.set(key, { token, refreshAt: now + (token.expiresAt - now) / 2 });
		tokens.letters += size;
		letters += size;
	}

	async function renew(
		tokens: EntryTokens,
		key: string,
		entry: RegistrationEntry,
		audiences: readonly string[],
	): Promise<SignedToken> {
		const now = clock.wall();
		try {
			const token = await tokens.gate.run(() => session.signJwt(entry.id, audiences));
			// The entry may have gone meanwhile.
			if (entries.get(entry.id) === tokens) keep(tokens, key, token, now);
			return token;
		} catch (error) {
			const held = tokens.held.get(key);
			if (held === undefined || held.token.expiresAt <= clock.wall() || !isAway(error)) throw error;
			log.warn("token not renewed, the old one is good still", { reason: describeError(error) });
			return held.token;
		}
	}

	return {
		async get(entry, audiences) {
			const tokens = tokensOf(entry.id);
			const key = keyOf(entry, audiences);
			const held = tokens.held.get(key);
			if (held !== undefined && clock.wall() < held.refreshAt) return held.token;
			const known = tokens.asked.get(key);
			if (known !== undefined) return known;
			const asked = renew(tokens, key, entry, audiences).finally(() => tokens.asked.delete(key));
			tokens.asked.set(key, asked);
			return asked;
		},
		keepOnly(entryIds) {
			for (const [id, tokens] of entries) {
				if (entryIds.has(id)) continue;
				entries.delete(id);
				letters -= tokens.letters;
			}
		},
		clear() {
			entries.clear();
			letters = 0;
		},
	};
}

/** A digest: audiences are as long as who asks wants them. */
function keyOf({ spiffeId, jwtTtlMs }: RegistrationEntry, audiences: readonly string[]): string {
	const text = JSON.stringify([spiffeId, jwtTtlMs ?? 0, [...audiences].sort()]);
	return createHash("sha256").update(text).digest("base64url");
}
