import type { HeaderList } from "../../../../core/index.ts";
import type { BodyChunk, BodyVerdict, FilterPath, FilterStream, TrailersVerdict } from "../filter.ts";
import { endsApart } from "../message-end.ts";
import type { Coder, CoderOutlet, CodingFailure } from "./coder.ts";

/** Counts bytes on both sides of a coder. */
export interface CodingCounts {
	readonly before: { value: number };
	readonly after: { value: number };
	/** The bytes could not be decoded. */
	failed?(kind: CodingFailure): void;
}

/** One body of a stream on its way through a coder. */
export class PathCoding implements CoderOutlet {
	readonly #stream: FilterStream;
	readonly #path: () => FilterPath;
	readonly #direction: "request" | "response";
	readonly #index: number;
	readonly #counts: CodingCounts;
	readonly #coder: Coder;
	/** Names of trailers that say how many bytes there were; undefined for none. */
	readonly #reported: { readonly before: string; readonly after: string } | undefined;
	#bytesBefore = 0;
	#bytesAfter = 0;
	/** Trailers that came, while they wait for the body. */
	#trailers: HeaderList | undefined;
	/** Whether the coder has given all. */
	#isDone = false;

	constructor(
		stream: FilterStream,
		direction: "request" | "response",
		index: number,
		counts: CodingCounts,
		create: (outlet: CoderOutlet) => Coder,
		reported?: { readonly before: string; readonly after: string },
	) {
		this.#reported = reported;
		this.#stream = stream;
		this.#direction = direction;
		this.#path = () => (direction === "request" ? stream.requestPath : stream.responsePath);
		this.#index = index;
		this.#counts = counts;
		this.#coder = create(this);
	}

	push(chunk: BodyChunk, last: boolean): BodyVerdict {
		this.#counts.before.value += chunk.bytes.length;
		this.#bytesBefore += chunk.bytes.length;
		this.#coder.push(chunk.bytes, last, endsApart(this.#stream, this.#direction));
		return "taken";
	}

	/** Trailers wait for the last byte of the body. */
	pushTrailers(trailers: HeaderList): TrailersVerdict {
		if (this.#isDone) return "continue";
		this.#trailers = trailers;
		this.#coder.push(Buffer.alloc(0), true, true);
		return "stop";
	}

	close(): void {
		this.#coder.close();
	}

	write(bytes: Buffer, last: boolean): void {
		if (this.#stream.isOver) return;
		this.#counts.after.value += bytes.length;
		this.#bytesAfter += bytes.length;
		if (!last) {
			this.#path().add(this.#index, bytes, false);
			return;
		}
		this.#isDone = true;
		const path = this.#path();
		const report =
			this.#reported === undefined
				? []
				: [this.#reported.before, String(this.#bytesBefore), this.#reported.after, String(this.#bytesAfter)];
		if (this.#trailers !== undefined) {
			this.#trailers.push(...report);
			path.continue(this.#index);
		} else if (report.length > 0) {
			path.addTrailers(this.#index, report);
			path.continue(this.#index);
		} else {
			path.add(this.#index, bytes, true);
		}
	}

	pause(): void {
		this.#path().pause();
	}

	resume(): void {
		if (!this.#stream.isOver) this.#path().resume();
	}

	/** What could not be decoded is left out; the message ends as it would. */
	fail(kind: CodingFailure): void {
		this.#counts.failed?.(kind);
		this.write(Buffer.alloc(0), true);
	}
}
