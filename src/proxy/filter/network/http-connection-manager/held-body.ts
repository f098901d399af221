import { type HeaderList, PieceList } from "../../../../core/index.ts";

/** Who takes a request's body. */
export interface BodyTaker {
	onRequestBody(view: Buffer, last: boolean): void;
	onRequestTrailers(trailers: HeaderList): void;
}

/** The body of a request that a filter holds, until there is somebody to take it. Bounded by who reads: see {@link isFull}. */
export class HeldBody {
	trailers: HeaderList | undefined = undefined;
	readonly #views = new PieceList();
	readonly #limitBytes: number;

	constructor(limitBytes: number) {
		this.#limitBytes = limitBytes;
	}

	/** Whether no more should be read. */
	get isFull(): boolean {
		return this.#views.bytes > this.#limitBytes;
	}

	/** Whether there is anything to hand on. */
	get hasContent(): boolean {
		return this.#views.bytes > 0 || this.trailers !== undefined;
	}

	keep(view: Buffer): void {
		this.#views.push(view, false);
	}

	/** Hands everything on; `isComplete` says whether nothing follows, `isOver` whether nobody wants more. */
	handOn(taker: BodyTaker, isComplete: boolean, isOver: () => boolean): void {
		const endsWithBody = isComplete && this.trailers === undefined;
		const { pieces } = this.#views;
		pieces.forEach((view, index) => {
			if (!isOver()) taker.onRequestBody(view, endsWithBody && index === pieces.length - 1);
		});
		if (this.trailers !== undefined && !isOver()) taker.onRequestTrailers(this.trailers);
	}
}
