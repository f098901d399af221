import type { Millis } from "../core/index.ts";

const mib = 1024 * 1024;
/** What the C library may keep above the least that was seen; bytes. */
const slackBytes = 64 * mib;
/** Less than this given back is not worth the next attempt soon; bytes. */
const worthBytes = 16 * mib;
/** A process that is busier than this has something better to do, and is likely to need the memory again. */
const busyShare = 0.5;
const firstPauseMs = 10_000;
const longestPauseMs = 300_000;

/** What a process has in memory. */
export interface MemoryReading {
	/** Resident bytes of the process. */
	readonly residentBytes: number;
	/** Bytes of them that the JavaScript heap has, and of buffers that it knows of. */
	readonly heapBytes: number;
	/** The part of the time since the last reading in which the event loop worked, 0 to 1. */
	readonly busyShare: number;
}

/** Decides when the C library is to give back what was freed. It keeps all that lies below one small piece that is in use still: behind
 *  thousands of TLS handshakes at once, hundreds of MiB. */
export class KeptMemory {
	#leastBytes = Number.POSITIVE_INFINITY;
	#pauseMs = firstPauseMs;
	#notBefore: Millis = Number.NEGATIVE_INFINITY;
	/** What was kept when the memory was asked for last. */
	#askedAtBytes: number | undefined;

	/** @returns whether the memory is to be given back now */
	observe({ residentBytes, heapBytes, busyShare: busy }: MemoryReading, now: Millis): boolean {
		const kept = residentBytes - heapBytes;
		if (this.#askedAtBytes !== undefined) {
			const isWorth = this.#askedAtBytes - kept >= worthBytes;
			this.#pauseMs = isWorth ? firstPauseMs : Math.min(this.#pauseMs * 2, longestPauseMs);
			this.#notBefore = now + this.#pauseMs;
			this.#askedAtBytes = undefined;
		}
		this.#leastBytes = Math.min(this.#leastBytes, kept);
		if (kept < this.#leastBytes + slackBytes) {
			this.#pauseMs = firstPauseMs;
			this.#notBefore = now;
			return false;
		}
		if (busy > busyShare || now < this.#notBefore) return false;
		this.#askedAtBytes = kept;
		return true;
	}
}
