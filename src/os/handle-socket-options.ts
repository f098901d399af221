import type { HandleSocket } from "./handle-socket.ts";

/** How a {@link HandleSocket} behaves. */
export interface HandleSocketOptions {
	/** Our end is not sent with the peer's. */
	readonly allowHalfOpen: boolean;
	/** From so many unsent bytes on, `write` says false. */
	readonly highWaterMark: number;
	/** Not connected yet: {@link HandleSocket.onConnected} follows. */
	readonly isConnecting?: boolean;
	/** The socket below, of a TLS handle: it knows the addresses, and closing it closes the handle. */
	readonly below?: HandleSocket;
	/** Of a TLS handle: a connection that is only left tells its peer so first, or the library would forget its session. */
	readonly keepsSession?: boolean;
	/** A write that fails does not end reading: what the peer sent before it broke the connection comes first. */
	readonly hearsOut?: boolean;
	/** Takes what is read at the start of the shared read buffer, in place of "data". */
	readonly onBytes?: ((bytes: number) => void) | undefined;
}
