import type { ConnectionState } from "./connection-state.ts";
import { Http2ErrorCode, type Http2Fault } from "./error-codes.ts";
import type { Http2Head } from "./head.ts";
import { HeadCache } from "./head-cache.ts";
import { type BlockKind, HeadReader } from "./head-reader.ts";
import { Http2Stream } from "./stream.ts";

/** Fields that a block may have at most, whatever they say: bounds the list that is judged. */
const maxFields = 10_000;

/** Header blocks become heads and trailers of messages, on streams that may have them (RFC 9113 sections 5.1 and 8.1). */
export class MessageReceiver<Owner> {
	readonly #state: ConnectionState<Owner>;
	readonly #reader: HeadReader;
	readonly #cache = new HeadCache();

	constructor(state: ConnectionState<Owner>) {
		this.#state = state;
		this.#reader = new HeadReader(state.config);
	}

	/** A whole header block for a stream.
	 *  @returns false when the connection is over */
	onBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (state.isServer) this.#onServerBlock(streamId, endStream, bytes, start, end);
		else this.#onClientBlock(streamId, endStream, bytes, start, end);
		return !state.isOver;
	}

	/** What came on the stream is wrong: it is reset. */
	failStream(stream: Http2Stream<Owner>, fault: Http2Fault, code: number): void {
		const state = this.#state;
		state.writeReset(stream.id, code);
		state.removeStream(stream, true);
		state.sink.onStreamFault(stream, fault, code);
	}

	/** END_STREAM came, and was handed on. */
	onRemoteEnd(stream: Http2Stream<Owner>): void {
		if (!stream.isClosed && stream.isLocalDone && stream.pending === undefined) this.#state.closeStream(stream);
	}

	#onServerBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
		const state = this.#state;
		if ((streamId & 1) === 0) {
			state.fail("protocol", Http2ErrorCode.protocolError, true);
			return;
		}
		const open = state.streams.get(streamId);
		if (open !== undefined) {
			this.#onTrailers(open, endStream, bytes, start, end);
			return;
		}
		if (streamId <= state.lastPeerStreamId) {
			this.#onClosedStream(streamId, bytes, start, end);
			return;
		}
		state.lastPeerStreamId = streamId;
		if (streamId > state.lastAcceptedStreamId) {
			this.#skip(bytes, start, end);
			return;
		}
		if (state.streams.size >= state.config.maxConcurrentStreams) {
			state.counters.stream_refused_errors.value++;
			this.#skip(bytes, start, end);
			if (state.isOver) return;
			state.writeReset(streamId, Http2ErrorCode.refusedStream);
			const flood = state.findOutboundFlood();
			if (flood !== undefined) state.fail(flood, Http2ErrorCode.enhanceYourCalm, true);
			return;
		}
		const stream = new Http2Stream<Owner>(streamId, state.peerWindowBytes, state.config.streamWindowBytes);
		const head = this.#readHead(stream, "request", bytes, start, end);
		if (head === undefined) return;
		state.addStream(stream);
		this.#begin(stream, head, endStream);
	}

	#onClientBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
		const state = this.#state;
		const stream = state.streams.get(streamId);
		if (stream === undefined) {
			if ((streamId & 1) === 0 || streamId >= state.nextLocalStreamId) {
				state.fail("protocol", Http2ErrorCode.protocolError, true);
			} else {
				state.counters.headers_cb_no_stream.value++;
				this.#skip(bytes, start, end);
			}
			return;
		}
		if (stream.hasHead || stream.isRemoteDone) {
			this.#onTrailers(stream, endStream, bytes, start, end);
			return;
		}
		const head = this.#readHead(stream, "response", bytes, start, end);
		if (head === undefined) return;
		if (head.status >= 200) {
			this.#begin(stream, head, endStream);
		} else if (endStream || head.status === 101) {
			this.#failMessage(stream, "messaging");
		} else {
			state.sink.onInformational(stream, head.status, this.#lastFields);
		}
	}

	/** The fields of the head that was read last: the receiver's own. */
	#lastFields: string[] = [];

	#begin(stream: Http2Stream<Owner>, head: Http2Head, endStream: boolean): void {
		const state = this.#state;
		stream.hasHead = true;
		const isBodiless = !state.isServer && (stream.isHeadRequest || head.status === 204 || head.status === 304);
		// Of a response that has no body the length is another one's, but a 204 stands for no other (RFC 9110 section 8.6).
		const announced = isBodiless && head.status !== 204 ? 0 : head.contentLength;
		if (announced > 0 && (endStream || isBodiless)) {
			this.failStream(stream, "content-length", Http2ErrorCode.protocolError);
			return;
		}
		stream.expectedBytes = isBodiless ? 0 : announced;
		stream.isRemoteDone = endStream;
		state.sink.onHead(stream, head, this.#lastFields, endStream);
		if (endStream) this.onRemoteEnd(stream);
	}

	#onTrailers(stream: Http2Stream<Owner>, endStream: boolean, bytes: Buffer, start: number, end: number): void {
		const state = this.#state;
		if (stream.isRemoteDone) {
			this.#skip(bytes, start, end);
			if (!state.isOver) this.failStream(stream, "stream-closed", Http2ErrorCode.streamClosed);
			return;
		}
		state.counters.trailers.value++;
		const head = this.#readHead(stream, "trailers", bytes, start, end);
		if (head === undefined) return;
		if (!endStream) {
			this.#failMessage(stream, "messaging");
		} else if (stream.expectedBytes > 0) {
			this.failStream(stream, "content-length", Http2ErrorCode.protocolError);
		} else {
			stream.isRemoteDone = true;
			state.sink.onTrailers(stream, this.#lastFields);
			this.onRemoteEnd(stream);
		}
	}

	/** A block for a stream that is over: late after our reset, else against the protocol. */
	#onClosedStream(streamId: number, bytes: Buffer, start: number, end: number): void {
		const state = this.#state;
		this.#skip(bytes, start, end);
		const ending = state.recallClosed(streamId);
		if (ending === "reset") {
			// A client that did not know yet may send trailers, once: more is a flood that costs us each block's reading.
			if (state.isServer) state.endReset(streamId);
			return;
		}
		if (streamId > state.lastAcceptedStreamId) return;
		if (ending === "ended") state.fail("stream-closed", Http2ErrorCode.streamClosed, false);
		else state.fail("protocol", Http2ErrorCode.protocolError, false);
	}

	/** Decodes a block for the sake of the table. */
	#skip(bytes: Buffer, start: number, end: number): void {
		const { decoder } = this.#state;
		if (decoder.decode(bytes, start, end, 0, 0) === "fault") {
			this.#state.fail("compression", Http2ErrorCode.compressionError, false);
		}
	}

	/** Reads a head and its fields; a fault is dealt with here. */
	#readHead(
		stream: Http2Stream<Owner>,
		kind: BlockKind,
		bytes: Buffer,
		start: number,
		end: number,
	): Http2Head | undefined {
		const state = this.#state;
		const { decoder, config } = state;
		if (kind !== "trailers") {
			const known = this.#cache.find(bytes, start, end, decoder.generation);
			if (known !== undefined) {
				this.#lastFields = known.fields.slice();
				return known;
			}
		}
		const outcome = decoder.decode(bytes, start, end, config.maxHeaderListBytes, maxFields);
		if (outcome === "fault") {
			state.fail("compression", Http2ErrorCode.compressionError, false);
			return undefined;
		}
		const fault =
			outcome === "complete" ? this.#reader.read(decoder.fields, kind, decoder.bytes) : ("headers-too-large" as const);
		if (fault !== undefined) {
			this.#failMessage(stream, fault);
			return undefined;
		}
		const head = this.#reader.head!;
		if (decoder.isPure && kind !== "trailers") {
			this.#cache.keep(bytes, start, end, decoder.generation, head);
			this.#lastFields = head.fields.slice();
		} else {
			this.#lastFields = head.fields;
		}
		return head;
	}

	/** The message is malformed: its stream is reset or, unless the configuration says otherwise, the connection is over. */
	#failMessage(stream: Http2Stream<Owner>, fault: Http2Fault): void {
		const state = this.#state;
		if (fault === "headers-too-large" || fault === "too-many-headers" || fault === "underscore") {
			if (fault === "too-many-headers") state.counters.header_overflow.value++;
			else if (fault === "headers-too-large") state.counters.header_list_size_too_large.value++;
			this.failStream(stream, fault, Http2ErrorCode.internalError);
			return;
		}
		state.counters.rx_messaging_error.value++;
		if (state.config.streamErrorOnInvalidMessage) {
			this.failStream(stream, fault, Http2ErrorCode.protocolError);
			return;
		}
		state.removeStream(stream, true);
		state.sink.onStreamFault(stream, fault, Http2ErrorCode.protocolError);
		state.fail(fault, Http2ErrorCode.protocolError, true);
	}
}
