import type { HeaderList } from "../../core/index.ts";
import type { ConnectionState } from "./connection-state.ts";
import { FrameFlag, FrameType, maxFrameBytes } from "./frames.ts";
import type { Http2Stream } from "./stream.ts";

/** Blocks up to this size are copied octet by octet: faster than a call. */
const copiedBytes = 48;
/** So many pieces wait as they came; what comes behind them is joined: a sender of single octets must not make us keep an object for each. */
const ownPieces = 8;
/** So many bytes of one connection waiting are much. */
const crowdedBytes = 8 * 1024 * 1024;

/** The sending direction: header blocks, and bodies within the peer's windows. */
export class Sender<Owner> {
	readonly #state: ConnectionState<Owner>;

	constructor(state: ConnectionState<Owner>) {
		this.#state = state;
	}

	/** Sends the block that the encoder holds. */
	writeBlock(streamId: number, endStream: boolean): void {
		const { encoder, output } = this.#state;
		const length = encoder.at;
		const flags = endStream ? FrameFlag.endStream : 0;
		if (length > maxFrameBytes) {
			this.#writeLongBlock(streamId, flags);
			return;
		}
		const target = this.#state.beginFrame(FrameType.headers, flags | FrameFlag.endHeaders, streamId, length);
		const source = encoder.buffer;
		if (length <= copiedBytes) {
			let { at } = output;
			for (let index = 0; index < length; index++) target[at++] = source[index]!;
		} else {
			target.set(source.subarray(0, length), output.at);
		}
		output.at += length;
	}

