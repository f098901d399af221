import { NumberMap } from "../../core/index.ts";
import { HpackDecoder, type HpackDictionary, HpackEncoder } from "../hpack/index.ts";
import type { Http2Config } from "./config.ts";
import { createUnreadCounters, type Http2Counters } from "./counters.ts";
import { Http2ErrorCode, type Http2Fault } from "./error-codes.ts";
import { createFieldDictionary } from "./field-tags.ts";
import { FloodGuard } from "./flood-guard.ts";
import { FrameType, initialWindowBytes } from "./frames.ts";
import { largeBytes, OutputBuffer, OutputBuffers } from "./output-buffer.ts";
import type { Http2Sink } from "./sink.ts";
import type { Http2Stream, PendingPiece } from "./stream.ts";

/** What connections may have in common. */
export interface Http2Shared {
	readonly counters: Http2Counters;
	readonly dictionary: HpackDictionary;
	readonly buffers: OutputBuffers;
}

/** What the connections of one listener or cluster share; `counters` are theirs. */
export function createHttp2Shared(counters: Http2Counters = createUnreadCounters()): Http2Shared {
	return { counters, dictionary: createFieldDictionary(), buffers: new OutputBuffers() };
}

/** Closed streams that are remembered, a power of two. */
const rememberedStreams = 256;
/** Copies from this size on are kept in borrowed buffers. */
const borrowedBytes = 16 * 1024;
/** Room of a copy that is not the first to wait. */
const sharedBytes = 4 * 1024;
/** A turn's output beyond this leaves before the turn ends. */
const earlyFlushBytes = 64 * 1024;

/** What the two directions of a connection share: streams, windows, settings and output. */
export class ConnectionState<Owner> {
	readonly isServer: boolean;
	readonly config: Http2Config;
	readonly sink: Http2Sink<Owner>;
	readonly counters: Http2Counters;
	readonly buffers: OutputBuffers;
	readonly output: OutputBuffer;
	readonly encoder: HpackEncoder;
	readonly decoder: HpackDecoder;
	readonly guard: FloodGuard;
	readonly reportsWrites: boolean;
	readonly streams = new NumberMap<Http2Stream<Owner>>();
	/** Streams with something to send that windows or the socket did not take. */
	readonly waiting = new Set<Http2Stream<Owner>>();
	/** The highest stream that the peer has opened. */
	lastPeerStreamId = 0;
	nextLocalStreamId = 1;
	sendWindow = initialWindowBytes;
	receiveWindow: number;
	/** Bytes consumed and not given back as credit. */
	owedCredit = 0;
	peerWindowBytes = initialWindowBytes;
	peerMaxStreams = Number.POSITIVE_INFINITY;
	peerTakesExtendedConnect = false;
	hasPeerSettings = false;
	/** SETTINGS and PING frames of ours whose answers did not come yet. */
	unansweredSettings = 0;
	unansweredPings = 0;
	/** Bytes of all streams that wait. */
	pendingBytes = 0;
	/** The socket wants no more until it says so. */
	isFull = false;
	/** The connection is broken or given up: nothing more comes in or is told. */
	isOver = false;
	/** The last stream of ours that the peer takes, once it said GOAWAY. */
	lastTakenStreamId = Number.POSITIVE_INFINITY;
	/** The last stream that we take, once we said GOAWAY. */
	lastAcceptedStreamId = Number.POSITIVE_INFINITY;
	#queuedFrames = 0;
	#queuedControlFrames = 0;
	/** Frames of this turn that answer one of the peer's. */
	#answers = 0;
	#isFlushDue = false;
	/** The last streams that closed: twice the identifier, and one for those that we reset. */
	readonly #closed = new Float64Array(rememberedStreams).fill(-1);
	#closedCount = 0;

