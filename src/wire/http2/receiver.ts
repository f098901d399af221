import { BlockAssembly } from "./block-assembly.ts";
import type { ConnectionState } from "./connection-state.ts";
import { Http2ErrorCode, type Http2Fault } from "./error-codes.ts";
import type { FrameTarget } from "./frame-parser.ts";
import { FrameFlag, FrameType, maxFrameBytes, maxWindowBytes } from "./frames.ts";
import { MessageReceiver } from "./message-receiver.ts";
import { applySettings } from "./peer-settings.ts";
import type { Sender } from "./sender.ts";
import type { Http2Stream } from "./stream.ts";

/** CONTINUATION frames that any header block may have; as many more as its limit needs twice over. */
const freeContinuations = 8;
/** Settings in one frame at most, as in Envoy. */
const maxSettings = 32;

/** The receiving direction: what each frame means, in the state that the connection and its streams are in. Faults that Envoy's codec answers
 *  by closing at once are silent here as well. */
export class Receiver<Owner> implements FrameTarget {
	readonly #state: ConnectionState<Owner>;
	readonly #sender: Sender<Owner>;
	readonly #messages: MessageReceiver<Owner>;
	readonly #block = new BlockAssembly();
	readonly #maxContinuations: number;
	/** The stream of the DATA frame that is coming in; undefined when its data is dropped. */
	#dataStream: Http2Stream<Owner> | undefined;
	#dataEndsStream = false;
	/** Whether that frame has padding: then its payload says nothing of its data. */
	#dataIsPadded = false;
	/** Octets of the DATA frame that nobody will consume: padding. */
	#dataOverhead = 0;

	constructor(state: ConnectionState<Owner>, sender: Sender<Owner>) {
		this.#state = state;
		this.#sender = sender;
		this.#messages = new MessageReceiver(state);
		this.#maxContinuations = freeContinuations + Math.ceil((state.config.maxHeaderListBytes * 2) / maxFrameBytes);
	}

	/** Whether CONTINUATION must follow. */
	get isInHeaderBlock(): boolean {
		return this.#block.isOpen;
	}

	// --- from the parser

