import { type HeaderList, PieceList } from "../../../core/index.ts";
import type { BodyChunk, BodyVerdict, FilterPath, HeadVerdict, HttpFilter, TrailersVerdict } from "./filter.ts";

const noBytes = Buffer.alloc(0);

/** What waits at one filter. */
class Wait {
	/** What the filter said to the head; "continue" once that went on. */
	head: HeadVerdict = "continue";
	/** Whether the head that waits is the whole message. */
	headEnds = false;
	/** Pieces the filter has not seen: they came while everything stopped here. */
	readonly unseen = new Pieces();
	/** Pieces that go on behind the filter. */
	readonly held = new Pieces();
	/** Trailers the filter has not seen. */
	unseenTrailers: HeaderList | undefined = undefined;
	/** Trailers that go on behind the filter. */
	trailers: HeaderList | undefined = undefined;
	/** Whether the sender was asked to wait because of this. */
	slowsDown = false;
	/** Whether more than the limit is a failure. */
	isBounded = false;
}

class Pieces {
	readonly #list = new PieceList();
	ended = false;

	get bytes(): number {
		return this.#list.bytes;
	}

	/** The view is the list's own from here on. */
	push(view: Buffer, last: boolean): void {
		this.#list.push(view, true);
		if (last) this.ended = true;
	}

	get isEmpty(): boolean {
		return this.bytes === 0 && !this.ended;
	}

	peek(): Buffer {
		const whole = this.#list.takeWhole();
		this.#list.push(whole, true);
		return whole;
	}

	take(): { readonly view: Buffer; readonly last: boolean } {
		const taken = { view: this.#list.takeWhole(), last: this.ended };
		this.ended = false;
		return taken;
	}
}

/** One message on its way through filters: a head, pieces of a body, trailers. A filter may let each part wait; what comes behind waits at
 *  the same filter. Invariant: parts leave in the order head, body, trailers. */
export abstract class MessagePath implements FilterPath {
	readonly #filters: readonly HttpFilter[];
	/** By position in {@link #filters}; made when something waits. */
	#waits: (Wait | undefined)[] | undefined;
	#limitBytes: number;
	#hasLeft = false;
	/** Whether every piece can go straight to the end. */
	readonly #isTransparent: boolean;

	constructor(filters: readonly HttpFilter[], seesBody: boolean, limitBytes: number) {
		this.#filters = filters;
		this.#isTransparent = !seesBody;
		this.#limitBytes = limitBytes;
	}

	// --- from the sender

	start(endStream: boolean): void {
		this.#passHead(0, endStream);
	}

