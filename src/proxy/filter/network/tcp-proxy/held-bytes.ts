/** Bytes of one side of a session that the other side is not there for yet. */
export class HeldBytes {
	#parts: Buffer[] = [];
	/** How many were kept, taken ones among them no more. */
	size = 0;

	/** Keeps a copy: the view is good during the call. */
	keep(view: Buffer): void {
		this.#parts.push(Buffer.from(view));
		this.size += view.length;
	}

	take(): readonly Buffer[] {
		const parts = this.#parts;
		this.#parts = [];
		this.size = 0;
		return parts;
	}
}
