import type { Clock, Timer } from "../../../../core/index.ts";

/** How often bytes are let through. */
const intervalMs = 50;

/** Where a throttle lets bytes through. */
export interface ThrottleOutlet {
	write(view: Buffer, last: boolean): void;
	/** Bytes wait: the sender should stop. */
	pause(): void;
	/** Nothing waits any more. */
	onIdle(): void;
}

/** Lets a response's body through at a rate; what waits is bounded by stopping the upstream. */
export class ResponseThrottle {
	readonly #clock: Clock;
	readonly #outlet: ThrottleOutlet;
	readonly #bytesPerInterval: number;
	#queue: Buffer[] = [];
	#ended = false;
	#left: number;
	#timer: Timer | undefined;

	constructor(clock: Clock, bytesPerSecond: number, outlet: ThrottleOutlet) {
		this.#clock = clock;
		this.#outlet = outlet;
		this.#bytesPerInterval = Math.max(1, Math.floor((bytesPerSecond * intervalMs) / 1000));
		this.#left = this.#bytesPerInterval;
	}

	get isIdle(): boolean {
		return this.#queue.length === 0;
	}

	/** The view is valid during the call. */
	push(view: Buffer, last: boolean): void {
		if (view.length > 0) this.#queue.push(Buffer.from(view));
		if (last) this.#ended = true;
		this.#release();
	}

	close(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		this.#queue = [];
	}

	#release(): void {
		if (this.#queue.length === 0 && this.#ended) {
			this.#outlet.write(Buffer.alloc(0), true);
			return;
		}
		while (this.#queue.length > 0 && this.#left > 0) {
			const first = this.#queue[0]!;
			const taken = first.subarray(0, this.#left);
			this.#left -= taken.length;
			if (taken.length === first.length) this.#queue.shift();
			else this.#queue[0] = first.subarray(taken.length);
			this.#outlet.write(taken, this.#ended && this.#queue.length === 0);
		}
		if (this.#queue.length === 0 || this.#timer !== undefined) return;
		this.#outlet.pause();
		this.#wait();
	}

	#wait(): void {
		this.#timer = this.#clock.setTimer(intervalMs, () => {
			this.#left = this.#bytesPerInterval;
			this.#releaseMore();
		});
	}

	#releaseMore(): void {
		this.#release();
		this.#timer = undefined;
		if (this.#queue.length === 0) this.#outlet.onIdle();
		else this.#wait();
	}
}