	/** @param owned whether nobody else changes the buffer */
	push(view: Buffer, last: boolean, owned: boolean): void {
		if (this.#isTransparent && this.#hasLeft && this.#waits === undefined) this.emitBody(view, last, owned);
		else this.#passBody(0, view, last, owned);
	}

	pushTrailers(trailers: HeaderList): void {
		this.#passTrailers(0, trailers);
	}

	// --- from filters

	continue(index: number): void {
		if (this.isCut) return;
		const position = this.#positionOf(index);
		const wait = this.#waits?.[position];
		if (wait === undefined) return;
		const { head } = wait;
		wait.head = "continue";
		if (head !== "continue") {
			const hasMore = wait.held.bytes + wait.unseen.bytes > 0 || (wait.trailers ?? wait.unseenTrailers) !== undefined;
			const ends = wait.headEnds || wait.unseen.ended || wait.held.ended;
			if (!hasMore && ends) {
				wait.unseen.take();
				wait.held.take();
			}
			this.#passHead(position + 1, ends && !hasMore);
		}
		this.#release(position, wait);
		this.#speedUp(wait);
		this.onContinued();
	}

	add(index: number, bytes: Buffer, last: boolean): void {
		if (this.isCut) return;
		const position = this.#positionOf(index);
		const wait = this.#waits?.[position];
		const isHeadBefore = this.#hasPassed(position);
		if (isHeadBefore && (wait === undefined || (wait.head === "continue" && wait.held.isEmpty))) {
			this.#passOn(position, bytes, last, true);
			return;
		}
		const holder = this.#waitAt(position);
		if (holder.headEnds) holder.headEnds = false;
		holder.held.push(bytes, last);
	}

	addTrailers(index: number, trailers: HeaderList): void {
		this.#waitAt(this.#positionOf(index)).trailers = trailers;
	}

	held(index: number): Buffer {
		return this.#waits?.[this.#positionOf(index)]?.held.peek() ?? noBytes;
	}

	heldBytes(index: number): number {
		return this.#waits?.[this.#positionOf(index)]?.held.bytes ?? 0;
	}

	replaceHeld(index: number, bytes: Buffer): void {
		const { held } = this.#waitAt(this.#positionOf(index));
		const { last } = held.take();
		held.push(bytes, last);
	}

	takeHeld(index: number): { readonly bytes: Buffer; readonly last: boolean } {
		const wait = this.#waits?.[this.#positionOf(index)];
		if (wait === undefined) return { bytes: noBytes, last: false };
		const { view, last } = wait.held.take();
		return { bytes: view, last };
	}

	setLimit(bytes: number): void {
		this.#limitBytes = bytes;
	}

	abstract pause(): void;
	abstract resume(): void;

	// --- the direction's own

	/** Whether the message goes nowhere any more. */
	protected abstract readonly isCut: boolean;
	protected abstract callHead(filter: HttpFilter, endStream: boolean): HeadVerdict | undefined;
	protected abstract callBody(filter: HttpFilter, chunk: BodyChunk, last: boolean): BodyVerdict;
	protected abstract callTrailers(filter: HttpFilter, trailers: HeaderList): TrailersVerdict;
	protected abstract emitHead(endStream: boolean): void;
	protected abstract emitBody(view: Buffer, last: boolean, owned: boolean): void;
	protected abstract emitTrailers(trailers: HeaderList): void;
	/** A head stops at a filter. */
	protected abstract onHeadStopped(): void;
	/** More than the limit is held where that is an error. */
	protected abstract onOverflow(): void;
	/** What a filter let go was handed on. */
	protected abstract onContinued(): void;

	// --- private

	#headPosition = 0;

	/** Whether the head went past the filter at a position. */
	#hasPassed(position: number): boolean {
		return this.#headPosition > position;
	}

	#passHead(from: number, endStream: boolean): void {
		const filters = this.#filters;
		for (let position = from; position < filters.length; position++) {
			this.#headPosition = position;
			const verdict = this.callHead(filters[position]!, endStream);
			if (this.isCut) return;
			if (verdict !== undefined && verdict !== "continue") {
				this.#stopHead(position, verdict, endStream);
				return;
			}
			const added = this.#waits?.[position];
			if (added !== undefined && (!added.held.isEmpty || added.trailers !== undefined)) {
				this.#passHead(position + 1, false);
				this.#release(position, added);
				return;
			}
		}
		this.#headPosition = filters.length;
		this.#hasLeft = true;
		this.emitHead(endStream);
	}

