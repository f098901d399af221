import type { Random } from "../../core/index.ts";

/** Earliest deadline first: entry i comes up in proportion to its weight, evenly spread. Entries are numbers from 0; a pick costs
 *  the logarithm of their number and allocates nothing. */
export class EdfScheduler {
	#deadlines = new Float64Array(0);
	/** Binary heap of entries by deadline. */
	#heap = new Uint32Array(0);
	#count = 0;

	/** Begins anew with `count` entries, each at a random place of its first period. Weights are above 0. */
	reset(count: number, weightOf: (entry: number) => number, random: Random): void {
		if (this.#heap.length < count) {
			this.#deadlines = new Float64Array(count);
			this.#heap = new Uint32Array(count);
		}
		this.#count = count;
		for (let entry = 0; entry < count; entry++) {
			this.#deadlines[entry] = random.next() / weightOf(entry);
			this.#heap[entry] = entry;
		}
		for (let place = (count >> 1) - 1; place >= 0; place--) this.#sink(place);
	}

	/** How many entries there are. */
	get count(): number {
		return this.#count;
	}

	/** The entry whose turn it is. Only with at least one entry. */
	peek(): number {
		return this.#heap[0]!;
	}

	/** Puts the entry whose turn it is back, by its weight as of this moment. */
	requeue(weight: number): void {
		const entry = this.#heap[0]!;
		this.#deadlines[entry] = this.#deadlines[entry]! + 1 / weight;
		this.#sink(0);
	}

	#sink(from: number): void {
		const heap = this.#heap;
		const deadlines = this.#deadlines;
		const count = this.#count;
		const entry = heap[from]!;
		const deadline = deadlines[entry]!;
		let place = from;
		for (;;) {
			let child = place * 2 + 1;
			if (child >= count) break;
			if (child + 1 < count && deadlines[heap[child + 1]!]! < deadlines[heap[child]!]!) child++;
			if (deadlines[heap[child]!]! >= deadline) break;
			heap[place] = heap[child]!;
			place = child;
		}
		heap[place] = entry;
	}
}
