import type { HeaderList } from "../../core/index.ts";
import type { Http2Config } from "./config.ts";
import { ConnectionState, createHttp2Shared, type Http2Shared } from "./connection-state.ts";
import { Http2ErrorCode } from "./error-codes.ts";
import { FrameParser } from "./frame-parser.ts";
import { clientPreface, FrameType, initialWindowBytes, maxStreamId, SettingId } from "./frames.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import type { Http2Sink } from "./sink.ts";
import { Http2Stream } from "./stream.ts";

/** One end of an HTTP/2 connection (RFC 9113), over bytes: whoever owns the socket calls {@link execute} with what it read and {@link flush} at
 *  the end of a turn, and gets everything else through its sink. No I/O, no clock. */
export class Http2Connection<Owner> {
	readonly role: "server" | "client";
	readonly #state: ConnectionState<Owner>;
	readonly #sender: Sender<Owner>;
	readonly #receiver: Receiver<Owner>;
	readonly #parser: FrameParser;
	/** Octets of the client's preface still to come. */
	#prefaceLeft: number;

	/** The preface and SETTINGS are queued at once.
	 *  @param shared what the connections of one listener or cluster have in common
	 *  @param reportsWrites the owner calls {@link onWritten} once for each `write` that was not "gone", in their order: buffers are used again then */
	constructor(
		role: "server" | "client",
		config: Http2Config,
		sink: Http2Sink<Owner>,
		shared: Http2Shared = createHttp2Shared(),
		reportsWrites = false,
	) {
		this.role = role;
		const isServer = role === "server";
		this.#state = new ConnectionState(isServer, config, sink, shared, reportsWrites);
		this.#sender = new Sender(this.#state);
		this.#receiver = new Receiver(this.#state, this.#sender);
		this.#parser = new FrameParser(this.#receiver);
		this.#prefaceLeft = isServer ? clientPreface.length : 0;
		this.#greet();
	}

	/** Streams that are neither closed nor reset. */
	get activeStreams(): number {
		return this.#state.streams.size;
	}

	/** Client: how many streams the peer lets us have at a time; Infinity until its SETTINGS came. */
	get maxPeerStreams(): number {
		return this.#state.peerMaxStreams;
	}

	/** Client: whether a stream may be opened now: no GOAWAY either way, below {@link maxPeerStreams}, identifiers left. */
	get canOpenStream(): boolean {
		const state = this.#state;
		return (
			!state.isOver &&
			state.lastTakenStreamId === Number.POSITIVE_INFINITY &&
			state.lastAcceptedStreamId === Number.POSITIVE_INFINITY &&
			state.streams.size < state.peerMaxStreams &&
			state.nextLocalStreamId <= maxStreamId
		);
	}

	/** Client: whether the server takes extended CONNECT (RFC 8441). */
	get peerTakesExtendedConnect(): boolean {
		return this.#state.peerTakesExtendedConnect;
	}

	/** The first SETTINGS of the peer are here. */
	get hasPeerSettings(): boolean {
		return this.#state.hasPeerSettings;
	}

	/** Bytes of all streams that wait for windows or for the socket. */
	get pendingBytes(): number {
		return this.#state.pendingBytes;
	}

	/** A header block has begun, and CONTINUATION frames are to follow. */
	get isInHeaderBlock(): boolean {
		return this.#receiver.isInHeaderBlock;
	}

