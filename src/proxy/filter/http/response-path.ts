import type { HeaderList } from "../../../core/index.ts";
import type { BodyChunk, BodyVerdict, FilterStream, HeadVerdict, HttpFilter, TrailersVerdict } from "./filter.ts";
import type { ActiveFilters } from "./filter-chain.ts";
import { MessagePath } from "./filter-path.ts";
import type { PassResponseHead } from "./pass-head.ts";

/** What a response's path wants of its stream. */
export interface ResponsePathEnd extends FilterStream {
	writeHead(head: PassResponseHead, endStream: boolean): void;
	/** @returns false when the sender should wait */
	writeBody(view: Buffer, last: boolean, owned: boolean): boolean;
	writeTrailers(trailers: HeaderList): void;
	flushResponse(): void;
	/** The sender may go on. */
	onResponseDrain(): void;
	failLargeResponse(): void;
}

/** A response's way from the router, or from who answered in its place, through the filters to the client. */
export class ResponsePath extends MessagePath {
	readonly #stream: ResponsePathEnd;
	readonly #head: PassResponseHead;
	#isCut = false;
	#pauses = 0;
	/** What the client's side said to the last write. */
	#isWritable = true;

	constructor(stream: ResponsePathEnd, head: PassResponseHead, filters: ActiveFilters, limitBytes: number) {
		super(filters.response, filters.seesResponseBody, limitBytes);
		this.#stream = stream;
		this.#head = head;
	}

	/** Whether the sender may go on. */
	get takesMore(): boolean {
		return this.#pauses === 0 && this.#isWritable;
	}

	/** Another answer takes the place of this one. */
	cut(): void {
		this.#isCut = true;
	}

	pause(): void {
		this.#pauses++;
	}

	resume(): void {
		if (--this.#pauses > 0 || this.isCut) return;
		this.#isWritable = true;
		this.#stream.onResponseDrain();
	}

	/** The client takes more again. */
	onDrain(): void {
		this.#isWritable = true;
		if (this.#pauses === 0) this.#stream.onResponseDrain();
	}

	protected get isCut(): boolean {
		return this.#isCut || this.#stream.isOver;
	}

	protected callHead(filter: HttpFilter, endStream: boolean): HeadVerdict | undefined {
		return filter.onResponseHead?.(this.#stream, this.#head, endStream);
	}

	protected seesBody(filter: HttpFilter): boolean {
		return filter.onResponseBody !== undefined;
	}

	protected seesTrailers(filter: HttpFilter): boolean {
		return filter.onResponseTrailers !== undefined;
	}

	protected callBody(filter: HttpFilter, chunk: BodyChunk, last: boolean): BodyVerdict {
		return filter.onResponseBody!(this.#stream, chunk, last);
	}

	protected callTrailers(filter: HttpFilter, trailers: HeaderList): TrailersVerdict {
		return filter.onResponseTrailers!(this.#stream, trailers);
	}

	protected emitHead(endStream: boolean): void {
		this.#stream.writeHead(this.#head, endStream);
	}

	protected emitBody(view: Buffer, last: boolean, owned: boolean): void {
		this.#isWritable = this.#stream.writeBody(view, last, owned);
	}

	protected emitTrailers(trailers: HeaderList): void {
		this.#stream.writeTrailers(trailers);
	}

	protected onHeadStopped(): void {
		// The upstream's connection may carry another response before this one goes on.
		this.#head.detach();
	}

	protected onOverflow(): void {
		this.#stream.failLargeResponse();
	}

	protected onContinued(): void {
		this.#stream.flushResponse();
	}
}
