/** A cursor over the vectors of TLS (RFC 8446, section 3.4) that turns reads past the end into `failed`. */
export class Reader {
	readonly #bytes: Buffer;
	#offset = 0;
	failed = false;

	constructor(bytes: Buffer) {
		this.#bytes = bytes;
	}

	get remaining(): number {
		return this.#bytes.length - this.#offset;
	}

	take(count: number): Buffer {
		if (count > this.remaining) {
			this.failed = true;
			return Buffer.alloc(0);
		}
		this.#offset += count;
		return this.#bytes.subarray(this.#offset - count, this.#offset);
	}

	/** A vector with its length in `lengthBytes` bytes before it. */
	vector(lengthBytes: number): Buffer {
		const length = this.take(lengthBytes);
		return this.failed ? length : this.take(length.readUIntBE(0, lengthBytes));
	}

	uint16(): number {
		const bytes = this.take(2);
		return this.failed ? 0 : bytes.readUInt16BE(0);
	}
}
