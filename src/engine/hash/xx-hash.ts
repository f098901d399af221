import { Uint64 } from "./uint64.ts";

/** xxHash (64 bit) of latin1 texts, as Envoy keys hosts and requests. An instance keeps its working space: one a user. */
export class XxHash64 {
	readonly #hash = new Uint64();
	readonly #lanes = [new Uint64(), new Uint64(), new Uint64(), new Uint64()] as const;
	readonly #scratch = new Uint64();

	/** The result is the same object at each call. */
	digest(text: string, seed = 0, seedHigh = 0): Uint64 {
		const hash = this.#hash;
		const { length } = text;
		let at = 0;
		if (length >= 32) {
			at = this.#digestStripes(text, seed, seedHigh);
		} else {
			hash.set(0x27d4eb2f, 0x165667c5).add(seedHigh, seed);
		}
		hash.add(0, length);
		for (; at <= length - 8; at += 8) {
			const scratch = round(this.#scratch.set(0, 0), word(text, at + 4), word(text, at));
			hash.xor(scratch.high, scratch.low).rotate(27).multiply(0x9e3779b1, 0x85ebca87).add(0x85ebca77, 0xc2b2ae63);
		}
		if (at <= length - 4) {
			const scratch = this.#scratch.set(0, word(text, at)).multiply(0x9e3779b1, 0x85ebca87);
			hash.xor(scratch.high, scratch.low).rotate(23).multiply(0xc2b2ae3d, 0x27d4eb4f).add(0x165667b1, 0x9e3779f9);
			at += 4;
		}
		for (; at < length; at++) {
			const scratch = this.#scratch.set(0, text.charCodeAt(at) & 0xff).multiply(0x27d4eb2f, 0x165667c5);
			hash.xor(scratch.high, scratch.low).rotate(11).multiply(0x9e3779b1, 0x85ebca87);
		}
		hash.xorShiftRight(33).multiply(0xc2b2ae3d, 0x27d4eb4f);
		hash.xorShiftRight(29).multiply(0x165667b1, 0x9e3779f9);
		return hash.xorShiftRight(32);
	}

	#digestStripes(text: string, seed: number, seedHigh: number): number {
		const [a, b, c, d] = this.#lanes;
		a.set(0x60ea27ee, 0xadc0b5d6).add(seedHigh, seed);
		b.set(0xc2b2ae3d, 0x27d4eb4f).add(seedHigh, seed);
		c.set(seedHigh, seed);
		d.set(0x61c8864e, 0x7a143579).add(seedHigh, seed);
		let at = 0;
		for (; at <= text.length - 32; at += 32) {
			for (let lane = 0; lane < 4; lane++) {
				const from = at + lane * 8;
				round(this.#lanes[lane]!, word(text, from + 4), word(text, from));
			}
		}
		const hash = this.#hash.set(0, 0);
		const scratch = this.#scratch;
		for (const [lane, bits] of [1, 7, 12, 18].entries()) {
			const { high, low } = this.#lanes[lane]!;
			scratch.set(high, low).rotate(bits);
			hash.add(scratch.high, scratch.low);
		}
		for (const { high, low } of this.#lanes) {
			round(scratch.set(0, 0), high, low);
			hash.xor(scratch.high, scratch.low).multiply(0x9e3779b1, 0x85ebca87).add(0x85ebca77, 0xc2b2ae63);
		}
		return at;
	}
}

/** The xxHash (64 bit) of a latin1 text. */
export function xxHash64(text: string, seed = 0): bigint {
	return new XxHash64().digest(text, seed).toBigInt();
}

/** The hash of several texts, each with that of those before it as its seed. */
export function xxHash64OfAll(texts: readonly string[]): bigint {
	const hasher = new XxHash64();
	let high = 0;
	let low = 0;
	let hash = 0n;
	for (const text of texts) {
		const digest = hasher.digest(text, low, high);
		({ high, low } = digest);
		hash = digest.toBigInt();
	}
	return hash;
}

/** One round over 64 bits of input; the input is multiplied in halves so that no second number is needed. */
function round(accumulator: Uint64, inputHigh: number, inputLow: number): Uint64 {
	const { high, low } = accumulator;
	accumulator.set(inputHigh, inputLow).multiply(0xc2b2ae3d, 0x27d4eb4f).add(high, low);
	return accumulator.rotate(31).multiply(0x9e3779b1, 0x85ebca87);
}

function word(text: string, at: number): number {
	return (
		((text.charCodeAt(at) & 0xff) |
			((text.charCodeAt(at + 1) & 0xff) << 8) |
			((text.charCodeAt(at + 2) & 0xff) << 16) |
			((text.charCodeAt(at + 3) & 0xff) << 24)) >>>
		0
	);
}
