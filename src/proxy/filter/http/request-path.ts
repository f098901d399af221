import type { HeaderList } from "../../../core/index.ts";
import type { BodyChunk, BodyVerdict, FilterStream, HeadVerdict, HttpFilter, TrailersVerdict } from "./filter.ts";
import type { ActiveFilters } from "./filter-chain.ts";
import { MessagePath } from "./filter-path.ts";

/** What a request's path wants of its stream. */
export interface RequestPathEnd extends FilterStream {
	/** Whether the proxy answered itself, or the stream is over: the request goes nowhere. */
	readonly isRequestCut: boolean;
	/** Chooses the route again if a filter asked for it. */
	refreshRoute(): void;
	startRouter(endStream: boolean): void;
	routeBody(view: Buffer, last: boolean): void;
	routeTrailers(trailers: HeaderList): void;
	flushRequest(): void;
	pauseRequest(): void;
	resumeRequest(): void;
	failLargeRequest(): void;
}

/** A request's way from the client through the filters to the router. */
export class RequestPath extends MessagePath {
	readonly #stream: RequestPathEnd;

	constructor(stream: RequestPathEnd, filters: ActiveFilters, limitBytes: number) {
		super(filters.request, filters.seesRequestBody, limitBytes);
		this.#stream = stream;
	}

	pause(): void {
		this.#stream.pauseRequest();
	}

	resume(): void {
		this.#stream.resumeRequest();
	}

	protected get isCut(): boolean {
		return this.#stream.isRequestCut;
	}

	protected callHead(filter: HttpFilter, endStream: boolean): HeadVerdict {
		if (filter.onRequestHead === undefined) return "continue";
		this.#stream.refreshRoute();
		return filter.onRequestHead(this.#stream, endStream);
	}

	protected seesBody(filter: HttpFilter): boolean {
		return filter.onRequestBody !== undefined;
	}

	protected seesTrailers(filter: HttpFilter): boolean {
		return filter.onRequestTrailers !== undefined;
	}

	protected callBody(filter: HttpFilter, chunk: BodyChunk, last: boolean): BodyVerdict {
		return filter.onRequestBody!(this.#stream, chunk, last);
	}

	protected callTrailers(filter: HttpFilter, trailers: HeaderList): TrailersVerdict {
		return filter.onRequestTrailers!(this.#stream, trailers);
	}

	protected emitHead(endStream: boolean): void {
		this.#stream.refreshRoute();
		this.#stream.startRouter(endStream);
	}

	protected emitBody(view: Buffer, last: boolean, _owned: boolean): void {
		this.#stream.routeBody(view, last);
	}

	protected emitTrailers(trailers: HeaderList): void {
		this.#stream.routeTrailers(trailers);
	}

	protected onHeadStopped(): void {
		// The request's head lives as long as its stream.
	}

	protected onOverflow(): void {
		this.#stream.failLargeRequest();
	}

	protected onContinued(): void {
		this.#stream.flushRequest();
	}
}
