import type { Clock, Millis, Timer } from "./clock.ts";

/** Something with a deadline that moves often, such as a connection. It is queued once and asked again when its time came, so
 *  that moving the deadline later costs nothing. */
export interface DeadlineHolder {
	/** When it is queued for; Infinity when it is not. Written by the queue only. */
	queuedFor: Millis;
	/** Its time came: acts on what is due, and says when it wants to be asked again (Infinity: not). */
	onDeadline(now: Millis): Millis;
}

interface Entry {
	readonly at: Millis;
	readonly holder: DeadlineHolder;
}

/** Fewer stale entries are not worth a sweep. */
const minSweep = 64;

/** Deadlines of many holders on one timer of the clock. */
export class DeadlineQueue {
	readonly #clock: Clock;
	/** Binary heap by `at`; entries whose holder is queued for another time are stale. */
	#heap: Entry[] = [];
	/** Stale entries among them: they are swept out when they are most of the heap, so that what is over is not kept until its time. */
	#stale = 0;
	#timer: Timer | undefined;
	#timerAt = Number.POSITIVE_INFINITY;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Makes sure that `holder` is asked at `at` or earlier. Cheap when it is queued for an earlier time already. */
	schedule(holder: DeadlineHolder, at: Millis): void {
		if (at >= holder.queuedFor) return;
		const hasEntry = holder.queuedFor !== Number.POSITIVE_INFINITY;
		holder.queuedFor = at;
		if (hasEntry) this.#countStale();
		this.#push({ at, holder });
		this.#arm();
	}

	/** Stops asking `holder`. */
	cancel(holder: DeadlineHolder): void {
		if (holder.queuedFor === Number.POSITIVE_INFINITY) return;
		holder.queuedFor = Number.POSITIVE_INFINITY;
		this.#countStale();
	}

	/** Entries that are kept, stale ones among them. */
	get size(): number {
		return this.#heap.length;
	}

	/** Stops the timer; nothing is asked any more. */
	close(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		this.#heap = [];
		this.#stale = 0;
	}

	#countStale(): void {
		this.#stale++;
		if (this.#stale < minSweep || this.#stale * 2 < this.#heap.length) return;
		const kept = this.#heap.filter(({ at, holder }) => holder.queuedFor === at);
		this.#heap = [];
		this.#stale = 0;
		for (const entry of kept) this.#push(entry);
	}

	#arm(): void {
		const first = this.#heap[0];
		if (first === undefined || first.at >= this.#timerAt) return;
		this.#timer?.cancel();
		this.#timerAt = first.at;
		this.#timer = this.#clock.setTimer(Math.max(0, Math.ceil(first.at - this.#clock.now())), this.#onTimer, {
			unref: true,
		});
	}

	readonly #onTimer = (): void => {
		this.#timer = undefined;
		this.#timerAt = Number.POSITIVE_INFINITY;
		const now = this.#clock.now();
		for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
			this.#pop();
			if (first.holder.queuedFor !== first.at) {
				this.#stale--;
				continue;
			}
			first.holder.queuedFor = Number.POSITIVE_INFINITY;
			const next = first.holder.onDeadline(now);
			if (next !== Number.POSITIVE_INFINITY) this.schedule(first.holder, Math.max(next, now + 1));
		}
		this.#arm();
	};

	#push(entry: Entry): void {
		const heap = this.#heap;
		let index = heap.length;
		heap.push(entry);
		while (index > 0) {
			const parent = (index - 1) >> 1;
			if (heap[parent]!.at <= entry.at) break;
			heap[index] = heap[parent]!;
			index = parent;
		}
		heap[index] = entry;
	}

	#pop(): void {
		const heap = this.#heap;
		const last = heap.pop()!;
		if (heap.length === 0) return;
		let index = 0;
		for (;;) {
			let child = index * 2 + 1;
			if (child >= heap.length) break;
			if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
			if (heap[child]!.at >= last.at) break;
			heap[index] = heap[child]!;
			index = child;
		}
		heap[index] = last;
	}
}