	onFrameStart(type: number, flags: number, streamId: number, length: number): boolean {
		const state = this.#state;
		if (state.isOver) return false;
		if (this.#block.isOpen) {
			if (type !== FrameType.continuation || streamId !== this.#block.streamId) return this.#failProtocol();
		} else if (type === FrameType.continuation) {
			return this.#failProtocol();
		}
		if (!state.hasPeerSettings && (type !== FrameType.settings || (flags & FrameFlag.ack) !== 0)) {
			return this.#failProtocol();
		}
		if (type === FrameType.data) return this.#startData(flags, streamId, length);
		return type <= FrameType.continuation || this.#checkIdleFrame();
	}

	onLongFrame(): void {
		this.#fail("frame-size", Http2ErrorCode.frameSizeError);
	}

	onBadPadding(): void {
		this.#failProtocol();
	}

	onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean {
		switch (type) {
			case FrameType.headers:
				return this.#onHeaders(flags, streamId, bytes, start, end);
			case FrameType.continuation:
				return this.#onContinuation(flags, bytes, start, end);
			case FrameType.windowUpdate:
				return this.#onWindowUpdate(streamId, bytes, start, end);
			case FrameType.settings:
				return this.#onSettings(flags, streamId, bytes, start, end);
			case FrameType.ping:
				return this.#onPing(flags, streamId, bytes, start, end);
			case FrameType.rstStream:
				return this.#onReset(streamId, bytes, start, end);
			case FrameType.priority:
				return this.#onPriority(streamId, bytes, start, end);
			case FrameType.goAway:
				return this.#onGoAway(streamId, bytes, start, end);
			default:
				// PUSH_PROMISE: clients may not send it, and we as a client turn it off.
				return this.#failProtocol(true);
		}
	}

	onDataPart(bytes: Buffer, start: number, end: number, isLast: boolean): boolean {
		const state = this.#state;
		const stream = this.#dataStream;
		const size = end - start;
		if (stream === undefined || stream.isClosed) {
			if (size > 0) state.giveConnectionCredit(size);
			return !state.isOver;
		}
		const endStream = isLast && this.#dataEndsStream;
		if (this.#dataIsPadded && (size > 0 || isLast)) {
			const fault = state.guard.onPayload(size === 0 && !endStream);
			if (fault !== undefined) return this.#fail(fault, Http2ErrorCode.enhanceYourCalm, true);
		}
		if (isLast && this.#dataOverhead > 0) {
			state.giveConnectionCredit(this.#dataOverhead);
			state.giveStreamCredit(stream, this.#dataOverhead);
		}
		if (stream.expectedBytes >= 0) {
			stream.expectedBytes -= size;
			if (stream.expectedBytes < 0 || (endStream && stream.expectedBytes > 0)) {
				state.giveConnectionCredit(size);
				this.#messages.failStream(stream, "content-length", Http2ErrorCode.protocolError);
				return !state.isOver;
			}
		}
		if (size === 0 && !endStream) return true;
		stream.unconsumedBytes += size;
		if (endStream) stream.isRemoteDone = true;
		state.sink.onData(stream, bytes.subarray(start, end), endStream);
		if (endStream) this.#messages.onRemoteEnd(stream);
		return !state.isOver;
	}

	// --- frames

	#startData(flags: number, streamId: number, length: number): boolean {
		const state = this.#state;
		this.#dataStream = undefined;
		const endStream = (flags & FrameFlag.endStream) !== 0;
		this.#dataIsPadded = (flags & FrameFlag.padded) !== 0;
		const fault = this.#dataIsPadded ? undefined : state.guard.onPayload(length === 0 && !endStream);
		if (fault !== undefined) return this.#fail(fault, Http2ErrorCode.enhanceYourCalm, true);
		const stream = state.streams.get(streamId);
		if (stream === undefined && (streamId === 0 || this.#isIdle(streamId))) return this.#failProtocol();
		state.receiveWindow -= length;
		if (state.receiveWindow < 0) return this.#fail("flow-control", Http2ErrorCode.flowControlError);
		if (stream === undefined) {
			if (state.recallClosed(streamId) !== "reset" && streamId <= state.lastAcceptedStreamId) {
				state.writeReset(streamId, Http2ErrorCode.streamClosed);
				return this.#checkOutbound();
			}
			return true;
		}
		if (stream.isRemoteDone || !stream.hasHead) {
			const code = stream.isRemoteDone ? Http2ErrorCode.streamClosed : Http2ErrorCode.protocolError;
			this.#messages.failStream(stream, stream.isRemoteDone ? "stream-closed" : "protocol", code);
			return !state.isOver;
		}
		stream.receiveWindow -= length;
		if (stream.receiveWindow < 0) {
			this.#messages.failStream(stream, "flow-control", Http2ErrorCode.flowControlError);
			return !state.isOver;
		}
		this.#dataStream = stream;
		this.#dataEndsStream = endStream;
		this.#dataOverhead = 0;
		return true;
	}

	#onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean {
		let from = start;
		let to = end;
		if ((flags & FrameFlag.padded) !== 0) {
			if (end === start) return this.#failProtocol();
			to -= bytes[from++]!;
		}
		if ((flags & FrameFlag.priority) !== 0) {
			if (to - from < 5) return this.#failProtocol();
			if ((bytes.readUInt32BE(from) & 0x7fffffff) === streamId) return this.#failProtocol(true);
			from += 5;
		}
		if (to < from) return this.#failProtocol();
		const endStream = (flags & FrameFlag.endStream) !== 0;
		const fault = this.#state.guard.onPayload(to === from && !endStream);
		if (fault !== undefined) return this.#fail(fault, Http2ErrorCode.enhanceYourCalm, true);
		if (streamId === 0) return this.#failProtocol(true);
		if ((flags & FrameFlag.endHeaders) === 0) {
			this.#block.begin(streamId, endStream, bytes.subarray(from, to));
			return true;
		}
		return this.#messages.onBlock(streamId, endStream, bytes, from, to);
	}

	#onContinuation(flags: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		const block = this.#block;
		const fault = state.guard.onPayload(end === start);
		if (fault !== undefined) return this.#fail(fault, Http2ErrorCode.enhanceYourCalm, true);
		const count = block.add(bytes.subarray(start, end));
		if (count > this.#maxContinuations || block.bytes > 2 * state.config.maxHeaderListBytes + maxFrameBytes) {
			return this.#fail("continuation-flood", Http2ErrorCode.enhanceYourCalm);
		}
		if ((flags & FrameFlag.endHeaders) === 0) return true;
		const whole = block.finish();
		return this.#messages.onBlock(block.streamId, block.endStream, whole, 0, whole.length);
	}

	#onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (end - start !== 4) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
		const flood = state.guard.onWindowUpdate();
		if (flood !== undefined) return this.#fail(flood, Http2ErrorCode.enhanceYourCalm, true);
		const increment = bytes.readUInt32BE(start) & 0x7fffffff;
		if (streamId === 0) {
			if (increment === 0) return this.#failProtocol(true);
			state.sendWindow += increment;
			if (state.sendWindow > maxWindowBytes) return this.#fail("flow-control", Http2ErrorCode.flowControlError);
			this.#sender.pump();
			return !state.isOver;
		}
		const stream = state.streams.get(streamId);
		if (stream === undefined) return this.#isIdle(streamId) ? this.#failProtocol(true) : true;
		if (increment === 0) {
			state.removeStream(stream, true);
			state.sink.onStreamFault(stream, "protocol", Http2ErrorCode.protocolError);
			return this.#failProtocol(true);
		}
		stream.sendWindow += increment;
		if (stream.sendWindow > maxWindowBytes) {
			this.#messages.failStream(stream, "flow-control", Http2ErrorCode.flowControlError);
		} else if (stream.pending !== undefined) {
			this.#sender.pump();
		}
		return !state.isOver;
	}

	#onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (streamId !== 0) return this.#failProtocol(true);
		if ((flags & FrameFlag.ack) !== 0) {
			if (end !== start) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
			if (state.unansweredSettings === 0) return this.#failProtocol(true);
			state.unansweredSettings--;
			state.decoder.settle();
			return true;
		}
		if ((end - start) % 6 !== 0) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
		if (end - start > maxSettings * 6) return this.#fail("protocol", Http2ErrorCode.enhanceYourCalm);
		const fault = applySettings(state, bytes, start, end);
		if (fault !== undefined) return this.#fail(fault.fault, fault.code);
		state.hasPeerSettings = true;
		state.beginControlFrame(FrameType.settings, FrameFlag.ack, 0, 0);
		if (!this.#checkOutbound()) return false;
		this.#sender.pump();
		state.sink.onSettings();
		return !state.isOver;
	}

	#onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (end - start !== 8) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
		if (streamId !== 0) return this.#failProtocol(true);
		if ((flags & FrameFlag.ack) !== 0) {
			if (state.unansweredPings === 0) return this.#checkIdleFrame();
			state.unansweredPings--;
			state.sink.onPingAnswer();
			return !state.isOver;
		}
		state.beginControlFrame(FrameType.ping, FrameFlag.ack, 0, 8);
		const target = state.output.reserve(8);
		target.set(bytes.subarray(start, end), state.output.at);
		state.output.at += 8;
		return this.#checkOutbound();
	}