	constructor(
		isServer: boolean,
		config: Http2Config,
		sink: Http2Sink<Owner>,
		shared: Http2Shared,
		reportsWrites: boolean,
	) {
		this.reportsWrites = reportsWrites;
		this.isServer = isServer;
		this.config = config;
		this.sink = sink;
		this.counters = shared.counters;
		this.buffers = shared.buffers;
		this.output = new OutputBuffer(shared.buffers);
		this.encoder = new HpackEncoder(config.headerTableBytes);
		this.decoder = new HpackDecoder(shared.dictionary, config.headerTableBytes);
		this.guard = new FloodGuard(config, shared.counters);
		this.receiveWindow = Math.max(config.connectionWindowBytes, initialWindowBytes);
	}

	/** Begins a frame in the output; its payload goes to `output.at` of the buffer. */
	beginFrame(type: number, flags: number, streamId: number, length: number): Buffer {
		if (!this.#isFlushDue) {
			this.#isFlushDue = true;
			this.sink.onOutput();
		}
		return this.output.beginFrame(type, flags, streamId, length);
	}

	/** As {@link beginFrame}, for frames that answer or cancel: a peer that does not read them may not have any number. */
	beginControlFrame(type: number, flags: number, streamId: number, length: number): void {
		this.beginFrame(type, flags, streamId, length);
		this.output.controlFrames++;
	}

	/** As {@link findOutboundFlood}, when a frame was answered: one turn may not have any number of those either. */
	findAnswerFlood(): Http2Fault | undefined {
		if (++this.#answers <= this.config.maxOutboundControlFrames) return this.findOutboundFlood();
		return this.#countControlFlood();
	}

	/** Whether more frames wait for the socket than may. */
	findOutboundFlood(): Http2Fault | undefined {
		if (!this.isFull) return undefined;
		if (this.#queuedControlFrames + this.output.controlFrames > this.config.maxOutboundControlFrames) {
			return this.#countControlFlood();
		}
		if (this.#queuedFrames + this.output.frames > this.config.maxOutboundFrames) {
			this.counters.outbound_flood.value++;
			return "outbound-flood";
		}
		return undefined;
	}

	#countControlFlood(): Http2Fault {
		this.counters.outbound_control_flood.value++;
		return "outbound-control-flood";
	}

	flush(): void {
		const { output } = this;
		this.#isFlushDue = false;
		this.#answers = 0;
		if (output.length === 0) return;
		const { frames, controlFrames } = output;
		const outcome = this.sink.write(output.take());
		output.release(outcome === "gone", this.reportsWrites);
		if (outcome !== "full" && !this.isFull) return;
		this.isFull = true;
		this.#queuedFrames += frames;
		this.#queuedControlFrames += controlFrames;
	}

	/** Keeps a turn's output bounded. */
	flushEarly(): void {
		if (this.output.length < earlyFlushBytes) return;
		this.flush();
	}

	onSocketDrain(): void {
		this.isFull = false;
		this.#queuedFrames = this.#queuedControlFrames = 0;
	}

	/** The connection is broken by its peer. `isSilent`: as in Envoy, without a GOAWAY. */
	fail(fault: Http2Fault, code: number, isSilent: boolean): void {
		if (this.isOver) return;
		if (!isSilent) this.writeGoAway(this.lastPeerStreamId, code);
		this.isOver = true;
		this.sink.onConnectionFault(fault, code);
	}

	writeGoAway(lastStreamId: number, code: number): void {
		this.beginFrame(FrameType.goAway, 0, 0, 8);
		this.output.putUint32(lastStreamId);
		this.output.putUint32(code);
		this.counters.goaway_sent.value++;
	}

	writeReset(streamId: number, code: number): void {
		this.beginControlFrame(FrameType.rstStream, 0, streamId, 4);
		this.output.putUint32(code);
		this.counters.tx_reset.value++;
	}

	addStream(stream: Http2Stream<Owner>): void {
		this.streams.set(stream.id, stream);
		this.counters.streams_active.value++;
		this.guard.onStreamOpened();
	}

