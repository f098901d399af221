/** A header block in pieces: HEADERS without END_HEADERS, and its CONTINUATION frames (RFC 9113 section 6.10). */
export class BlockAssembly {
	streamId = 0;
	endStream = false;
	/** Whether CONTINUATION must follow. */
	isOpen = false;
	#pieces: Buffer[] = [];
	#bytes = 0;
	#continuations = 0;

	begin(streamId: number, endStream: boolean, piece: Buffer): void {
		this.streamId = streamId;
		this.endStream = endStream;
		this.isOpen = true;
		this.#pieces = [];
		this.#bytes = this.#continuations = 0;
		this.#keep(piece);
	}

	/** @returns how many CONTINUATION frames it has */
	add(piece: Buffer): number {
		this.#keep(piece);
		return ++this.#continuations;
	}

	/** Octets so far. */
	get bytes(): number {
		return this.#bytes;
	}

	/** The whole block. */
	finish(): Buffer {
		this.isOpen = false;
		const block = Buffer.concat(this.#pieces);
		this.#pieces = [];
		return block;
	}

	#keep(piece: Buffer): void {
		if (piece.length > 0) this.#pieces.push(Buffer.from(piece));
		this.#bytes += piece.length;
	}
}
