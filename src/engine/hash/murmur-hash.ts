import { Uint64 } from "./uint64.ts";

const multiplierHigh = 0xc6a4a793;
const multiplierLow = 0x5bd1e995;

/** MurmurHash2 (64 bit) of latin1 texts, as the C++ library and so Envoy's ring hash has it. */
export class MurmurHash64 {
	readonly #hash = new Uint64();
	readonly #scratch = new Uint64();

	/** The result is the same object at each call. */
	digest(text: string): Uint64 {
		const hash = this.#hash.set(0, text.length).multiply(multiplierHigh, multiplierLow).xor(0, 0xc70f6907);
		const whole = text.length & ~7;
		for (let at = 0; at < whole; at += 8) {
			const data = this.#scratch.set(readBytes(text, at + 4, at + 8), readBytes(text, at, at + 4));
			data.multiply(multiplierHigh, multiplierLow).xorShiftRight(47).multiply(multiplierHigh, multiplierLow);
			hash.xor(data.high, data.low).multiply(multiplierHigh, multiplierLow);
		}
		if (whole < text.length) {
			hash.xor(readBytes(text, whole + 4, text.length), readBytes(text, whole, Math.min(whole + 4, text.length)));
			hash.multiply(multiplierHigh, multiplierLow);
		}
		return hash.xorShiftRight(47).multiply(multiplierHigh, multiplierLow).xorShiftRight(47);
	}
}

function readBytes(text: string, from: number, to: number): number {
	let value = 0;
	for (let at = from; at < to; at++) value |= (text.charCodeAt(at) & 0xff) << ((at - from) * 8);
	return value >>> 0;
}
