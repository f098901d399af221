import type { Clock, HeaderList, Timer } from "../../../../core/index.ts";
import type { BodyGate, BodyOutlet } from "../filter.ts";

/** How often bytes are let through. */
const intervalMs = 50;

/** Lets a response's body through at a rate; what waits is bounded by stopping the upstream. */
export class ResponseThrottle implements BodyGate {
	readonly #clock: Clock;
	readonly #outlet: BodyOutlet;
	readonly #bytesPerInterval: number;
	#queue: Buffer[] = [];
	#ended = false;
	#trailers: HeaderList | undefined;
	#left: number;
	#timer: Timer | undefined;

	constructor(clock: Clock, bytesPerSecond: number, outlet: BodyOutlet) {
		this.#clock = clock;
		this.#outlet = outlet;
		this.#bytesPerInterval = Math.max(1, Math.floor((bytesPerSecond * intervalMs) / 1000));
		this.#left = this.#bytesPerInterval;
	}

	push(view: Buffer, last: boolean): boolean {
		if (view.length > 0) this.#queue.push(Buffer.from(view));
		if (last) this.#ended = true;
		this.#release();
		return this.#queue.length === 0;
	}

	pushTrailers(trailers: HeaderList): void {
		this.#trailers = trailers;
		this.#release();
	}

	close(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		this.#queue = [];
	}

	#release(): void {
		while (this.#queue.length > 0 && this.#left > 0) {
			const first = this.#queue[0]!;
			const taken = first.subarray(0, this.#left);
			this.#left -= taken.length;
			if (taken.length === first.length) this.#queue.shift();
			else this.#queue[0] = first.subarray(taken.length);
			this.#outlet.write(taken, this.#ended && this.#queue.length === 0);
		}
		if (this.#queue.length > 0) {
			this.#timer ??= this.#clock.setTimer(intervalMs, this.#refill);
			return;
		}
		if (this.#trailers !== undefined) this.#outlet.writeTrailers(this.#trailers);
		else if (this.#ended) this.#outlet.write(Buffer.alloc(0), true);
	}

	readonly #refill = (): void => {
		this.#timer = undefined;
		this.#left = this.#bytesPerInterval;
		this.#release();
		if (this.#queue.length === 0) this.#outlet.onDrain();
	};
}
