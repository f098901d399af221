import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";

/** Bytes both ways to an upstream that nobody parses: a connection of its own, or a tunnel on a shared one. */
export interface RawStream {
	/** Of the connection below. */
	readonly id: number;
	readonly localAddress: SocketAddress | undefined;
	readonly remoteAddress: SocketAddress | undefined;
	readonly tlsSession: TlsSession | undefined;
	/** Bytes that were written and have not left. */
	readonly bufferedBytes: number;
	/** The view may change after the call. @returns false when the caller should wait for `onRawDrain` */
	write(view: Buffer): boolean;
	/** Sends our end; the other direction goes on. */
	end(): void;
	pause(): void;
	resume(): void;
	/** Ends both directions; what was written still leaves where that is possible. `byPeer`: the peer's end came last, and statistics
	 *  say so. */
	close(byPeer?: boolean): void;
	/** Ends both directions at once, so that the upstream sees its connection reset. */
	reset(): void;
}

/** Who owns a raw stream. Exactly one of `onRawReady` and `onRawFailed` is called, never before the call that opened it returned.
 *  Views are valid during the call. */
export interface RawStreamOwner {
	onRawReady(stream: RawStream): void;
	/** `connection timeout`, what an answer said, or what the socket said. */
	onRawFailed(stream: RawStream, detail: string): void;
	onRawData(view: Buffer): void;
	/** The upstream sent its end. */
	onRawEnd(): void;
	/** `isReset`: the upstream cut it. */
	onRawClosed(isReset: boolean): void;
	onRawDrain(): void;
}
