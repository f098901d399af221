import { xxHash64 } from "../hash/index.ts";
import type { HashTable } from "./consistent-hash-balancer.ts";
import type { HostWeights } from "./host-weights.ts";
import type { BalancedHost } from "./types.ts";

const all64 = 0xffff_ffff_ffff_ffffn;

/** Maglev's lookup table as Envoy fills it, weights included. */
export class MaglevTable<H extends BalancedHost> implements HashTable<H> {
	readonly #hosts: readonly H[];
	/** Place in the table to number of the host. */
	readonly #table: Int32Array;
	readonly #modulus: bigint;

	constructor(tableSize: number, weights: HostWeights<H>) {
		this.#modulus = BigInt(tableSize);
		const entries = weights.hosts
			.map((host, index) => ({ host, share: weights.shares[index]! }))
			.sort((left, right) => (left.host.hashKey < right.host.hashKey ? -1 : 1));
		this.#hosts = entries.map((entry) => entry.host);
		this.#table =
			entries.length === 0
				? new Int32Array(0)
				: fillTable(
						tableSize,
						entries.map(({ host }) => host.hashKey),
						entries.map(({ share }) => share),
						weights.maximum,
					);
	}

	get size(): number {
		return this.#table.length;
	}

	get owners(): readonly H[] {
		return Array.from(this.#table, (index) => this.#hosts[index]!);
	}

	pick(hash: bigint, attempt: number): H | undefined {
		if (this.#table.length === 0) return undefined;
		// Another attempt flips most bits, so that attempts do not stay close together.
		const key = attempt === 0 ? hash : hash ^ (all64 - BigInt(attempt) + 1n);
		return this.#hosts[this.#table[Number(key % this.#modulus)]!];
	}
}

/** Each host in turn takes the next free place of its own permutation; lighter hosts miss turns. */
function fillTable(size: number, keys: readonly string[], shares: readonly number[], maximum: number): Int32Array {
	const table = new Int32Array(size).fill(-1);
	const places = keys.map((key) => Number(xxHash64(key) % BigInt(size)));
	const skips = keys.map((key) => Number((xxHash64(key, 1) % BigInt(size - 1)) + 1n));
	const targets = new Float64Array(keys.length);
	let filled = 0;
	for (let round = 1; filled < size; round++) {
		for (let index = 0; index < keys.length && filled < size; index++) {
			if (round * shares[index]! < targets[index]!) continue;
			targets[index]! += maximum;
			let place = places[index]!;
			while (table[place] !== -1) place = (place + skips[index]!) % size;
			table[place] = index;
			places[index] = (place + skips[index]!) % size;
			filled++;
		}
	}
	return table;
}