	/** Takes what was read; the buffer may be used again afterwards. */
	execute(bytes: Buffer): void {
		if (this.#state.isOver) return;
		let at = 0;
		if (this.#prefaceLeft > 0) {
			at = this.#takePreface(bytes);
			if (at < 0) return;
		}
		this.#parser.execute(bytes, at);
	}

	/** Hands the output of the turn to the sink's `write`, in one piece. */
	flush(): void {
		this.#state.flush();
	}

	/** The socket is done with the first of the writes. */
	onWritten(): void {
		this.#state.output.onWritten();
	}

	/** The socket takes bytes again, after `write` said "full". */
	onSocketDrain(): void {
		this.#state.onSocketDrain();
		this.#sender.pump();
	}

	/** Client: begins a request; only while {@link canOpenStream}. `protocol` makes it an extended CONNECT; `fields` are sent as they are, hop-by-hop
	 *  ones and `host` left out (RFC 9113 section 8.2.2). */
	openStream(
		owner: Owner,
		method: string,
		scheme: string,
		authority: string,
		path: string,
		protocol: string | undefined,
		fields: HeaderList,
		endStream: boolean,
	): Http2Stream<Owner> {
		const state = this.#state;
		const id = state.nextLocalStreamId;
		state.nextLocalStreamId += 2;
		const stream = new Http2Stream<Owner>(id, state.peerWindowBytes, state.config.streamWindowBytes);
		stream.owner = owner;
		stream.isHeadRequest = method === "HEAD";
		state.addStream(stream);
		const { encoder } = state;
		encoder.begin();
		encoder.add(":method", method);
		if (method !== "CONNECT" || protocol !== undefined) {
			encoder.add(":scheme", scheme);
			encoder.add(":path", path);
		}
		if (authority !== "") encoder.add(":authority", authority);
		if (protocol !== undefined) encoder.add(":protocol", protocol);
		encoder.addAll(fields);
		this.#sender.writeBlock(id, endStream);
		if (endStream) this.#sender.endWithHead(stream);
		return stream;
	}

	/** Server: a response's head, or a 1xx answer before it. */
	sendHead(stream: Http2Stream<Owner>, status: number, fields: HeaderList, endStream: boolean): void {
		if (stream.isClosed || stream.isLocalDone) return;
		const { encoder } = this.#state;
		encoder.begin();
		encoder.addStatus(status);
		encoder.addAll(fields);
		this.#sender.writeBlock(stream.id, endStream);
		if (endStream) this.#sender.endWithHead(stream);
	}

	/** Body. What windows and socket do not take yet is copied and kept.
	 *  @returns false when the caller should wait for `onStreamWritable` */
	sendData(stream: Http2Stream<Owner>, view: Buffer, endStream: boolean): boolean {
		return this.#sender.sendData(stream, view, endStream);
	}

	/** Ends the message with trailers, behind what waits. */
	sendTrailers(stream: Http2Stream<Owner>, fields: HeaderList): void {
		this.#sender.sendTrailers(stream, fields);
	}

	/** Ends the stream both ways. What waits is dropped, except with NO_ERROR once the message is complete: then the reset goes behind it
	 *  (RFC 9113 section 8.1). The sink is told `onStreamClosed`. */
	resetStream(stream: Http2Stream<Owner>, code: number): void {
		const state = this.#state;
		if (stream.isClosed) return;
		if (code === Http2ErrorCode.noError && stream.isLocalDone && stream.pending !== undefined) {
			stream.resetAfterPending = code;
			return;
		}
		if (!state.isOver) state.writeReset(stream.id, code);
		state.removeStream(stream, true);
		state.sink.onStreamClosed(stream);
	}

	/** `bytes` of a stream's body went on: its peer may send as many again. */
	consume(stream: Http2Stream<Owner>, bytes: number): void {
		if (stream.isClosed || bytes === 0) return;
		const state = this.#state;
		stream.unconsumedBytes -= bytes;
		state.giveConnectionCredit(bytes);
		state.giveStreamCredit(stream, bytes);
	}

	/** Server: says that no further streams are wanted (GOAWAY with the highest identifier); those under way to us are still taken. Follow with
	 *  {@link goAway} a round trip or a drain time later (RFC 9113 section 6.8). */
	announceGoAway(): void {
		const state = this.#state;
		if (state.isOver || state.lastAcceptedStreamId !== Number.POSITIVE_INFINITY) return;
		state.lastAcceptedStreamId = maxStreamId;
		state.writeGoAway(maxStreamId, Http2ErrorCode.noError);
	}

	/** GOAWAY with the last stream that was taken: later ones are ignored. Open ones go on. */
	goAway(code: number): void {
		const state = this.#state;
		if (state.isOver) return;
		state.lastAcceptedStreamId = state.lastPeerStreamId;
		state.writeGoAway(state.lastPeerStreamId, code);
	}

	/** Sends a PING; `onPingAnswer` follows. */
	ping(): void {
		const state = this.#state;
		if (state.isOver) return;
		state.unansweredPings++;
		state.beginFrame(FrameType.ping, 0, 0, 8);
		state.output.putUint32(0);
		state.output.putUint32(0);
	}

	/** Every open stream, as they are at this moment. */
	streams(): readonly Http2Stream<Owner>[] {
		return this.#state.streams.values();
	}

	/** The socket is gone: forgets streams and output; the sink is told nothing any more. */
	close(): void {
		this.#parser.stop();
		this.#state.close();
	}

	#greet(): void {
		const state = this.#state;
		const { config } = state;
		if (!state.isServer) {
			const preface = state.output.reserve(clientPreface.length);
			state.output.at += preface.latin1Write(clientPreface, state.output.at, clientPreface.length);
		}
		const settings = [
			[SettingId.headerTableSize, config.headerTableBytes],
			...(state.isServer
				? [[SettingId.enableConnectProtocol, config.allowExtendedConnect ? 1 : 0]]
				: [[SettingId.enablePush, 0]]),
			[SettingId.maxConcurrentStreams, Math.min(config.maxConcurrentStreams, maxStreamId)],
			[SettingId.initialWindowSize, config.streamWindowBytes],
		] as const;
		state.unansweredSettings = 1;
		state.beginFrame(FrameType.settings, 0, 0, settings.length * 6);
		for (const [id, value] of settings) {
			state.output.putUint16(id!);
			state.output.putUint32(value!);
		}
		const more = config.connectionWindowBytes - initialWindowBytes;
		if (more <= 0) return;
		state.beginFrame(FrameType.windowUpdate, 0, 0, 4);
		state.output.putUint32(more);
	}

	/** @returns where frames begin in `bytes`, -1 when it is no preface */
	#takePreface(bytes: Buffer): number {
		const done = clientPreface.length - this.#prefaceLeft;
		const taken = Math.min(this.#prefaceLeft, bytes.length);
		if (bytes.latin1Slice(0, taken) !== clientPreface.slice(done, done + taken)) {
			this.#parser.stop();
			this.#state.fail("bad-preface", Http2ErrorCode.protocolError, true);
			return -1;
		}
		this.#prefaceLeft -= taken;
		return taken;
	}
}
