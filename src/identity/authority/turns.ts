/** Work that is done one after the other, in the order of asking. What fails keeps nobody waiting. */
export class Turns {
	#last: Promise<unknown> = Promise.resolve();
	/** How many are under way or wait. */
	busy = 0;

	run<T>(work: () => Promise<T>): Promise<T> {
		this.busy++;
		const turn = this.#last.then(work).finally(() => this.busy--);
		this.#last = turn.catch(() => undefined);
		return turn;
	}
}