	#stopHead(position: number, verdict: HeadVerdict, endStream: boolean): void {
		const wait = this.#waitAt(position);
		wait.head = verdict;
		// Bytes that the hook added come behind the head.
		wait.headEnds = endStream && wait.held.isEmpty;
		if (verdict === "stop-buffer") wait.isBounded = true;
		this.onHeadStopped();
	}

	#passBody(from: number, view: Buffer, last: boolean, owned: boolean): void {
		const filters = this.#filters;
		for (let position = from; position < filters.length; position++) {
			const before = this.#waits?.[position];
			if (before !== undefined && (before.head === "stop" || before.head === "stop-buffer")) {
				before.unseen.push(owned ? view : Buffer.from(view), last);
				this.#bound(before);
				return;
			}
			const filter = filters[position]!;
			if (!this.seesBody(filter)) continue;
			const chunk: BodyChunk = { bytes: view };
			const verdict = this.callBody(filter, chunk, last);
			if (this.isCut || verdict === "taken") return;
			if (chunk.bytes !== view) {
				view = chunk.bytes;
				owned = true;
			}
			const wait = this.#waits?.[position];
			if (verdict !== "continue") {
				this.#hold(position, view, last, owned, verdict === "buffer");
				return;
			}
			if (wait === undefined) continue;
			if (wait.head === "continue" && wait.held.isEmpty && wait.trailers === undefined) continue;
			wait.held.push(owned ? view : Buffer.from(view), last);
			this.#letGo(position, wait);
			return;
		}
		this.emitBody(view, last, owned);
	}

	/** Whether a filter has a body hook in this direction. */
	protected abstract seesBody(filter: HttpFilter): boolean;
	protected abstract seesTrailers(filter: HttpFilter): boolean;

	#hold(position: number, view: Buffer, last: boolean, owned: boolean, isBounded: boolean): void {
		const wait = this.#waitAt(position);
		wait.held.push(owned ? view : Buffer.from(view), last);
		wait.isBounded = isBounded;
		this.#bound(wait);
	}

	#passTrailers(from: number, trailers: HeaderList): void {
		const filters = this.#filters;
		for (let position = from; position < filters.length; position++) {
			const before = this.#waits?.[position];
			if (before !== undefined && (before.head === "stop" || before.head === "stop-buffer")) {
				before.unseenTrailers = trailers;
				return;
			}
			const filter = filters[position]!;
			if (this.seesTrailers(filter)) {
				const verdict = this.callTrailers(filter, trailers);
				if (this.isCut) return;
				if (verdict === "stop") {
					this.#waitAt(position).trailers = trailers;
					return;
				}
			}
			const wait = this.#waits?.[position];
			if (wait === undefined || (wait.head === "continue" && wait.held.isEmpty)) continue;
			wait.trailers = trailers;
			this.#letGo(position, wait);
			return;
		}
		this.emitTrailers(trailers);
	}

	/** A hook let go what waited here. */
	#letGo(position: number, wait: Wait): void {
		if (wait.head !== "continue") {
			wait.head = "continue";
			// As in Envoy, the end comes behind the head, even where nothing is between them.
			this.#passHead(position + 1, false);
		}
		this.#release(position, wait);
		this.#speedUp(wait);
	}

	/** Hands on what waits at a position, whose head went on. */
	#release(position: number, wait: Wait): void {
		if (!wait.held.isEmpty && !this.isCut) {
			const { view, last } = wait.held.take();
			this.#passOn(position, view, last, true);
		}
		if (!wait.unseen.isEmpty && !this.isCut) {
			const { view, last } = wait.unseen.take();
			this.#passBody(position, view, last, true);
		}
		if (wait.unseenTrailers !== undefined && !this.isCut) {
			const trailers = wait.unseenTrailers;
			wait.unseenTrailers = undefined;
			this.#passTrailers(position, trailers);
			return;
		}
		if (wait.trailers !== undefined && !this.isCut) {
			const { trailers } = wait;
			wait.trailers = undefined;
			this.#passTrailers(position + 1, trailers);
		}
	}

	/** Behind a filter; trailers that it added take the place of the end. */
	#passOn(position: number, view: Buffer, last: boolean, owned: boolean): void {
		const hasTrailers = last && this.#waits?.[position]?.trailers !== undefined;
		if (!hasTrailers) this.#passBody(position + 1, view, last, owned);
		else if (view.length > 0) this.#passBody(position + 1, view, false, owned);
	}

	#bound(wait: Wait): void {
		const limit = this.#limitBytes;
		if (limit <= 0 || wait.held.bytes + wait.unseen.bytes <= limit) return;
		if (wait.isBounded) {
			this.onOverflow();
		} else if (!wait.slowsDown) {
			wait.slowsDown = true;
			this.pause();
		}
	}

	#speedUp(wait: Wait): void {
		if (!wait.slowsDown || wait.head !== "continue" || wait.held.bytes + wait.unseen.bytes > this.#limitBytes) return;
		wait.slowsDown = false;
		if (!this.isCut) this.resume();
	}

	#waitAt(position: number): Wait {
		this.#waits ??= [];
		const there = this.#waits[position];
		if (there !== undefined) return there;
		const made = new Wait();
		this.#waits[position] = made;
		return made;
	}

	#positionOf(index: number): number {
		return this.#filters.findIndex((filter) => filter.index === index);
	}
}
