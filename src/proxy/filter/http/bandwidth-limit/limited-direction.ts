import type { Clock, Millis, Timer } from "../../../../core/index.ts";
import type { ByteBucket } from "./byte-bucket.ts";

/** Where a body goes that is let through, and who hears of it. */
export interface LimitedOutlet {
	write(view: Buffer, last: boolean): void;
	/** More waits than may: the sender should stop, as often as told. */
	pause(): void;
	resume(): void;
	/** Everything has left, or leaves now; `mayContinue` when trailers wait for it. */
	onDone(mayContinue: boolean): void;
	/** Bytes were let through in one go. */
	onAllowed(bytes: number): void;
	/** Bytes wait for the bucket. */
	onEnforced(): void;
}

/** Runs an action behind what is under way. */
function runSoon(action: () => void): Timer {
	const immediate = setImmediate(action);
	return { cancel: () => clearImmediate(immediate) };
}

/** One direction of one stream: bytes leave as the bucket has them. */
export class LimitedDirection {
	readonly #clock: Clock;
	readonly #bucket: ByteBucket;
	readonly #intervalMs: number;
	readonly #outlet: LimitedOutlet;
	readonly beganAt: Millis;
	/** Whether bytes had to wait for the bucket. */
	wasEnforced = false;
	/** When the sender was done; undefined before. */
	endedAt: Millis | undefined = undefined;
	#queue: Buffer[] = [];
	#isPaused = false;
	#hasTrailers = false;
	#timer: Timer | undefined;

	constructor(clock: Clock, bucket: ByteBucket, intervalMs: number, outlet: LimitedOutlet) {
		this.#clock = clock;
		this.#bucket = bucket;
		this.#intervalMs = intervalMs;
		this.#outlet = outlet;
		this.beganAt = clock.now();
	}

	/** The view is valid during the call. */
	push(view: Buffer, last: boolean): void {
		if (view.length > 0) this.#queue.push(Buffer.from(view));
		if (last) this.endedAt = this.#clock.now();
		this.#wait(0);
	}

	/** Trailers came. @returns whether they have to wait */
	end(): boolean {
		this.endedAt = this.#clock.now();
		this.#hasTrailers = this.#timer !== undefined;
		if (!this.#hasTrailers) this.#outlet.onDone(false);
		return this.#hasTrailers;
	}

	close(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		this.#queue = [];
	}

	#release(): void {
		const isWhole = this.endedAt !== undefined && !this.#hasTrailers;
		let allowed = 0;
		while (this.#queue.length > 0) {
			const first = this.#queue[0]!;
			const taken = this.#bucket.take(first.length, this.#clock.now());
			if (taken === 0) break;
			allowed += taken;
			if (taken === first.length) this.#queue.shift();
			else this.#queue[0] = first.subarray(taken);
			const last = isWhole && this.#queue.length === 0;
			if (last) this.#outlet.onDone(false);
			this.#outlet.write(first.subarray(0, taken), last);
		}
		if (allowed > 0) this.#outlet.onAllowed(allowed);
		if (this.#queue.length > 0) {
			this.wasEnforced = true;
			this.#outlet.onEnforced();
			this.#wait(this.#intervalMs);
			if (this.#isPaused) return;
			this.#isPaused = true;
			this.#outlet.pause();
			return;
		}
		if (allowed === 0 && isWhole) {
			this.#outlet.onDone(false);
			this.#outlet.write(Buffer.alloc(0), true);
		} else if (this.#hasTrailers) this.#outlet.onDone(true);
		if (!this.#isPaused) return;
		this.#isPaused = false;
		this.#outlet.resume();
	}

	/** Bytes never leave within the call that brings them, as in Envoy. */
	#wait(delayMs: number): void {
		if (this.#timer !== undefined) return;
		const release = (): void => {
			this.#timer = undefined;
			this.#release();
		};
		// A timer would take a millisecond.
		this.#timer = delayMs > 0 ? this.#clock.setTimer(delayMs, release) : runSoon(release);
	}
}