	/** Takes the stream off the books. */
	removeStream(stream: Http2Stream<Owner>, byReset: boolean): void {
		stream.isClosed = true;
		this.#closed[this.#closedCount++ & (rememberedStreams - 1)] = stream.id * 2 + (byReset ? 1 : 0);
		if (!this.streams.delete(stream.id)) return;
		this.counters.streams_active.value--;
		if (stream.pending !== undefined) this.dropPending(stream);
		if (stream.unconsumedBytes > 0) this.giveConnectionCredit(stream.unconsumedBytes);
	}

	/** How a stream that is not open any more ended, as far as it is remembered. */
	recallClosed(streamId: number): "ended" | "reset" | undefined {
		const ended = this.#closed.indexOf(streamId * 2);
		if (ended !== -1) return "ended";
		return this.#closed.indexOf(streamId * 2 + 1) === -1 ? undefined : "reset";
	}

	/** A block came behind our reset: nothing more may. */
	endReset(streamId: number): void {
		const index = this.#closed.indexOf(streamId * 2 + 1);
		if (index !== -1) this.#closed[index] = streamId * 2;
	}

	dropPending(stream: Http2Stream<Owner>): void {
		this.waiting.delete(stream);
		for (const piece of stream.pending!) this.releasePiece(piece);
		stream.pending = undefined;
		stream.pendingTrailers = undefined;
		this.addPending(stream, -stream.pendingBytes);
	}

	addPending(stream: Http2Stream<Owner>, bytes: number): void {
		stream.pendingBytes += bytes;
		this.pendingBytes += bytes;
		this.counters.pending_send_bytes.value += bytes;
	}

	/** A copy of `view[from, end)` to keep, in a borrowed buffer when it is large. `isShared`: more may come that is as small, and
	 *  has room behind it. */
	copyPiece(view: Buffer, from: number, isShared: boolean): PendingPiece {
		const length = Math.min(view.length - from, largeBytes);
		const isBorrowed = length >= borrowedBytes;
		const ownBytes = isShared ? Math.max(length, sharedBytes) : length;
		const buffer = isBorrowed ? this.buffers.take() : Buffer.allocUnsafeSlow(ownBytes);
		buffer.set(from === 0 && length === view.length ? view : view.subarray(from, from + length));
		return { buffer, start: 0, end: length, isBorrowed };
	}

	/** Nobody needs the copy any more. */
	releasePiece({ buffer, isBorrowed }: PendingPiece): void {
		if (isBorrowed) this.buffers.give(buffer);
	}

	/** Both directions have ended. */
	closeStream(stream: Http2Stream<Owner>): void {
		this.removeStream(stream, false);
		this.sink.onStreamClosed(stream);
	}

	/** Bytes of some stream are dealt with: the peer may send as many again, on whatever stream. */
	giveConnectionCredit(bytes: number): void {
		this.owedCredit += bytes;
		if (this.owedCredit * 2 < this.config.connectionWindowBytes || this.isOver) return;
		this.receiveWindow += this.owedCredit;
		this.#writeWindowUpdate(0, this.owedCredit);
		this.owedCredit = 0;
	}

	giveStreamCredit(stream: Http2Stream<Owner>, bytes: number): void {
		stream.owedCredit += bytes;
		if (stream.isRemoteDone || stream.owedCredit * 2 < this.config.streamWindowBytes) return;
		stream.receiveWindow += stream.owedCredit;
		this.#writeWindowUpdate(stream.id, stream.owedCredit);
		stream.owedCredit = 0;
	}

	#writeWindowUpdate(streamId: number, bytes: number): void {
		this.beginFrame(FrameType.windowUpdate, 0, streamId, 4);
		this.output.putUint32(bytes);
	}

	/** Gives everything up; nothing is told any more. */
	close(): void {
		this.isOver = true;
		for (const stream of this.streams.values()) this.removeStream(stream, true);
		if (this.output.buffer !== undefined) this.output.release(true, false);
	}

	/** The peer refuses streams of ours above `lastStreamId`. */
	refuseAbove(lastStreamId: number): void {
		for (const stream of this.streams.values()) {
			if (stream.id <= lastStreamId || stream.isClosed) continue;
			this.removeStream(stream, true);
			this.sink.onReset(stream, Http2ErrorCode.refusedStream);
		}
	}
}
