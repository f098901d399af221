import type { HeaderList } from "../../core/index.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import type { Http1Fault } from "./errors.ts";
import { HeaderBlock, type ScanOutcome, straightenLines } from "./header-block.ts";

/** Bounds and choices of a parser. */
export interface Http1ParserConfig {
	/** Longest head, first line included. */
	readonly maxHeadBytes: number;
	readonly maxHeaderCount: number;
	/** Trailers are handed on; otherwise they are read and forgotten. */
	readonly keepTrailers: boolean;
}

/** Who gets the parts of messages, in order. Buffers are views into the caller's memory, valid during the call only. */
export interface Http1BodySink {
	/** Body bytes; `last` when the message ends with them (the view may then be empty). */
	onBody(data: Buffer, last: boolean): void;
	/** The end of a chunked message that had trailers. */
	onTrailers(trailers: HeaderList): void;
}

/** Where a parser stands. */
export const ParserState = {
	head: 0,
	fixedBody: 1,
	chunkedBody: 2,
	untilClose: 3,
	/** The message is over; {@link MessageParser.next} starts the following one. */
	complete: 4,
	/** After an upgrade: bytes are opaque. */
	tunnel: 5,
	failed: 6,
} as const;
export type ParserState = (typeof ParserState)[keyof typeof ParserState];

const nothing = Buffer.alloc(0);
/** Heads are searched in this many bytes first, so that a body behind a head is not turned into text. */
const firstLook = 4096;

/** What request and response parsers share: collecting a head, the body's framing, the sequence of messages. No I/O. */
export abstract class MessageParser {
	readonly headers: HeaderBlock;
	state: ParserState = ParserState.head;
	/** Set with the state `failed`. */
	fault: Http1Fault | undefined;
	protected readonly config: Http1ParserConfig;
	readonly #sink: Http1BodySink;
	/** Bytes of an unfinished head. */
	#partial: Buffer = nothing;
	#partialLength = 0;
	/** How far the partial head was searched for its end. */
	#searched = 0;
	#firstLineChecked = false;
	#remaining = 0;
	#chunked: ChunkedDecoder | undefined;
	/** Bytes of the head that was parsed last. */
	headBytes = 0;

	constructor(config: Http1ParserConfig, sink: Http1BodySink, joinedNames: ReadonlySet<string>) {
		this.config = config;
		this.#sink = sink;
		this.headers = new HeaderBlock(joinedNames);
	}

	/** Takes bytes from `at` to `end`. Stops at the end of a message, at an upgrade and at a fault.
	 *  @returns the position of the first byte not taken */
	execute(data: Buffer, at: number, end: number): number {
		while (at < end) {
			switch (this.state) {
				case ParserState.head:
					at = this.#takeHead(data, at, end);
					break;
				case ParserState.fixedBody:
					at = this.#takeFixed(data, at, end);
					break;
				case ParserState.chunkedBody:
					at = this.#takeChunked(data, at, end);
					break;
				case ParserState.untilClose:
				case ParserState.tunnel:
					this.#sink.onBody(slice(data, at, end), false);
					return end;
				default:
					return at;
			}
		}
		return at;
	}

	/** Whether bytes of an unfinished message were taken. */
	get isInMessage(): boolean {
		return this.#partialLength > 0 || (this.state > ParserState.head && this.state < ParserState.complete);
	}

	/** Readies the parser for the next message. */
	next(): void {
		this.state = ParserState.head;
		this.#firstLineChecked = false;
	}

	/** From here on bytes go to `onBody` as they are. */
	startTunnel(): void {
		this.state = ParserState.tunnel;
	}

	/** Parses the first line of `text`.
	 *  @returns the position behind it, `-1` when it is not all there, `irregular` when it does not end in CRLF, or the fault */
	protected abstract takeFirstLine(text: string): number | "irregular" | Http1Fault;

	/** Whether a first line may begin with these characters, at most 16. */
	protected canBeginWith(_text: string): boolean {
		return true;
	}

	/** Decides the framing once first line and headers are known: calls one of the `expect…` and tells the sink about the head. */
	protected abstract onHead(): Http1Fault | undefined;

	protected fail(fault: Http1Fault): void {
		this.state = ParserState.failed;
		this.fault = fault;
	}

	/** The message has no body. */
	protected expectNothing(): void {
		this.state = ParserState.complete;
	}

	protected expectFixed(bytes: number): void {
		this.#remaining = bytes;
		this.state = ParserState.fixedBody;
	}

	protected expectChunked(): void {
		this.#chunked ??= new ChunkedDecoder(this.config.maxHeadBytes, this.config.maxHeaderCount);
		this.#chunked.reset();
		this.state = ParserState.chunkedBody;
	}

	protected expectUntilClose(): void {
		this.state = ParserState.untilClose;
	}

	#takeHead(data: Buffer, at: number, end: number): number {
		if (this.#partialLength > 0) return this.#takePartial(data, at, end);
		if (this.state === ParserState.head && this.skipsEmptyLines) {
			while (at < end && (data[at] === 13 || data[at] === 10)) at++;
			if (at === end) return end;
		}
		const look = Math.min(end, at + firstLook);
		let text = data.toString("latin1", at, look);
		let outcome = this.#scan(text);
		if (outcome === "incomplete" && look < end) {
			text = data.toString("latin1", at, Math.min(end, at + this.config.maxHeadBytes + 4));
			outcome = this.#scan(text);
		}
		// Anything else is judged when the head is complete, whichever pieces it came in.
		return outcome === "complete" ? at + this.#finishHead() : this.#takePartial(data, at, end);
	}

