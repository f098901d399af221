import type { Clock, Timer } from "../../core/index.ts";

/** Where one access log goes. Lines are kept and written together; no caller waits. */
export interface AccessLogSink {
	/** Takes a whole entry, line end included. */
	write(entry: string): void;
	/** Writes what is kept; resolves when it is out (or has failed). */
	flush(): Promise<void>;
}

/** Counts of a sink, spelled as in Envoy's `filesystem.*`; `write_dropped` is our own. */
export interface AccessLogStats {
	/** Entries taken. */
	readonly write_buffered: { value: number };
	readonly write_completed: { value: number };
	readonly write_failed: { value: number };
	readonly flushed_by_timer: { value: number };
	readonly reopen_failed: { value: number };
	/** Bytes kept. */
	readonly write_total_buffered: { value: number };
	/** Entries lost because the reader of the log is slower than the traffic. */
	readonly write_dropped: { value: number };
}

/** When a sink writes and when it drops. */
export interface SinkLimits {
	/** Longest an entry is kept; 1 000 by default. */
	readonly flushIntervalMs: number;
	/** Size that is written at once; 64 KiB by default. */
	readonly flushBytes: number;
	/** Size at which further entries are dropped while a write is under way; 8 MiB by default. */
	readonly maxBytes: number;
}

export const defaultSinkLimits: SinkLimits = Object.freeze({
	flushIntervalMs: 1_000,
	flushBytes: 64 * 1024,
	maxBytes: 8 * 1024 * 1024,
});

/** Writes bytes somewhere; one call at a time. */
export type WriteBytes = (bytes: Buffer) => Promise<void>;

/** A sink over anything that takes bytes. */
export function createTextSink(
	write: WriteBytes,
	stats: AccessLogStats,
	clock: Clock,
	limits: SinkLimits,
): AccessLogSink {
	let kept = "";
	let writing: Promise<void> | undefined;
	let timer: Timer | undefined;

	const writeKept = async (): Promise<void> => {
		while (kept !== "") {
			const text = kept;
			kept = "";
			try {
				await write(encode(text));
				stats.write_completed.value++;
			} catch {
				// Nobody is there to be told but the counter: a full disk must not stop traffic.
				stats.write_failed.value++;
			}
			stats.write_total_buffered.value -= text.length;
		}
	};
	const flush = (): Promise<void> => {
		timer?.cancel();
		timer = undefined;
		writing ??= writeKept().finally(() => {
			writing = undefined;
		});
		return writing;
	};
	return {
		write(entry) {
			if (kept.length + entry.length > limits.maxBytes) {
				stats.write_dropped.value++;
				return;
			}
			kept += entry;
			stats.write_buffered.value++;
			stats.write_total_buffered.value += entry.length;
			if (writing !== undefined) return;
			if (kept.length >= limits.flushBytes) void flush();
			else if (timer === undefined) {
				timer = clock.setTimer(
					limits.flushIntervalMs,
					() => {
						stats.flushed_by_timer.value++;
						void flush();
					},
					{ unref: true },
				);
			}
		},
		flush,
	};
}

/** Header values are latin1 text; they leave as the bytes they came in as. Only a text that has other characters is UTF-8. */
function encode(text: string): Buffer {
	return Buffer.from(text, /[^\x00-\xff]/.test(text) ? "utf8" : "latin1");
}
