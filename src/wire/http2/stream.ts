import type { HeaderList } from "../../core/index.ts";

/** A piece of a body that waits: `buffer[start, end)`. */
export interface PendingPiece {
	readonly buffer: Buffer;
	start: number;
	end: number;
	/** Whether the buffer goes back to where it came from. */
	readonly isBorrowed: boolean;
}

/** One stream of a connection. Its users read it, hang themselves on it, and command it through the connection; only the codec writes the rest. */
export class Http2Stream<Owner> {
	readonly id: number;
	/** The user's own. */
	owner: Owner | undefined = undefined;
	/** END_STREAM has come. */
	isRemoteDone = false;
	/** END_STREAM was sent, or is behind what waits. */
	isLocalDone = false;
	/** Gone: both directions ended, or reset by either side. Commands on it do nothing. */
	isClosed = false;
	/** Client: the final response's head is here. Server: the request's is. */
	hasHead = false;
	/** Client: the response has no body, whatever its length says. */
	isHeadRequest = false;
	/** Bytes that the peer lets us send; negative after its SETTINGS took some back. */
	sendWindow: number;
	/** Bytes that the peer may still send us. */
	receiveWindow: number;
	/** Bytes of the body still to come by its content-length; -1 when nothing was said. */
	expectedBytes = -1;
	/** Bytes that were handed on and not consumed yet. */
	unconsumedBytes = 0;
	/** Bytes that were consumed and not given back as credit yet. */
	owedCredit = 0;
	/** What waits for windows or for the socket. */
	pending: PendingPiece[] | undefined = undefined;
	/** Bytes of {@link pending}. */
	pendingBytes = 0;
	/** Trailers behind {@link pending}. */
	pendingTrailers: HeaderList | undefined = undefined;
	/** Whether END_STREAM goes with the last of {@link pending}. */
	endsAfterPending = false;
	/** Reset with this code once {@link pending} is sent; -1: not. */
	resetAfterPending = -1;
	/** `sendData` said false, `onStreamWritable` is owed. */
	isBlocked = false;

	constructor(id: number, sendWindow: number, receiveWindow: number) {
		this.id = id;
		this.sendWindow = sendWindow;
		this.receiveWindow = receiveWindow;
	}
}
