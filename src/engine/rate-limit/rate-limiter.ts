import type { Millis } from "../../core/index.ts";
import type { Descriptor, DescriptorEntry } from "./descriptors.ts";
import { TokenBucket, type TokenBucketConfig } from "./token-bucket.ts";

/** The buckets of a local rate limit. */
export interface RateLimiterConfig {
	/** Undefined: what no descriptor limits is not limited. */
	readonly bucket: TokenBucketConfig | undefined;
	/** Buckets for requests with these descriptors. An entry without a value takes any value, with a bucket for each. */
	readonly descriptors: readonly {
		readonly entries: readonly DescriptorEntry[];
		readonly bucket: TokenBucketConfig;
		/** Counts, and lets requests pass. */
		readonly isShadow: boolean;
	}[];
	readonly alwaysConsumesDefault: boolean;
	/** Bound on the buckets that one descriptor with free values keeps; the longest unused goes. */
	readonly maxDynamicDescriptors: number;
}

/** What a limiter says of a request. */
export interface RateLimitVerdict {
	readonly isAllowed: boolean;
	/** The bucket that decided, or the strictest one that let it pass; undefined when nothing limits the request. */
	readonly bucket: TokenBucket | undefined;
	readonly isShadow: boolean;
	readonly headers: Descriptor["headers"];
}

export interface RateLimiter {
	check(descriptors: readonly Descriptor[], now: Millis): RateLimitVerdict;
}

interface Match {
	readonly bucket: TokenBucket;
	readonly isShadow: boolean;
	readonly descriptor: Descriptor;
}

/** Makes a limiter with full buckets. */
export function createRateLimiter(config: RateLimiterConfig, now: Millis): RateLimiter {
	const fallback = config.bucket === undefined ? undefined : new TokenBucket(config.bucket, now);
	const fixed = new Map<string, { readonly bucket: TokenBucket; readonly isShadow: boolean }>();
	const dynamic: DynamicBuckets[] = [];
	for (const { entries, bucket, isShadow } of config.descriptors) {
		if (entries.some(({ value }) => value === "")) {
			dynamic.push(new DynamicBuckets(entries, bucket, isShadow, config.maxDynamicDescriptors));
		} else {
			fixed.set(keyOf(entries), { bucket: new TokenBucket(bucket, now), isShadow });
		}
	}
	const find = (descriptor: Descriptor, at: Millis): Match | undefined => {
		const known = fixed.get(keyOf(descriptor.entries));
		if (known !== undefined) return { ...known, descriptor };
		for (const buckets of dynamic) {
			const bucket = buckets.find(descriptor.entries, at);
			if (bucket !== undefined) return { bucket, isShadow: buckets.isShadow, descriptor };
		}
		return undefined;
	};
	return {
		check(descriptors, at) {
			const matches = descriptors.flatMap((descriptor) => find(descriptor, at) ?? []);
			// The one that fills slowest is asked first, so that a refused request takes nothing from the others.
			matches.sort((a, b) => a.bucket.fillRate - b.bucket.fillRate);
			for (const { bucket, isShadow, descriptor } of matches) {
				if (bucket.consume(descriptor.hits ?? 1, at)) continue;
				return { isAllowed: false, bucket, isShadow, headers: descriptor.headers };
			}
			const first = matches[0];
			if ((first === undefined || config.alwaysConsumesDefault) && fallback !== undefined && !fallback.consume(1, at)) {
				return { isAllowed: false, bucket: fallback, isShadow: false, headers: "unspecified" };
			}
			return {
				isAllowed: true,
				bucket: first?.bucket ?? fallback,
				isShadow: first?.isShadow ?? false,
				headers: first?.descriptor.headers ?? "unspecified",
			};
		},
	};
}

/** Buckets of one descriptor with free values, by what the values were. */
class DynamicBuckets {
	readonly isShadow: boolean;
	readonly #entries: readonly DescriptorEntry[];
	readonly #config: TokenBucketConfig;
	readonly #bound: number;
	/** In the order of their last use. */
	readonly #buckets = new Map<string, TokenBucket>();

	constructor(entries: readonly DescriptorEntry[], config: TokenBucketConfig, isShadow: boolean, bound: number) {
		this.#entries = entries;
		this.#config = config;
		this.isShadow = isShadow;
		this.#bound = bound;
	}

	find(entries: readonly DescriptorEntry[], now: Millis): TokenBucket | undefined {
		if (entries.length !== this.#entries.length) return undefined;
		for (const [index, wanted] of this.#entries.entries()) {
			const given = entries[index]!;
			if (given.key !== wanted.key || (wanted.value !== "" && wanted.value !== given.value)) return undefined;
		}
		const key = keyOf(entries);
		const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#config, now);
		this.#buckets.delete(key);
		this.#buckets.set(key, bucket);
		if (this.#buckets.size > this.#bound) this.#buckets.delete(this.#buckets.keys().next().value!);
		return bucket;
	}
}

function keyOf(entries: readonly DescriptorEntry[]): string {
	return JSON.stringify(entries.map(({ key, value }) => [key, value]));
}
