/** Pieces up to this many bytes share buffers. */
const smallBytes = 1024;
const slabBytes = 8 * 1024;

/** Bytes in the pieces they came in, kept for a while. A peer that sends an octet at a time must not make us keep an object for each: small pieces
 *  behind one another become one. */
export class PieceList {
	#pieces: Buffer[] = [];
	/** The buffer that the last piece is the front of, when there is room behind it. */
	#slab: Buffer | undefined;
	#bytes = 0;

	/** Bytes of all pieces. */
	get bytes(): number {
		return this.#bytes;
	}

	/** The pieces in their order. Bytes of one are never changed, so whoever has got it may keep it. */
	get pieces(): readonly Buffer[] {
		return this.#pieces;
	}

	/** Keeps a piece. `owned`: nobody else changes the buffer. */
	push(view: Buffer, owned: boolean): void {
		const { length } = view;
		if (length === 0) return;
		this.#bytes += length;
		const pieces = this.#pieces;
		const last = pieces.at(-1);
		if (last === undefined || length > smallBytes || (this.#slab === undefined && last.length > smallBytes)) {
			pieces.push(owned ? view : Buffer.from(view));
			this.#slab = undefined;
			return;
		}
		let slab = this.#slab;
		if (slab === undefined) {
			slab = this.#slab = Buffer.allocUnsafeSlow(slabBytes);
			slab.set(last);
		}
		const end = last.length + length;
		slab.set(view, last.length);
		pieces[pieces.length - 1] = slab.subarray(0, end);
		if (end + smallBytes > slabBytes) this.#slab = undefined;
	}

	/** All bytes in one piece, and none left here. */
	takeWhole(): Buffer {
		const pieces = this.take();
		return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
	}

	/** All pieces, and none left here. */
	take(): Buffer[] {
		const pieces = this.#pieces;
		this.#pieces = [];
		this.#slab = undefined;
		this.#bytes = 0;
		return pieces;
	}
}
