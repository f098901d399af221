/** Streams that end before this are premature when their client reset them, milliseconds. */
const lifetimeMs = 1000;
/** Streams before their share is judged for certain. */
const judgedStreams = 500;

/** How many of a connection's streams were reset at once, by the client or for what it did (Envoy's `overload.premature_reset_*`): the cheapest
 *  flood. */
export class PrematureResets {
	#streams = 0;
	#premature = 0;

	/** A stream is over.
	 *  @returns whether the connection should be closed: half of its streams were pointless, whatever came next */
	onStreamOver(wasReset: boolean, ageMs: number): boolean {
		this.#streams++;
		if (!wasReset || ageMs >= lifetimeMs) return false;
		this.#premature++;
		return this.#premature * 2 >= Math.max(this.#streams, judgedStreams);
	}
}
