import type { Clock, Timer } from "../../core/index.ts";

/** What a log counts: entries that left, and those that nobody took. */
export interface BatchStats {
	readonly logs_written: { value: number };
	readonly logs_dropped: { value: number };
	/** Of the access log service: entries given to its stream. */
	readonly grpc_entries_flushed: { value: number };
	readonly grpc_entries_flush_failed: { value: number };
}

/** Options of {@link Batch}. */
export interface BatchOptions {
	readonly clock: Clock;
	readonly flushIntervalMs: number;
	/** Size that is sent at once. */
	readonly bufferBytes: number;
	readonly stats: BatchStats;
	/** Sends entries. @returns whether they were taken */
	send(entries: readonly Uint8Array[]): boolean;
}

/** Entries kept until there are enough of them or the interval is over. */
export class Batch {
	readonly #options: BatchOptions;
	#entries: Uint8Array[] = [];
	#bytes = 0;
	#timer: Timer | undefined;

	constructor(options: BatchOptions) {
		this.#options = options;
	}

	add(entry: Uint8Array): void {
		this.#entries.push(entry);
		this.#bytes += entry.length;
		if (this.#bytes >= this.#options.bufferBytes) {
			this.flush();
			return;
		}
		this.#timer ??= this.#options.clock.setTimer(this.#options.flushIntervalMs, () => this.flush(), { unref: true });
	}

	/** Sends what is kept. */
	flush(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		const entries = this.#entries;
		if (entries.length === 0) return;
		this.#entries = [];
		this.#bytes = 0;
		const { stats } = this.#options;
		if (this.#options.send(entries)) stats.logs_written.value += entries.length;
		else stats.logs_dropped.value += entries.length;
	}
}

/** A field of a protobuf message: its tag, the length, the bytes. */
export function encodeField(number: number, bytes: Uint8Array): Uint8Array[] {
	const head: number[] = [(number << 3) | 2];
	for (let rest = bytes.length; ; rest >>>= 7) {
		head.push(rest > 127 ? (rest & 127) | 128 : rest);
		if (rest <= 127) break;
	}
	return [Uint8Array.from(head), bytes];
}
