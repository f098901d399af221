/** A connection's bytes both ways: what a `net.Socket`, a `tls.TLSSocket` and a {@link HandleSocket} have in common, as far as the proxy uses it.
 *  Words and order of events are those of `net.Socket`. */
export interface StreamSocket {
	readonly destroyed: boolean;
	/** The peer's end was told. */
	readonly readableEnded: boolean;
	/** Bytes that were read and not handed on. */
	readonly readableLength: number;
	/** Our end was asked for. */
	readonly writableEnded: boolean;
	/** Bytes that were written and have not left. */
	readonly writableLength: number;
	/** `write` said false, and "drain" is to come. */
	readonly writableNeedDrain: boolean;
	readonly bytesRead: number;
	readonly bytesWritten: number;
	readonly remoteAddress?: string | undefined;
	readonly remotePort?: number | undefined;
	readonly localAddress?: string | undefined;
	readonly localPort?: number | undefined;
	/** @returns false when the caller should wait for "drain". `done` is called once the bytes have left, never before `write` returned */
	write(bytes: Uint8Array, done?: () => void): boolean;
	write(text: string, encoding: "latin1"): boolean;
	/** What is written between the two leaves in one piece. */
	cork(): void;
	uncork(): void;
	/** Our end, behind everything that was written. */
	end(): unknown;
	destroy(error?: Error): unknown;
	/** Ends both directions when everything has left. */
	destroySoon(): unknown;
	resetAndDestroy(): unknown;
	pause(): unknown;
	resume(): unknown;
	isPaused(): boolean;
	/** Puts bytes back in front of those to be read. */
	unshift(bytes: Uint8Array): void;
	on(event: "data", listener: (bytes: Buffer) => void): unknown;
	on(event: "error", listener: (error: Error) => void): unknown;
	on(event: SocketSignal, listener: () => void): unknown;
	once(event: "data", listener: (bytes: Buffer) => void): unknown;
	once(event: SocketSignal, listener: () => void): unknown;
	off(event: "data", listener: (bytes: Buffer) => void): unknown;
	off(event: "error", listener: (error: Error) => void): unknown;
	off(event: SocketSignal, listener: () => void): unknown;
}

/** What became of bytes: used up, kept until `done` is called, or kept and the caller should wait for "drain". */
export type WriteOutcome = "gone" | "taken" | "full";

/** Events without a value. */
export type SocketSignal = "connect" | "end" | "drain" | "close";