	#writeLongBlock(streamId: number, flags: number): void {
		const { encoder, output } = this.#state;
		const length = encoder.at;
		for (let start = 0; start < length; start += maxFrameBytes) {
			const end = Math.min(start + maxFrameBytes, length);
			const type = start === 0 ? FrameType.headers : FrameType.continuation;
			const own = start === 0 ? flags : 0;
			const target = this.#state.beginFrame(
				type,
				own | (end === length ? FrameFlag.endHeaders : 0),
				streamId,
				end - start,
			);
			target.set(encoder.buffer.subarray(start, end), output.at);
			output.at += end - start;
		}
	}

	/** @returns false when the caller should wait for `onStreamWritable` */
	sendData(stream: Http2Stream<Owner>, view: Buffer, endStream: boolean): boolean {
		const state = this.#state;
		if (stream.isClosed || stream.isLocalDone) return true;
		if (endStream) stream.isLocalDone = true;
		let sent = 0;
		if (stream.pending === undefined && !state.isFull) {
			sent = this.#writeData(stream, view, endStream);
			if (sent === view.length && (sent > 0 || endStream)) {
				if (endStream) this.#onLocalEnd(stream);
				return true;
			}
		}
		if (sent < view.length || endStream) this.#keep(stream, view, sent, endStream);
		if (stream.pendingBytes < this.#limit()) return true;
		stream.isBlocked = true;
		return false;
	}

	/** Bytes of a stream that may wait: few when all streams together have much. */
	#limit(): number {
		const { config, pendingBytes } = this.#state;
		return pendingBytes < crowdedBytes ? config.sendBufferBytes : Math.min(config.sendBufferBytes, maxFrameBytes);
	}

	/** @returns how much of `view` was sent; with all of it went END_STREAM, if asked for */
	#writeData(stream: Http2Stream<Owner>, view: Buffer, endStream: boolean): number {
		const state = this.#state;
		const { output } = state;
		const end = view.length;
		let at = 0;
		do {
			const bytes = Math.min(end - at, maxFrameBytes, stream.sendWindow, state.sendWindow);
			if (bytes <= 0 && at < end) break;
			const last = at + bytes === end && endStream;
			if (bytes === 0 && !last) break;
			const target = state.beginFrame(FrameType.data, last ? FrameFlag.endStream : 0, stream.id, bytes);
			target.set(bytes === end ? view : view.subarray(at, at + bytes), output.at);
			output.at += bytes;
			stream.sendWindow -= bytes;
			state.sendWindow -= bytes;
			state.guard.sentDataFrames++;
			at += bytes;
			state.flushEarly();
		} while (at < end && !state.isFull);
		return at;
	}

	#keep(stream: Http2Stream<Owner>, view: Buffer, from: number, endStream: boolean): void {
		const state = this.#state;
		if (stream.pending === undefined) {
			stream.pending = [];
			state.waiting.add(stream);
		}
		for (let at = from; at < view.length; ) {
			const isCrowded = stream.pending.length > ownPieces;
			const last = isCrowded ? stream.pending.at(-1) : undefined;
			if (last !== undefined && last.end < last.buffer.length) {
				const taken = Math.min(last.buffer.length - last.end, view.length - at);
				last.buffer.set(view.subarray(at, at + taken), last.end);
				last.end += taken;
				at += taken;
				continue;
			}
			const piece = state.copyPiece(view, at, isCrowded);
			stream.pending.push(piece);
			at += piece.end - piece.start;
		}
		if (from < view.length) state.addPending(stream, view.length - from);
		if (endStream) stream.endsAfterPending = true;
	}

	sendTrailers(stream: Http2Stream<Owner>, fields: HeaderList): void {
		if (stream.isClosed || stream.isLocalDone) return;
		stream.isLocalDone = true;
		if (stream.pending !== undefined) stream.pendingTrailers = fields;
		else this.#writeTrailers(stream, fields);
	}

	#writeTrailers(stream: Http2Stream<Owner>, fields: HeaderList): void {
		const state = this.#state;
		if (fields.length === 0) {
			state.beginFrame(FrameType.data, FrameFlag.endStream, stream.id, 0);
		} else {
			state.encoder.begin();
			state.encoder.addAll(fields);
			this.writeBlock(stream.id, true);
		}
		this.#onLocalEnd(stream);
	}

	/** END_STREAM is out. */
	#onLocalEnd(stream: Http2Stream<Owner>): void {
		const state = this.#state;
		if (stream.isRemoteDone) {
			state.closeStream(stream);
		} else if (stream.resetAfterPending >= 0) {
			state.writeReset(stream.id, stream.resetAfterPending);
			state.removeStream(stream, true);
			state.sink.onStreamClosed(stream);
		}
	}

	/** The head said END_STREAM. */
	endWithHead(stream: Http2Stream<Owner>): void {
		stream.isLocalDone = true;
		this.#onLocalEnd(stream);
	}

	/** Windows or the socket have opened: sends what waits, one frame of a stream in turn. */
	pump(): void {
		const { waiting } = this.#state;
		if (waiting.size === 0) return;
		let isMoving = true;
		while (isMoving && !this.#state.isFull && !this.#state.isOver) {
			isMoving = false;
			for (const stream of waiting) {
				if (this.#state.isFull || this.#state.isOver) return;
				if (this.#sendPending(stream)) isMoving = true;
			}
		}
	}

	/** @returns whether something of it went out */
	#sendPending(stream: Http2Stream<Owner>): boolean {
		const state = this.#state;
		const { output } = state;
		const pending = stream.pending!;
		const first = pending[0];
		if (first !== undefined) {
			const length = first.end - first.start;
			const bytes = Math.min(length, maxFrameBytes, stream.sendWindow, state.sendWindow);
			if (bytes <= 0) return false;
			const isLast = bytes === length && pending.length === 1 && stream.endsAfterPending;
			const target = state.beginFrame(FrameType.data, isLast ? FrameFlag.endStream : 0, stream.id, bytes);
			target.set(first.buffer.subarray(first.start, first.start + bytes), output.at);
			if (bytes === length) {
				pending.shift();
				state.releasePiece(first);
			} else {
				first.start += bytes;
			}
			output.at += bytes;
			stream.sendWindow -= bytes;
			state.sendWindow -= bytes;
			state.guard.sentDataFrames++;
			state.addPending(stream, -bytes);
		} else if (stream.endsAfterPending) {
			state.beginFrame(FrameType.data, FrameFlag.endStream, stream.id, 0);
		}
		state.flushEarly();
		if (pending.length === 0) this.#onNothingPending(stream);
		if (stream.isBlocked && stream.pendingBytes * 2 <= state.config.sendBufferBytes) {
			stream.isBlocked = false;
			if (!stream.isClosed) state.sink.onStreamWritable(stream);
		}
		return true;
	}

	#onNothingPending(stream: Http2Stream<Owner>): void {
		stream.pending = undefined;
		this.#state.waiting.delete(stream);
		const trailers = stream.pendingTrailers;
		if (trailers !== undefined) {
			stream.pendingTrailers = undefined;
			this.#writeTrailers(stream, trailers);
		} else if (stream.endsAfterPending) {
			this.#onLocalEnd(stream);
		}
	}
}
