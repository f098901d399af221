import type { Millis } from "../../../../core/index.ts";
import { type Http2Connection, Http2ErrorCode, type Http2Stream } from "../../../../wire/http2/index.ts";
import type { Http2ServerStream } from "./http2-server-stream.ts";

/** How long the rest of a request may still come when its answer is complete. */
const lingerMs = 50;
const never = Number.POSITIVE_INFINITY;

type Stream = Http2Stream<Http2ServerStream>;

interface Flushing {
	readonly stream: Stream;
	/** What waited at the last look. */
	pendingBytes: number;
	at: Millis;
}

/** Streams whose exchange is over for the proxy and not for the client: answers that wait for its windows, and requests that are not complete
 *  though they are answered. Each has a bound in time. */
export class UnfinishedStreams {
	readonly #codec: Http2Connection<Http2ServerStream>;
	readonly #flushTimeoutMs: number;
	readonly #onFlushTimeout: () => void;
	readonly #lingering: { readonly stream: Stream; readonly at: Millis }[] = [];
	#flushing: Flushing[] = [];

	/** @param flushTimeoutMs how long an answer may wait without moving; 0 for ever */
	constructor(codec: Http2Connection<Http2ServerStream>, flushTimeoutMs: number, onFlushTimeout: () => void) {
		this.#codec = codec;
		this.#flushTimeoutMs = flushTimeoutMs;
		this.#onFlushTimeout = onFlushTimeout;
	}

	/** The answer is complete before its request: a small rest may still come, a larger one is cut off (RFC 9113, section 8.1). */
	addRequest(stream: Stream, now: Millis): void {
		this.#lingering.push({ stream, at: now + lingerMs });
	}

	/** The answer waits for the client. */
	addAnswer(stream: Stream, now: Millis): void {
		if (this.#flushTimeoutMs === 0) return;
		this.#flushing.push({ stream, pendingBytes: stream.pendingBytes, at: now + this.#flushTimeoutMs });
	}

	/** When {@link run} is due. */
	get nextAt(): Millis {
		let next = this.#lingering[0]?.at ?? never;
		for (const { at } of this.#flushing) next = Math.min(next, at);
		return next;
	}

	/** Ends what has had its time. */
	run(now: Millis): void {
		while (this.#lingering.length > 0 && this.#lingering[0]!.at <= now) {
			this.#codec.resetStream(this.#lingering.shift()!.stream, Http2ErrorCode.noError);
		}
		if (this.#flushing.length > 0) this.#flushing = this.#flushing.filter((entry) => this.#keepsFlushing(entry, now));
	}

	#keepsFlushing(entry: Flushing, now: Millis): boolean {
		const { stream } = entry;
		if (stream.isClosed) return false;
		if (now < entry.at) return true;
		if (stream.pendingBytes === entry.pendingBytes) {
			this.#onFlushTimeout();
			this.#codec.resetStream(stream, Http2ErrorCode.internalError);
			return false;
		}
		entry.pendingBytes = stream.pendingBytes;
		entry.at = now + this.#flushTimeoutMs;
		return true;
	}
}
