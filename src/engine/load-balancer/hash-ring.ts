import { MurmurHash64, type Uint64, XxHash64 } from "../hash/index.ts";
import type { HashTable } from "./consistent-hash-balancer.ts";
import type { HostWeights } from "./host-weights.ts";
import type { BalancedHost, BalancerConfig } from "./types.ts";

/** A ketama ring as Envoy builds it. Points are kept by their upper 53 bits, which tell apart what 64 bits tell apart in rings of
 *  any size that fits into memory. */
export class HashRing<H extends BalancedHost> implements HashTable<H> {
	readonly #points: Float64Array;
	readonly #owners: readonly H[];

	constructor(config: Extract<BalancerConfig, { kind: "ring-hash" }>, weights: HostWeights<H>) {
		const points = placePoints(config, weights);
		// Equal points keep the order of their hosts.
		points.sort((left, right) => left.at - right.at);
		this.#points = Float64Array.from(points, (point) => point.at);
		this.#owners = points.map((point) => point.host);
	}

	get size(): number {
		return this.#points.length;
	}

	get owners(): readonly H[] {
		return this.#owners;
	}

	/** The owner of the first point at or behind the hash; `attempt` moves on by as many points. */
	pick(hash: bigint, attempt: number): H | undefined {
		const points = this.#points;
		if (points.length === 0) return undefined;
		const wanted = Number(hash >> 11n);
		let from = 0;
		let to = points.length;
		while (from < to) {
			const middle = (from + to) >> 1;
			if (points[middle]! < wanted) from = middle + 1;
			else to = middle;
		}
		// A hash behind its point in the lower bits belongs to the next one: of no weight among 2^53 places.
		return this.#owners[(from + attempt) % points.length];
	}
}

interface Point<H> {
	readonly at: number;
	readonly host: H;
}

function placePoints<H extends BalancedHost>(
	config: Extract<BalancerConfig, { kind: "ring-hash" }>,
	{ hosts, shares, minimum }: HostWeights<H>,
): Point<H>[] {
	if (hosts.length === 0) return [];
	const hasher: { digest(text: string): Uint64 } =
		config.hashFunction === "murmur-hash-2" ? new MurmurHash64() : new XxHash64();
	// The host of the least weight gets a whole number of points, unless that makes the ring too large.
	const scale = Math.min(Math.ceil(minimum * config.minimumRingSize) / minimum, config.maximumRingSize);
	const points: Point<H>[] = [];
	let target = 0;
	for (const [index, host] of hosts.entries()) {
		target += scale * shares[index]!;
		for (let number = 0; points.length < target; number++)
			points.push({ at: hasher.digest(`${host.hashKey}_${number}`).toUpperBits(), host });
	}
	return points;
}
