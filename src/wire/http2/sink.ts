import type { HeaderList } from "../../core/index.ts";
import type { Http2Fault } from "./error-codes.ts";
import type { Http2Head } from "./head.ts";
import type { Http2Stream } from "./stream.ts";

/** Who owns a connection's socket and its streams. Everything is called from within `execute`, `onSocketDrain` or a command, never later.
 *  `Owner` is what the user hangs on each stream. */
export interface Http2Sink<Owner> {
	/** Server: a request begins; hang the owner on `stream.owner` here. Client: the final response begins. `fields` belongs to the receiver. */
	onHead(stream: Http2Stream<Owner>, head: Http2Head, fields: HeaderList, endStream: boolean): void;
	/** Client: a 1xx answer. */
	onInformational(stream: Http2Stream<Owner>, status: number, fields: HeaderList): void;
	/** Body; `view` is valid during the call only. Give the credit back by `consume` when the bytes went on. `view` may be empty at the end. */
	onData(stream: Http2Stream<Owner>, view: Buffer, endStream: boolean): void;
	/** The message ends with these fields, which belong to the receiver. */
	onTrailers(stream: Http2Stream<Owner>, fields: HeaderList): void;
	/** The peer reset the stream; it is gone. */
	onReset(stream: Http2Stream<Owner>, code: number): void;
	/** What the peer sent on the stream is wrong; the codec has reset it with `code`, it is gone. A server may get here for a stream that it was
	 *  never told of (`stream.owner` is undefined): a malformed request; `head` has then what could be read, if anything.
	 *  @see answerFault for the choice to answer first */
	onStreamFault(stream: Http2Stream<Owner>, fault: Http2Fault, code: number): void;
	/** After `sendData` said false: there is room again. */
	onStreamWritable(stream: Http2Stream<Owner>): void;
	/** Both directions have ended, or the stream was reset by us: the slot is free. Not called after `onReset` or `onStreamFault`. */
	onStreamClosed(stream: Http2Stream<Owner>): void;
	/** The peer will not take streams beyond `lastStreamId`; those of ours above it get `onReset` with REFUSED_STREAM after this. */
	onGoAway(lastStreamId: number, code: number): void;
	/** The peer's SETTINGS were applied: `maxPeerStreams` and others may have changed. */
	onSettings(): void;
	/** The peer answered a `ping`. */
	onPingAnswer(): void;
	/** The connection is broken by its peer. GOAWAY is queued; flush, then close. Nothing is called after this. */
	onConnectionFault(fault: Http2Fault, code: number): void;
	/** There is something to flush and was nothing before: see to it that `flush` is called at the end of the turn. */
	onOutput(): void;
	/** Takes one turn's bytes.
	 *  @returns what became of them: "gone" (the buffer may be used again at once), "taken" (it belongs to the receiver, until it calls `onWritten` if it does), "full" (taken, and the
	 *  receiver calls `onSocketDrain` when it wants more) */
	write(bytes: Buffer): "gone" | "taken" | "full";
}