	protected readonly skipsEmptyLines: boolean = true;

	/** Collects a head that came in pieces or with irregular line ends, until its empty line. */
	#takePartial(data: Buffer, at: number, end: number): number {
		const before = this.#partialLength;
		const taken = Math.min(end - at, this.config.maxHeadBytes + 4 - before);
		this.#append(data, at, at + taken);
		const headEnd = this.#findHeadEnd();
		if (headEnd === -1) {
			if (this.#partialLength > this.config.maxHeadBytes) {
				this.#partialLength = 0;
				this.fail("headers-too-large");
				return at + taken;
			}
			this.#checkFirstLine();
			return at + taken;
		}
		// The first line is judged first, as when it comes alone.
		if (!this.#checkFirstLine()) return at + headEnd - before;
		const text = straightenLines(this.#partial.toString("latin1", 0, headEnd), true);
		this.#partialLength = this.#searched = 0;
		this.#partial = nothing;
		const outcome = text === undefined ? "malformed" : this.#scan(text);
		// An empty line that only straightening made one would hide what follows it.
		if (outcome === "complete" && this.headers.end < text!.length) {
			this.fail("malformed");
		} else if (outcome === "complete") {
			this.#finishHead();
			this.headBytes = headEnd;
		} else {
			this.fail(outcome === "incomplete" || outcome === "irregular" ? "malformed" : outcome);
		}
		return at + headEnd - before;
	}

	#scan(text: string): ScanOutcome {
		const behind = this.takeFirstLine(text);
		if (typeof behind !== "number") return behind;
		if (behind === -1) return "incomplete";
		return this.headers.scan(text, behind, this.config.maxHeaderCount);
	}

	/** @returns the bytes of the head */
	#finishHead(): number {
		const bytes = this.headers.end;
		this.headBytes = bytes;
		this.#firstLineChecked = false;
		const fault = bytes > this.config.maxHeadBytes ? "headers-too-large" : this.onHead();
		if (fault !== undefined) this.fail(fault);
		return bytes;
	}

	/** A first line that is wrong is told at once, whether or not the rest comes.
	 *  @returns whether nothing is wrong so far */
	#checkFirstLine(): boolean {
		if (this.#firstLineChecked) return true;
		const lineEnd = this.#partial.subarray(0, this.#partialLength).indexOf(10);
		if (lineEnd === -1) {
			if (this.canBeginWith(this.#partial.toString("latin1", 0, Math.min(this.#partialLength, 16)))) return true;
			this.#partialLength = 0;
			this.fail("malformed");
			return false;
		}
		this.#firstLineChecked = true;
		const line = straightenLines(this.#partial.toString("latin1", 0, lineEnd + 1), true);
		const outcome = line === undefined ? "malformed" : this.takeFirstLine(line);
		if (typeof outcome === "number" || outcome === "irregular") return true;
		this.#partialLength = 0;
		this.fail(outcome);
		return false;
	}

	#append(data: Buffer, from: number, to: number): void {
		const needed = this.#partialLength + to - from;
		if (needed > this.#partial.length) {
			const grown = Buffer.allocUnsafe(Math.max(needed, this.#partial.length * 2, 256));
			this.#partial.copy(grown, 0, 0, this.#partialLength);
			this.#partial = grown;
		}
		data.copy(this.#partial, this.#partialLength, from, to);
		this.#partialLength = needed;
	}

	/** Position behind the empty line of the partial head, or -1. */
	#findHeadEnd(): number {
		const bytes = this.#partial;
		for (let at = this.#searched; at < this.#partialLength; at++) {
			if (bytes[at] !== 10) continue;
			const next = bytes[at + 1];
			if (at + 1 < this.#partialLength && next === 10) return at + 2;
			if (at + 2 < this.#partialLength && next === 13 && bytes[at + 2] === 10) return at + 3;
		}
		this.#searched = Math.max(0, this.#partialLength - 3);
		return -1;
	}

	#takeFixed(data: Buffer, at: number, end: number): number {
		const taken = Math.min(this.#remaining, end - at);
		this.#remaining -= taken;
		const last = this.#remaining === 0;
		if (last) this.state = ParserState.complete;
		this.#sink.onBody(slice(data, at, at + taken), last);
		return at + taken;
	}

	#takeChunked(data: Buffer, at: number, end: number): number {
		const decoder = this.#chunked!;
		while (at < end) {
			at = decoder.advance(data, at, end);
			if (decoder.fault !== undefined) {
				this.fail(decoder.fault);
				return at;
			}
			if (decoder.dataEnd > decoder.dataStart) {
				this.#sink.onBody(slice(data, decoder.dataStart, decoder.dataEnd), false);
				if (this.state !== ParserState.chunkedBody) return at;
			}
			if (decoder.isComplete) {
				this.state = ParserState.complete;
				const trailers = this.config.keepTrailers ? decoder.trailers : undefined;
				if (trailers === undefined) this.#sink.onBody(nothing, true);
				else this.#sink.onTrailers(trailers);
				return at;
			}
		}
		return at;
	}
}

function slice(data: Buffer, from: number, to: number): Buffer {
	return from === 0 && to === data.length ? data : data.subarray(from, to);
}
