/** Damage that fuzz targets do to bytes and texts. */
import type { Random } from "../../src/core/index.ts";

/** An integer from 0 on. */
export function below(limit: number, random: Random): number {
	return Math.floor(random.next() * limit);
}

/** Some bytes changed, a run of them doubled, dropped or moved, the end cut. What is given stays as it is. */
export function damageBytes(bytes: Uint8Array, random: Random): Buffer {
	let damaged: Buffer = Buffer.from(bytes);
	for (let count = below(4, random); count > 0 && damaged.length > 0; count--)
		damaged[below(damaged.length, random)] = below(256, random);
	if (random.next() < 0.4) {
		const at = below(damaged.length + 1, random);
		const run = damaged.subarray(at, at + below(20, random));
		const to = below(damaged.length + 1, random);
		const rest =
			random.next() < 0.5 ? damaged : Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + run.length)]);
		damaged = Buffer.concat([rest.subarray(0, to), run, rest.subarray(to)]);
	}
	return random.next() < 0.2 ? damaged.subarray(0, below(damaged.length + 1, random)) : damaged;
}

/** Pieces of a text taken away, pieces of a vocabulary put in. */
export function damageText(text: string, words: readonly string[], random: Random): string {
	let damaged = text;
	for (let count = 1 + below(4, random); count > 0; count--) {
		const at = below(damaged.length + 1, random);
		const dropped = random.next() < 0.5 ? below(4, random) : 0;
		const word = random.next() < 0.8 ? words[below(words.length, random)]! : String.fromCharCode(below(256, random));
		damaged = damaged.slice(0, at) + word + damaged.slice(at + dropped);
	}
	return damaged;
}

/** Cuts bytes into pieces of random sizes. */
export function cutBytes(bytes: Buffer, maxPiece: number, random: Random): Buffer[] {
	const pieces: Buffer[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = 1 + below(maxPiece, random);
		pieces.push(bytes.subarray(at, at + size));
		at += size;
	}
	return pieces;
}
