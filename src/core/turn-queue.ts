import { truncate } from "./headers.ts";

/** Something with work for the end of the turn, such as a connection with output. */
export interface TurnEndHolder {
	/** Once for every {@link TurnQueue.add} since the last call. */
	onTurnEnd(): void;
}

/** Calls back at the end of the current turn of the event loop, when everything that was readable has been read: what is written then
 *  leaves together. */
export class TurnQueue {
	#waiting: TurnEndHolder[] = [];
	#spare: TurnEndHolder[] = [];
	#isArmed = false;

	/** The caller adds itself once a turn. */
	add(holder: TurnEndHolder): void {
		this.#waiting.push(holder);
		if (this.#isArmed) return;
		this.#isArmed = true;
		setImmediate(this.#run);
	}

	readonly #run = (): void => {
		this.#isArmed = false;
		const due = this.#waiting;
		this.#waiting = this.#spare;
		this.#spare = due;
		for (let index = 0; index < due.length; index++) due[index]!.onTurnEnd();
		truncate(due, 0);
	};
}
