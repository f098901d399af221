/** An unsigned 64-bit number in two halves, changed in place: arithmetic for hashes without allocation. */
export class Uint64 {
	/** Unsigned 32-bit halves. */
	high = 0;
	low = 0;

	set(high: number, low: number): this {
		this.high = high >>> 0;
		this.low = low >>> 0;
		return this;
	}

	add(high: number, low: number): this {
		const sum = this.low + low;
		this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) >>> 0;
		this.low = sum >>> 0;
		return this;
	}

	xor(high: number, low: number): this {
		this.high = (this.high ^ high) >>> 0;
		this.low = (this.low ^ low) >>> 0;
		return this;
	}

	multiply(high: number, low: number): this {
		const a0 = this.low & 0xffff;
		const a1 = this.low >>> 16;
		const b0 = low & 0xffff;
		const b1 = low >>> 16;
		const middle = a1 * b0 + ((a0 * b0) >>> 16);
		const carry = (a0 * b1 + (middle & 0xffff)) >>> 16;
		const product = a1 * b1 + (middle >>> 16) + carry;
		this.high = (product + Math.imul(this.high, low) + Math.imul(this.low, high)) >>> 0;
		this.low = Math.imul(this.low, low) >>> 0;
		return this;
	}

	/** Rotates left by 1 to 31 bits. */
	rotate(bits: number): this {
		const { high, low } = this;
		this.high = ((high << bits) | (low >>> (32 - bits))) >>> 0;
		this.low = ((low << bits) | (high >>> (32 - bits))) >>> 0;
		return this;
	}

	/** Exclusive or with itself moved right by `bits`. */
	xorShiftRight(bits: number): this {
		const { high, low } = this;
		return bits >= 32
			? this.xor(0, bits === 32 ? high : high >>> (bits - 32))
			: this.xor(high >>> bits, (low >>> bits) | (high << (32 - bits)));
	}

	toBigInt(): bigint {
		return (BigInt(this.high) << 32n) | BigInt(this.low);
	}

	/** The upper 53 bits as a whole number. */
	toUpperBits(): number {
		return this.high * 0x200000 + (this.low >>> 11);
	}
}
