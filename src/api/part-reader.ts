/** Reads protobuf's wire format field by field, of the types that descriptors are made of (encoding: varint and length-delimited). */
export class PartReader {
	/** The number of the field that `next` came to. */
	field = 0;
	readonly #bytes: Uint8Array;
	readonly #end: number;
	#at = 0;
	#wireType = 0;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
		this.#end = bytes.length;
	}

	/** Goes on to the next field, whose value has to be read or skipped; false at the end. */
	next(): boolean {
		if (this.#at >= this.#end) return false;
		const tag = this.varint();
		this.field = tag >>> 3;
		this.#wireType = tag & 7;
		return true;
	}

	/** A number of at most 32 bits; of a negative one the low ones. */
	varint(): number {
		let value = 0;
		for (let shift = 0; ; shift += 7) {
			const byte = this.#bytes[this.#at++]!;
			if (shift < 32) value |= (byte & 127) << shift;
			if (byte < 128) return value >>> 0;
		}
	}

	/** A signed number of at most 53 bits; a negative one of at most 32. */
	integer(): number {
		let value = 0;
		let low = 0;
		for (let shift = 0; ; shift += 7) {
			const byte = this.#bytes[this.#at++]!;
			value += (byte & 127) * 2 ** shift;
			if (shift < 32) low |= (byte & 127) << shift;
			// Of a negative number all ten bytes are there.
			if (byte < 128) return shift < 63 ? value : low;
		}
	}

	/** A number of a fixed width. */
	view(length: number): DataView {
		const { buffer, byteOffset } = this.#bytes;
		const view = new DataView(buffer, byteOffset + this.#at, length);
		this.#at += length;
		return view;
	}

	/** The value of this field is delimited by its length. */
	get isDelimited(): boolean {
		return this.#wireType === 2;
	}

	get hasMore(): boolean {
		return this.#at < this.#end;
	}

	/** Everything from the value of this field on. */
	rest(): Uint8Array {
		return this.#bytes.subarray(this.#at);
	}

	bytes(): Uint8Array {
		const length = this.varint();
		this.#at += length;
		return this.#bytes.subarray(this.#at - length, this.#at);
	}

	string(): string {
		const length = this.varint();
		this.#at += length;
		const { buffer, byteOffset } = this.#bytes;
		// Names in descriptors are ASCII.
		return Buffer.from(buffer, byteOffset + this.#at - length, length).latin1Slice(0, length);
	}

	skip(): void {
		if (this.#wireType === 0) this.varint();
		else if (this.#wireType === 2) this.bytes();
		else if (this.#wireType === 1) this.#at += 8;
		else if (this.#wireType === 5) this.#at += 4;
		else
			throw new Error(
				`src/api/gen/descriptors.bin is damaged (wire type ${this.#wireType}): npm run generate makes it anew`,
			);
	}
}
