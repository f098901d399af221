/** One stream of a connection. Its users read it, hang themselves on it, and command it through the connection. */
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
	/** Bytes that the peer lets us send; negative after its SETTINGS took some back. */
	sendWindow: number;
	/** Bytes that the peer may still send us. */
	receiveWindow: number;

	constructor(id: number, sendWindow: number, receiveWindow: number) {
		this.id = id;
		this.sendWindow = sendWindow;
		this.receiveWindow = receiveWindow;
	}

	/** Bytes that wait for windows or for the socket. */
	get pendingBytes(): number {
		return 0;
	}
}