	#onReset(streamId: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (end - start !== 4) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
		if (streamId === 0) return this.#failProtocol(true);
		const stream = state.streams.get(streamId);
		if (stream === undefined) return this.#isIdle(streamId) ? this.#failProtocol(true) : this.#checkIdleFrame();
		state.counters.rx_reset.value++;
		state.removeStream(stream, false);
		state.sink.onReset(stream, bytes.readUInt32BE(start));
		return !state.isOver;
	}

	#onPriority(streamId: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (end - start !== 5) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
		if (streamId === 0) return this.#failProtocol(true);
		const flood = state.guard.onPriority();
		if (flood !== undefined) return this.#fail(flood, Http2ErrorCode.enhanceYourCalm, true);
		if ((bytes.readUInt32BE(start) & 0x7fffffff) === streamId) return this.#failProtocol(true);
		return true;
	}

	#onGoAway(streamId: number, bytes: Buffer, start: number, end: number): boolean {
		const state = this.#state;
		if (end - start < 8) return this.#fail("frame-size", Http2ErrorCode.frameSizeError);
		if (streamId !== 0) return this.#failProtocol(true);
		const last = bytes.readUInt32BE(start) & 0x7fffffff;
		if (last > state.lastTakenStreamId) return this.#failProtocol(true);
		// Clients open the odd ones, servers the even ones.
		if (last !== 0 && (last & 1) === (state.isServer ? 1 : 0)) return this.#failProtocol(true);
		if (state.lastTakenStreamId !== Number.POSITIVE_INFINITY && !this.#checkIdleFrame()) return false;
		state.lastTakenStreamId = last;
		state.sink.onGoAway(last, bytes.readUInt32BE(start + 4));
		if (!state.isServer && !state.isOver) state.refuseAbove(last);
		return !state.isOver;
	}

	// --- faults

	/** Whether the stream was never opened. */
	#isIdle(streamId: number): boolean {
		const state = this.#state;
		if ((streamId & 1) === (state.isServer ? 1 : 0)) return streamId > state.lastPeerStreamId;
		return streamId >= state.nextLocalStreamId;
	}

	#checkIdleFrame(): boolean {
		const flood = this.#state.guard.onIdleFrame();
		return flood === undefined ? true : this.#fail(flood, Http2ErrorCode.enhanceYourCalm);
	}

	#checkOutbound(): boolean {
		const flood = this.#state.findAnswerFlood();
		return flood === undefined ? true : this.#fail(flood, Http2ErrorCode.enhanceYourCalm, true);
	}

	#failProtocol(isSilent = false): false {
		return this.#fail("protocol", Http2ErrorCode.protocolError, isSilent);
	}

	#fail(fault: Http2Fault, code: number, isSilent = false): false {
		this.#state.fail(fault, code, isSilent);
		return false;
	}
}
