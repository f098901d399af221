import type { Millis } from "../../core/index.ts";
import { QuotaBucket, type QuotaFallback } from "./quota-bucket.ts";

/** How many of the oldest are looked at for one that has not been used for long. */
const candidates = 8;

/** The buckets of one quota service, by name: at most so many, and the ones that are not used make room. */
export class QuotaBuckets {
	readonly #bound: number;
	readonly #buckets = new Map<string, QuotaBucket>();

	/** @param bound how many are kept */
	constructor(bound: number) {
		this.#bound = bound;
	}

	get size(): number {
		return this.#buckets.size;
	}

	/** The bucket of a name that {@link quotaKey} made. */
	get(key: string): QuotaBucket | undefined {
		return this.#buckets.get(key);
	}

	/** Adds a bucket that is not there. */
	add(key: string, id: Readonly<Record<string, string>>, fallback: QuotaFallback, now: Millis): QuotaBucket {
		if (this.#buckets.size >= this.#bound) this.#makeRoom();
		const bucket = new QuotaBucket(id, fallback, now);
		this.#buckets.set(key, bucket);
		return bucket;
	}

	delete(key: string): void {
		this.#buckets.delete(key);
	}

	values(): Iterable<QuotaBucket> {
		return this.#buckets.values();
	}

	/** Of the oldest the longest unused goes; the others go to the end, so that the next ones are looked at the next time. */
	#makeRoom(): void {
		let victim: string | undefined;
		let usedAt = Number.POSITIVE_INFINITY;
		const seen: [string, QuotaBucket][] = [];
		for (const entry of this.#buckets) {
			seen.push(entry);
			if (entry[1].usedAt < usedAt) [victim, usedAt] = [entry[0], entry[1].usedAt];
			if (seen.length === candidates) break;
		}
		for (const [key, bucket] of seen) {
			this.#buckets.delete(key);
			if (key !== victim) this.#buckets.set(key, bucket);
		}
	}
}

/** One text for one name, whatever the order of its entries. */
export function quotaKey(id: Readonly<Record<string, string>>): string {
	let text = "";
	for (const name of Object.keys(id).sort()) text += `${name}\u0000${id[name]}\u0000`;
	return text;
}
