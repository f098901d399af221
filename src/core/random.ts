/** A source of randomness as an argument: seeded in tests. */
export interface Random {
	/** A number in [0, 1). */
	next(): number;
}

/** The machine's random numbers; not for secrets. */
export const systemRandom: Random = { next: () => Math.random() };

/** A repeatable sequence for tests and simulations (mulberry32). */
export function createSeededRandom(seed: number): Random {
	let state = seed >>> 0;
	return {
		next() {
			state = (state + 0x6d2b79f5) >>> 0;
			let mixed = state;
			mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
			mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
			return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
		},
	};
}
