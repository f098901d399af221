import type { HashTable } from "./consistent-hash-balancer.ts";
import type { HostWeights } from "./host-weights.ts";
import type { BalancedHost, BalancerCount } from "./types.ts";

/** Consistent hashing with bounded loads: a host with more than its share (times the factor) of the requests in flight is passed
 *  over for one that the hash leads to next. */
export class BoundedLoadTable<H extends BalancedHost> implements HashTable<H> {
	readonly #table: HashTable<H>;
	readonly #weights: HostWeights<H>;
	readonly #shares: ReadonlyMap<H, number>;
	/** Percent of the mean. */
	readonly #factor: number;
	readonly #active: BalancerCount;

	constructor(table: HashTable<H>, weights: HostWeights<H>, factor: number, active: BalancerCount) {
		this.#table = table;
		this.#weights = weights;
		this.#shares = new Map(weights.hosts.map((host, index) => [host, weights.shares[index]!]));
		this.#factor = factor;
		this.#active = active;
	}

	pick(hash: bigint, attempt: number): H | undefined {
		const first = this.#table.pick(hash, attempt);
		if (first === undefined) return undefined;
		let best = first;
		let bestLoad = this.#loadOf(first, this.#shares.get(first)!);
		if (bestLoad <= 1) return first;
		// A walk through all hosts that depends on the hash alone: a step that shares no factor with their number.
		const { hosts, shares } = this.#weights;
		const seed = Number(hash & 0xffff_ffffn);
		const step = coprimeStep(hosts.length, seed);
		let index = seed % hosts.length;
		for (let seen = 0; seen < hosts.length; seen++) {
			const load = this.#loadOf(hosts[index]!, shares[index]!);
			if (load <= 1) return hosts[index]!;
			if (load < bestLoad) {
				best = hosts[index]!;
				bestLoad = load;
			}
			index = (index + step) % hosts.length;
		}
		return best;
	}

	/** Requests in flight against those it may have; above 1 is too many. */
	#loadOf(host: H, share: number): number {
		const slots = Math.floor(((this.#active.value + 1) * this.#factor + 99) / 100);
		return host.activeRequests / Math.max(1, Math.ceil(slots * share));
	}
}

function coprimeStep(count: number, seed: number): number {
	if (count < 3) return 1;
	let step = 1 + (Math.floor(seed / count) % (count - 1));
	while (greatestDivisor(step, count) !== 1) step = 1 + (step % (count - 1));
	return step;
}

function greatestDivisor(left: number, right: number): number {
	return right === 0 ? left : greatestDivisor(right, left % right);
}
