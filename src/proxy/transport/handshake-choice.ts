/** Connections that are looked at together. */
const sample = 32;
/** Below so many bytes a connection costs more by its handshake than by its records. */
const shortBytes = 16 * 1024;

/** Who shakes hands with the next client. Our own handshake costs about half of the library's, its records cost a little more than the
 *  library's: so it is taken as long as most connections are short. */
export class HandshakeChoice {
	#closed = 0;
	#short = 0;
	#isOwn = false;

	/** Whether the next handshake is our own. The library's at first. */
	get isOwn(): boolean {
		return this.#isOwn;
	}

	/** A connection has ended.
	 *  @param bytes that went both ways */
	onClosed(bytes: number): void {
		this.#closed++;
		if (bytes < shortBytes) this.#short++;
		if (this.#closed < sample) return;
		this.#isOwn = this.#short > sample / 2;
		this.#closed = this.#short = 0;
	}
}
