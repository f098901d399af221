/** Numbers that several threads count together, in memory that they share. A name is claimed once, by whichever thread comes first, and
 *  stays: names are of configuration (clusters, filters), so there is a bound to them; beyond it a thread counts for itself. */
export class SharedCounts {
	readonly buffer: SharedArrayBuffer;
	readonly #cells: Int32Array;
	readonly #slots: number;

	/** A buffer of another thread, or room for `slots` names. */
	constructor(source: SharedArrayBuffer | { readonly slots: number }) {
		this.buffer = "slots" in source ? new SharedArrayBuffer(source.slots * slotBytes) : source;
		this.#cells = new Int32Array(this.buffer);
		this.#slots = this.buffer.byteLength / slotBytes;
	}

	/** The number of that name, zero at first. */
	claim(name: string): SharedCount {
		const key = hashName(name);
		for (let probe = 0; probe < this.#slots; probe++) {
			const slot = (((key >>> 0) + probe) % this.#slots) * slotCells;
			const found = Atomics.compareExchange(this.#cells, slot, 0, key);
			if (found === 0 || found === key) return new SharedCount(this.#cells, slot + 1);
		}
		return new SharedCount(new Int32Array(1), 0);
	}
}

/** One number of {@link SharedCounts}. */
export class SharedCount {
	readonly #cells: Int32Array;
	readonly #index: number;

	constructor(cells: Int32Array, index: number) {
		this.#cells = cells;
		this.#index = index;
	}

	get value(): number {
		return Atomics.load(this.#cells, this.#index);
	}

	/** Adds one unless that makes more than `maximum`. */
	tryAdd(maximum: number): boolean {
		if (Atomics.add(this.#cells, this.#index, 1) < maximum) return true;
		Atomics.sub(this.#cells, this.#index, 1);
		return false;
	}

	add(amount: number): void {
		Atomics.add(this.#cells, this.#index, amount);
	}

	/** Puts `next` in the place of `expected`. @returns false when another thread was first */
	replace(expected: number, next: number): boolean {
		return Atomics.compareExchange(this.#cells, this.#index, expected, next) === expected;
	}
}

const slotCells = 2;
const slotBytes = slotCells * Int32Array.BYTES_PER_ELEMENT;

/** FNV-1a over both halves; never 0, which says that a slot is free. Two names of one hash count together: of a thousand names that
 *  happens to one pair in about ten thousand proxies. */
function hashName(name: string): number {
	let hash = 0x811c9dc5;
	for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
	return hash === 0 ? 1 : hash | 0;
}
