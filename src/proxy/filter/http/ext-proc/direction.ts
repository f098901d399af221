import type {
	BodyMutation,
	BodyResponse,
	CommonResponse,
} from "../../../../api/gen/envoy/service/ext_proc/v3/external_processor_pb.js";
import { CommonResponse_ResponseStatus } from "../../../../api/gen/envoy/service/ext_proc/v3/external_processor_pb.js";
import type { HeaderList } from "../../../../core/index.ts";
import type { DirectionMode } from "../../../runtime-config/index.ts";
import type { BodyChunk, BodyVerdict, FilterPath, HeadVerdict, TrailersVerdict } from "../filter.ts";
import { applyBodyMutation, type MutableHeaders } from "./mutations.ts";

/** What a direction wants of its processor. */
export interface DirectionOwner {
	/** Whether the service has nothing to say any more. */
	readonly isOver: boolean;
	/** Whether the service is only told. */
	readonly observes: boolean;
	sendHeaders(direction: Direction, endStream: boolean): void;
	sendBody(direction: Direction, bytes: Buffer, last: boolean): void;
	sendTrailers(direction: Direction, trailers: HeaderList): void;
	/** @returns what is wrong with the mutation */
	mutate(direction: Direction, target: MutableHeaders, response: CommonResponse): string | undefined;
	/** Headers of the message were judged. */
	onHeadersJudged(direction: Direction, response: CommonResponse): void;
}

/** The way of one message as a processor needs it. */
export interface DirectionParts {
	readonly kind: "request" | "response";
	readonly index: number;
	readonly path: () => FilterPath;
	readonly limitBytes: number;
	/** The head's fields; only while the head waits. */
	readonly head: MutableHeaders;
	readonly removeContentLength: () => void;
	/** Undefined when the head does not say it. */
	readonly contentLength: () => string | undefined;
}

/** What is wrong with an answer that nobody waits for. */
export const spurious = "spurious message";

type Waiting = "nothing" | "headers" | "whole-body" | "pieces" | "partial-body" | "trailers";

/** Modes in which a body may get another length when its head is gone. */
const resizableModes: ReadonlySet<DirectionMode["body"]> = new Set(["streamed", "buffered-partial", "duplex"]);

interface Piece {
	readonly bytes: Buffer;
	readonly last: boolean;
}

/** One direction of a stream: what was sent to the service, and what waits for its answer. */
export class Direction {
	readonly parts: DirectionParts;
	readonly #owner: DirectionOwner;
	mode: DirectionMode;
	waitsFor: Waiting = "nothing";
	#holdsHead = false;
	#isWhole = false;
	#isReplaced = false;
	#isDone = false;
	#pieces: Piece[] = [];
	#pieceBytes = 0;
	#isPaused = false;
	#sentBytes = 0;
	#trailers: HeaderList | undefined;
	/** Something of the body or behind it is with the service, which gives back what it likes (full duplex). */
	#isStreaming = false;

	constructor(owner: DirectionOwner, mode: DirectionMode, parts: DirectionParts) {
		this.#owner = owner;
		this.mode = mode;
		this.parts = parts;
	}

	onHead(endStream: boolean): HeadVerdict {
		if (endStream) this.#isWhole = true;
		if (!this.mode.sendsHeaders) return "continue";
		if (this.#owner.observes) {
			this.#owner.sendHeaders(this, endStream);
			return "continue";
		}
		this.#holdsHead = true;
		this.waitsFor = "headers";
		this.#headEnds = endStream;
		this.#modeOfHead = this.mode.body;
		this.#owner.sendHeaders(this, endStream);
		return "stop-head";
	}

	#headEnds = false;
	#modeOfHead: DirectionMode["body"] = "none";

