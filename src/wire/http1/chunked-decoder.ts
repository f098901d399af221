import type { HeaderList } from "../../core/index.ts";
import type { Http1Fault } from "./errors.ts";
import { HeaderBlock, straightenLines } from "./header-block.ts";

const State = {
	size: 0,
	extension: 1,
	sizeLineFeed: 2,
	data: 3,
	dataEnd: 4,
	dataLineFeed: 5,
	trailers: 6,
	complete: 7,
} as const;
type State = (typeof State)[keyof typeof State];

const maxExtensionBytes = 4096;

/** The chunked transfer coding (RFC 9112 section 7.1), one piece of data at a time. Size lines must end in CRLF; a
 *  chunk's data may also end in a bare line feed, as in Envoy, but nothing else may stand between. */
export class ChunkedDecoder {
	fault: Http1Fault | undefined;
	/** The data found by the last {@link advance}: positions in its buffer. */
	dataStart = 0;
	dataEnd = 0;
	/** Set when the message is complete and had trailers. */
	trailers: HeaderList | undefined;
	readonly #maxTrailerBytes: number;
	readonly #maxTrailerCount: number;
	#state: State = State.size;
	#size = 0;
	#digits = 0;
	#extensionBytes = 0;
	/** Whole lines, and the one that has begun. */
	#trailerText = "";
	#trailerLine = "";

	constructor(maxTrailerBytes: number, maxTrailerCount: number) {
		this.#maxTrailerBytes = maxTrailerBytes;
		this.#maxTrailerCount = maxTrailerCount;
	}

	get isComplete(): boolean {
		return this.#state === State.complete;
	}

	/** Readies the decoder for another message. */
	reset(): void {
		this.#state = State.size;
		this.#size = this.#digits = this.#extensionBytes = 0;
		this.#trailerText = this.#trailerLine = "";
		this.trailers = undefined;
		this.fault = undefined;
		this.dataStart = this.dataEnd = 0;
	}

	/** Takes bytes until data was found, the message is complete, a fault shows, or `end`.
	 *  @returns the position of the first byte not taken */
	advance(bytes: Buffer, at: number, end: number): number {
		this.dataStart = this.dataEnd = at;
		while (at < end) {
			switch (this.#state) {
				case State.size:
					at = this.#takeSize(bytes, at);
					break;
				case State.extension:
					at = this.#takeExtension(bytes, at);
					break;
				case State.sizeLineFeed:
					if (bytes[at] !== 10) return this.#fail("malformed", at);
					at++;
					this.#digits = this.#extensionBytes = 0;
					this.#state = this.#size === 0 ? State.trailers : State.data;
					break;
				case State.data: {
					const taken = Math.min(this.#size, end - at);
					this.dataStart = at;
					this.dataEnd = at + taken;
					this.#size -= taken;
					if (this.#size === 0) this.#state = State.dataEnd;
					return at + taken;
				}
				case State.dataEnd:
					if (bytes[at] === 13) at++;
					this.#state = State.dataLineFeed;
					break;
				case State.dataLineFeed:
					if (bytes[at] !== 10) return this.#fail("malformed", at);
					at++;
					this.#state = State.size;
					break;
				case State.trailers:
					at = this.#takeTrailers(bytes, at, end);
					break;
				case State.complete:
					return at;
			}
			if (this.fault !== undefined) return at;
		}
		return at;
	}

	#takeSize(bytes: Buffer, at: number): number {
		const code = bytes[at]!;
		const digit = hexDigit(code);
		if (digit >= 0) {
			if (this.#size > 0xffffffffff) return this.#fail("malformed", at);
			this.#size = this.#size * 16 + digit;
			if (++this.#digits > 64) return this.#fail("malformed", at);
			return at + 1;
		}
		if (this.#digits === 0) return this.#fail("malformed", at);
		if (code === 13) this.#state = State.sizeLineFeed;
		else if (code === 59 || code === 32 || code === 9) this.#state = State.extension;
		else return this.#fail("malformed", at);
		return at + 1;
	}

	#takeExtension(bytes: Buffer, at: number): number {
		const code = bytes[at]!;
		if (code === 13) this.#state = State.sizeLineFeed;
		else if (code === 10 || ++this.#extensionBytes > maxExtensionBytes) return this.#fail("malformed", at);
		return at + 1;
	}

	/** Collects text up to the empty line; most messages have nothing but that line. */
	#takeTrailers(bytes: Buffer, at: number, end: number): number {
		if (
			this.#trailerText === "" &&
			this.#trailerLine === "" &&
			bytes[at] === 13 &&
			at + 1 < end &&
			bytes[at + 1] === 10
		) {
			this.#state = State.complete;
			return at + 2;
		}
		while (at < end) {
			const lineFeed = bytes.indexOf(10, at);
			const isWhole = lineFeed !== -1 && lineFeed < end;
			const stop = isWhole ? lineFeed + 1 : end;
			this.#trailerLine += bytes.latin1Slice(at, stop);
			at = stop;
			const length = this.#trailerText.length + this.#trailerLine.length;
			if (length > this.#maxTrailerBytes) return this.#fail("headers-too-large", at);
			if (!isWhole) return at;
			const line = this.#trailerLine;
			this.#trailerText += line;
			this.#trailerLine = "";
			if (line === "\r\n" || line === "\n") {
				this.#finishTrailers();
				return at;
			}
		}
		return at;
	}

	#finishTrailers(): void {
		const block = new HeaderBlock(noNames);
		const lines = straightenLines(this.#trailerText, false);
		const outcome = lines === undefined ? "malformed" : block.scan(lines, 0, this.#maxTrailerCount);
		if (outcome !== "complete") {
			this.fault = outcome === "incomplete" || outcome === "irregular" ? "malformed" : outcome;
			return;
		}
		if (block.count > 0) this.trailers = block.splitAll();
		this.#state = State.complete;
	}

	#fail(fault: Http1Fault, at: number): number {
		this.fault = fault;
		return at;
	}
}

const noNames: ReadonlySet<string> = new Set();

function hexDigit(code: number): number {
	if (code >= 48 && code <= 57) return code - 48;
	const lower = code | 0x20;
	return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
