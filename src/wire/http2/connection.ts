import type { HeaderList } from "../../core/index.ts";
import type { Http2Config } from "./config.ts";
import type { Http2Sink } from "./sink.ts";
import type { Http2Stream } from "./stream.ts";

/** One end of an HTTP/2 connection (RFC 9113), over bytes: whoever owns the socket calls {@link execute} with what it read and {@link flush} at
 *  the end of a turn, and gets everything else through its sink. No I/O, no clock. */
export class Http2Connection<Owner> {
	readonly role: "server" | "client";

	/** The preface and SETTINGS are queued at once. */
	constructor(role: "server" | "client", _config: Http2Config, _sink: Http2Sink<Owner>) {
		this.role = role;
	}

	/** Streams that are neither closed nor reset. */
	get activeStreams(): number {
		return 0;
	}

	/** Client: how many streams the peer lets us have at a time; Infinity until its SETTINGS came. */
	get maxPeerStreams(): number {
		return 0;
	}

	/** Client: whether a stream may be opened now: no GOAWAY either way, below {@link maxPeerStreams}, identifiers left. */
	get canOpenStream(): boolean {
		return false;
	}

	/** Client: whether the server takes extended CONNECT (RFC 8441). */
	get peerTakesExtendedConnect(): boolean {
		return false;
	}

	/** The first SETTINGS of the peer are here. */
	get hasPeerSettings(): boolean {
		return false;
	}

	/** Bytes of all streams and frames that wait for windows or for the socket. */
	get pendingBytes(): number {
		return 0;
	}

	/** Takes what was read; the buffer may be used again afterwards. */
	execute(_bytes: Buffer): void {
		return;
	}

	/** Hands the output of the turn to the sink's `write`, in one piece. */
	flush(): void {
		return;
	}

	/** The socket takes bytes again, after `write` said "full". */
	onSocketDrain(): void {
		return;
	}

	/** Client: begins a request; only while {@link canOpenStream}. `protocol` makes it an extended CONNECT; `fields` are sent as they are, hop-by-hop
	 *  ones and `host` left out (RFC 9113 section 8.2.2). */
	openStream(
		_owner: Owner,
		_method: string,
		_scheme: string,
		_authority: string,
		_path: string,
		_protocol: string | undefined,
		_fields: HeaderList,
		_endStream: boolean,
	): Http2Stream<Owner> {
		throw new Error("not there yet");
	}

	/** Server: a response's head, or a 1xx answer before it. */
	sendHead(_stream: Http2Stream<Owner>, _status: number, _fields: HeaderList, _endStream: boolean): void {
		return;
	}

	/** Body. What windows and socket do not take yet is copied and kept.
	 *  @returns false when the caller should wait for `onStreamWritable` */
	sendData(_stream: Http2Stream<Owner>, _view: Buffer, _endStream: boolean): boolean {
		return true;
	}

	/** Ends the message with trailers, behind what waits. */
	sendTrailers(_stream: Http2Stream<Owner>, _fields: HeaderList): void {
		return;
	}

	/** Ends the stream both ways; what waits is dropped. The sink is told `onStreamClosed`. */
	resetStream(_stream: Http2Stream<Owner>, _code: number): void {
		return;
	}

	/** `bytes` of a stream's body went on: its peer may send as many again. */
	consume(_stream: Http2Stream<Owner>, _bytes: number): void {
		return;
	}

	/** Server: says that no further streams are wanted (GOAWAY with the highest identifier); those under way to us are still taken. Follow with
	 *  {@link goAway} a round trip or a drain time later (RFC 9113 section 6.8). */
	announceGoAway(): void {
		return;
	}

	/** GOAWAY with the last stream that was taken: later ones are ignored. Open ones go on. */
	goAway(_code: number): void {
		return;
	}

	/** Sends a PING; `onPingAnswer` follows. */
	ping(): void {
		return;
	}

	/** Every open stream, in no special order. */
	streams(): Iterable<Http2Stream<Owner>> {
		return [];
	}
}
