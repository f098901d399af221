import { randomFillSync } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

const textBytes = 36;
const randomBytes = 16;
/** Identifiers made in one go. */
const batch = 64;
/** Those of the first requests: they need not wait until Node's cryptography is loaded, which many sidecars use for nothing else. */
const firstBatch = 16;
const hexDigits = Buffer.from("0123456789abcdef", "latin1");
/** Octets of a UUID behind which a dash goes. */
const dashesBehind: ReadonlySet<number> = new Set([3, 5, 7, 9]);

/** Random UUIDs (RFC 9562, version 4) for requests, from the system's secure random numbers. Many are written at once, as one text of which each
 *  is a part. */
export class RequestIds {
	#text = "";
	#isFirst = true;
	#at = 0;

	next(): string {
		if (this.#at === this.#text.length) this.#refill();
		const start = this.#at;
		this.#at = start + textBytes;
		return this.#text.slice(start, this.#at);
	}

	#refill(): void {
		const random = this.#isFirst
			? readSystemRandom(firstBatch)
			: randomFillSync(Buffer.allocUnsafe(batch * randomBytes));
		this.#isFirst = false;
		const target = Buffer.allocUnsafe((random.length / randomBytes) * textBytes);
		let at = 0;
		for (let index = 0; index < random.length; index++) {
			const place = index % randomBytes;
			let octet = random[index]!;
			if (place === 6) octet = (octet & 0x0f) | 0x40;
			else if (place === 8) octet = (octet & 0x3f) | 0x80;
			target[at++] = hexDigits[octet >> 4]!;
			target[at++] = hexDigits[octet & 0x0f]!;
			if (dashesBehind.has(place)) target[at++] = 45;
		}
		this.#text = target.toString("latin1");
		this.#at = 0;
	}
}

/** Random octets for `count` identifiers from the system itself. */
function readSystemRandom(count: number): Buffer {
	const random = Buffer.alloc(count * randomBytes);
	try {
		const file = openSync("/dev/urandom", "r");
		try {
			if (readSync(file, random) === random.length) return random;
		} finally {
			closeSync(file);
		}
	} catch {
		// No such file in a closed-off root folder, or on another system.
	}
	return randomFillSync(random);
}