	onBody(chunk: BodyChunk, last: boolean): BodyVerdict {
		if (last) this.#isWhole = true;
		if (this.#isReplaced) {
			chunk.bytes = Buffer.alloc(0);
			return last ? "continue" : "taken";
		}
		// The service has said how the message ends.
		if (this.isDuplex && this.#isDone && !this.#owner.isOver) return "taken";
		if (this.#isDone || this.#owner.isOver) return "continue";
		if (this.#owner.observes) {
			// As in Envoy, bodies in other modes are not sent.
			if (this.mode.body === "streamed") this.#owner.sendBody(this, chunk.bytes, last);
			return "continue";
		}
		if (this.isDuplex) {
			this.#isStreaming = true;
			this.#owner.sendBody(this, chunk.bytes, last);
			return "taken";
		}
		if (this.waitsFor === "headers") return "wait";
		switch (this.mode.body) {
			case "none":
			case "duplex":
				return "continue";
			case "buffered":
				if (last && this.waitsFor === "nothing") {
					this.#sendWhole(Buffer.concat([this.#path.held(this.parts.index), chunk.bytes]), true);
				}
				return "buffer";
			case "streamed":
				this.#sendPiece(chunk.bytes, last);
				return "taken";
			case "buffered-partial": {
				if (this.waitsFor === "nothing") {
					const heldBytes = this.#path.heldBytes(this.parts.index);
					if (last || heldBytes + chunk.bytes.length >= this.parts.limitBytes) {
						this.#sendPartial(Buffer.concat([this.#path.held(this.parts.index), chunk.bytes]), last);
					}
				}
				return "wait";
			}
		}
	}

	onTrailers(trailers: HeaderList): TrailersVerdict {
		this.#isWhole = true;
		if (this.isDuplex && this.#isDone && !this.#owner.isOver) return "stop";
		if (this.#isDone || this.#owner.isOver) return "continue";
		if (this.#owner.observes) {
			if (this.mode.sendsTrailers) this.#owner.sendTrailers(this, trailers);
			return "continue";
		}
		this.#trailers = trailers;
		if (this.isDuplex) {
			this.#isStreaming = true;
			this.#owner.sendTrailers(this, trailers);
			return "stop";
		}
		if (this.waitsFor !== "nothing") return "stop";
		const held = this.#path.held(this.parts.index);
		if (held.length > 0 && (this.mode.body === "buffered" || this.mode.body === "buffered-partial")) {
			if (this.mode.body === "buffered") this.#sendWhole(held, false);
			else this.#sendPartial(held, false);
			return "stop";
		}
		if (!this.mode.sendsTrailers) return "continue";
		this.waitsFor = "trailers";
		this.#owner.sendTrailers(this, trailers);
		return "stop";
	}

	/** Whether body and trailers go to the service as they come, and come back as it likes. */
	get isDuplex(): boolean {
		return this.mode.body === "duplex";
	}

	/** Whether the service owes the rest of the message. */
	get isOwed(): boolean {
		return this.#isStreaming && !this.#isDone;
	}

	/** Whether an answer of that kind may come now. */
	expects(kind: "headers" | "body" | "trailers"): boolean {
		if (kind === "headers") return this.waitsFor === "headers";
		if (this.isDuplex)
			return this.waitsFor !== "headers" && (kind === "body" ? this.isOwed : this.#trailers !== undefined);
		return kind === "trailers"
			? this.waitsFor === "trailers"
			: ["whole-body", "pieces", "partial-body"].includes(this.waitsFor);
	}

	/** Slows the sender down while the service takes no more. */
	pause(): void {
		if (this.#isPaused) return;
		this.#isPaused = true;
		this.#path.pause();
	}

	/** The service takes more again. */
	resume(): void {
		if (!this.#isPaused) return;
		this.#isPaused = false;
		this.#path.resume();
	}

	// --- answers; each returns what is wrong with it

	onHeadersAnswer(response: CommonResponse): string | undefined {
		const wrong = this.#owner.mutate(this, this.parts.head, response);
		if (wrong !== undefined) return wrong;
		this.waitsFor = "nothing";
		this.#owner.onHeadersJudged(this, response);
		if (response.status === CommonResponse_ResponseStatus.CONTINUE_AND_REPLACE) {
			this.#replace(response);
			return undefined;
		}
		// By the mode that the head was sent in: the service may have asked for another one with its answer.
		if (!this.#headEnds && resizableModes.has(this.#modeOfHead)) {
			this.parts.removeContentLength();
		}
		this.#afterHeaders();
		return undefined;
	}

	onBodyAnswer({ response }: BodyResponse): string | undefined {
		const mutation = response?.bodyMutation;
		if (this.isDuplex) return this.#addStreamed(mutation);
		switch (this.waitsFor) {
			case "whole-body":
			case "partial-body": {
				if (response !== undefined && this.#holdsHead) {
					const wrong = this.#owner.mutate(this, this.parts.head, response);
					if (wrong !== undefined) return wrong;
				}
				const { index } = this.parts;
				const held = this.#path.held(index);
				const sent = held.subarray(0, this.#sentBytes);
				const changed = applyBodyMutation(mutation, sent);
				const length = this.#holdsHead && mutation !== undefined ? this.parts.contentLength() : undefined;
				if (this.waitsFor === "whole-body" && length !== undefined && Number(length) !== changed.length) {
					return "mismatch between content length and the length of the mutated body";
				}
				if (changed !== sent) this.#path.replaceHeld(index, Buffer.concat([changed, held.subarray(this.#sentBytes)]));
				this.waitsFor = "nothing";
				this.mode = { ...this.mode, body: "none" };
				this.#afterBody();
				return undefined;
			}
			case "pieces": {
				const piece = this.#pieces.shift();
				if (piece === undefined) return spurious;
				this.#pieceBytes -= piece.bytes.length;
				const isLast = this.#pieces.length === 0;
				if (isLast) this.waitsFor = "nothing";
				this.#path.add(this.parts.index, applyBodyMutation(mutation, piece.bytes), piece.last);
				this.#resume();
				if (isLast) this.#afterBody();
				return undefined;
			}
			default:
				return spurious;
		}
	}

	#addStreamed(mutation: BodyMutation | undefined): string | undefined {
		if (mutation?.mutation.case !== "streamedResponse") return spurious;
		const { body, endOfStream } = mutation.mutation.value;
		if (endOfStream) this.#isDone = true;
		this.#path.add(this.parts.index, Buffer.from(body), endOfStream);
		return undefined;
	}

	onTrailersAnswer(mutate: (trailers: HeaderList) => string | undefined): string | undefined {
		const wrong = mutate(this.#trailers!);
		if (wrong !== undefined) return wrong;
		this.waitsFor = "nothing";
		this.#isDone = true;
		this.#go();
		return undefined;
	}

	/** The service says nothing any more: what waits goes on as it is. */
	release(): void {
		this.waitsFor = "nothing";
		this.#isDone = true;
		if (this.#holdsHead || this.#pieces.length > 0 || this.#trailers !== undefined || this.#mayHold) this.#go();
	}

	get #mayHold(): boolean {
		return this.mode.body !== "none";
	}

	// --- private

	get #path(): FilterPath {
		return this.parts.path();
	}

	#afterHeaders(): void {
		const { index } = this.parts;
		if (this.#headEnds) {
			this.#isDone = true;
			this.#go();
			return;
		}
		const held = this.#path.held(index);
		switch (this.mode.body) {
			case "buffered":
				if (this.#isWhole) this.#sendWhole(held, this.#trailers === undefined);
				return;
			case "buffered-partial":
				if (this.#isWhole || held.length >= this.parts.limitBytes) {
					this.#sendPartial(held, this.#isWhole && this.#trailers === undefined);
				}
				return;
			case "streamed": {
				const taken = this.#path.takeHeld(index);
				const hasTrailers = this.#trailers !== undefined;
				if (taken.bytes.length > 0 || taken.last) this.#sendPiece(taken.bytes, taken.last);
				// Trailers stay behind the pieces.
				if (hasTrailers && this.#pieces.length > 0) return;
				if (hasTrailers) this.#afterBody();
				else this.#continueHead();
				return;
			}
			case "duplex":
				// The trailers would go with the head.
				if (this.#trailers === undefined) this.#continueHead();
				return;
			default:
				this.#afterBody();
		}
	}

	/** Nothing of the body is with the service: trailers, or the end. */
	#afterBody(): void {
		if (this.#trailers !== undefined && this.mode.sendsTrailers) {
			this.waitsFor = "trailers";
			this.#owner.sendTrailers(this, this.#trailers);
			return;
		}
		this.#go();
	}

	#sendWhole(bytes: Buffer, last: boolean): void {
		this.waitsFor = "whole-body";
		this.#sentBytes = bytes.length;
		this.#owner.sendBody(this, bytes, last);
	}

	#sendPartial(bytes: Buffer, last: boolean): void {
		this.waitsFor = "partial-body";
		this.#sentBytes = bytes.length;
		this.#owner.sendBody(this, bytes, last);
	}

	#sendPiece(view: Buffer, last: boolean): void {
		const bytes = Buffer.from(view);
		this.#pieces.push({ bytes, last });
		this.#pieceBytes += bytes.length;
		this.waitsFor = "pieces";
		if (this.#pieceBytes > this.parts.limitBytes) this.pause();
		this.#owner.sendBody(this, bytes, last);
	}

	#resume(): void {
		if (this.#pieceBytes <= this.parts.limitBytes / 2) this.resume();
	}

	/** The service made another message: its body takes the place of this one's. */
	#replace(response: CommonResponse): void {
		const { index } = this.parts;
		this.mode = { ...this.mode, body: "none", sendsTrailers: false };
		this.#isDone = true;
		if (response.bodyMutation !== undefined) {
			const body = applyBodyMutation(response.bodyMutation, Buffer.alloc(0));
			this.parts.removeContentLength();
			if (this.#headEnds) {
				this.#path.add(index, body, true);
			} else {
				this.#isReplaced = !this.#isWhole;
				this.#path.replaceHeld(index, body);
			}
		}
		this.#go();
	}

	#continueHead(): void {
		this.#holdsHead = false;
		this.#path.continue(this.parts.index);
	}

	#go(): void {
		const { index } = this.parts;
		const pieces = this.#pieces;
		this.#pieces = [];
		this.#pieceBytes = 0;
		for (const { bytes, last } of pieces) this.#path.add(index, bytes, last);
		this.#holdsHead = false;
		this.#path.continue(index);
		this.#resume();
	}
}
