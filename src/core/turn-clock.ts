import type { Clock, Millis } from "./clock.ts";

/** A clock that is read once in a turn of the event loop: everything that was readable at once happens at one time. Ten looks at the time
 *  for each of many small messages are a tenth of the work. It lags by the turn so far at most. */
export function createTurnClock(clock: Clock): Clock {
	return new TurnClock(clock);
}

const unread = -1;

class TurnClock implements Clock {
	readonly #clock: Clock;
	#now: Millis = unread;
	#wall = unread;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	now(): Millis {
		if (this.#now === unread) this.#read();
		return this.#now;
	}

	wall(): number {
		if (this.#now === unread) this.#read();
		return this.#wall;
	}

	setTimer(...args: Parameters<Clock["setTimer"]>): ReturnType<Clock["setTimer"]> {
		return this.#clock.setTimer(...args);
	}

	#read(): void {
		this.#now = this.#clock.now();
		this.#wall = this.#clock.wall();
		// Runs behind everything that is readable in this turn, and keeps the loop from waiting with a time that was read.
		setImmediate(this.#forget);
	}

	readonly #forget = (): void => {
		this.#now = unread;
	};
}
