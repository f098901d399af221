const initialSlots = 16;
/** Tables up to this size are kept when their entries go: they will come again. */
const keptSlots = 256;
/** No key: keys are not negative. */
const free = -1;

/** A map from whole numbers below 2^53 to values that come and go all the time, such as streams of a connection by their identifiers.
 *  For those the language's Map is a trap: a table that it has outgrown keeps pointing to the one behind it, and once one of them has
 *  got old, minor collections take everything that was ever in a later one for alive. */
export class NumberMap<Value> {
	/** Open addressing, linear probing; at most half of the slots are taken. */
	#keys = new Float64Array(initialSlots).fill(free);
	#values: (Value | undefined)[] = new Array<Value | undefined>(initialSlots).fill(undefined);
	#size = 0;

	get size(): number {
		return this.#size;
	}

	get(key: number): Value | undefined {
		return this.#values[this.#find(key)];
	}

	has(key: number): boolean {
		return this.#keys[this.#find(key)] === key;
	}

	set(key: number, value: Value): void {
		let slot = this.#find(key);
		if (this.#keys[slot] !== key) {
			if (this.#size * 2 >= this.#keys.length) {
				this.#resize(this.#keys.length * 2);
				slot = this.#find(key);
			}
			this.#keys[slot] = key;
			this.#size++;
		}
		this.#values[slot] = value;
	}

	/** @returns whether it was there */
	delete(key: number): boolean {
		const keys = this.#keys;
		const values = this.#values;
		const mask = keys.length - 1;
		let hole = this.#find(key);
		if (keys[hole] !== key) return false;
		this.#size--;
		// What was pushed behind the hole by it moves up, so that no search ends too early.
		for (let slot = (hole + 1) & mask; keys[slot] !== free; slot = (slot + 1) & mask) {
			const home = slotOf(keys[slot]!, mask);
			if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
			keys[hole] = keys[slot]!;
			values[hole] = values[slot];
			hole = slot;
		}
		keys[hole] = free;
		values[hole] = undefined;
		if (keys.length > keptSlots && this.#size * 8 < keys.length) this.#resize(keys.length / 2);
		return true;
	}

	/** The values by rising keys, as they are at this moment. */
	values(): Value[] {
		const keys = [...this.#keys].filter((key) => key !== free).sort((one, other) => one - other);
		return keys.map((key) => this.get(key)!);
	}

	/** The slot of a key, or the free one where it would go. */
	#find(key: number): number {
		const keys = this.#keys;
		const mask = keys.length - 1;
		let slot = slotOf(key, mask);
		for (let taken = keys[slot]; taken !== key && taken !== free; taken = keys[slot]) slot = (slot + 1) & mask;
		return slot;
	}

	#resize(slots: number): void {
		const keys = this.#keys;
		const values = this.#values;
		this.#keys = new Float64Array(slots).fill(free);
		this.#values = new Array<Value | undefined>(slots).fill(undefined);
		for (let old = 0; old < keys.length; old++) {
			if (keys[old] === free) continue;
			const slot = this.#find(keys[old]!);
			this.#keys[slot] = keys[old]!;
			this.#values[slot] = values[old];
		}
	}
}

function slotOf(key: number, mask: number): number {
	return (Math.imul(key | 0, 0x9e3779b1) >>> 15) & mask;
}
