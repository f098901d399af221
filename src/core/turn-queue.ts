import { truncate } from "./headers.ts";

/** Something with work for the end of the turn, such as a connection with output. */
export interface TurnEndHolder {
	/** Once for every {@link TurnQueue.add} since the last call. */
	onTurnEnd(): void;
}

/** Calls back at the end of the current turn of the event loop, when everything that was readable has been read: what is written then
 *  leaves together. */
export class TurnQueue {
	readonly #most: number;
	#waiting: TurnEndHolder[] = [];
	#spare: TurnEndHolder[] = [];
	#isArmed = false;
	#isRunning = false;
	#turn = 0;

	/** @param most so many wait at most; when one more comes they are called at once, itself excepted. Where thousands are given work in one turn
	 *  each holds a buffer meanwhile. No bound by default */
	constructor(most = Number.POSITIVE_INFINITY) {
		this.#most = most;
	}

	/** The number of the current turn, the calls at its end included. */
	get turn(): number {
		this.#arm();
		return this.#turn;
	}

	/** The caller adds itself once a turn. */
	add(holder: TurnEndHolder): void {
		if (this.#waiting.length >= this.#most && !this.#isRunning) this.#callAll();
		this.#waiting.push(holder);
		this.#arm();
	}

	#arm(): void {
		if (this.#isArmed) return;
		this.#isArmed = true;
		setImmediate(this.#run);
	}

	readonly #run = (): void => {
		this.#isArmed = false;
		this.#callAll();
		this.#turn++;
	};

	#callAll(): void {
		this.#isRunning = true;
		const due = this.#waiting;
		this.#waiting = this.#spare;
		this.#spare = due;
		for (let index = 0; index < due.length; index++) due[index]!.onTurnEnd();
		truncate(due, 0);
		this.#isRunning = false;
	}
}
