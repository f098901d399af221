import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** What a finished handshake can tell, of Node's TLS sockets and of those on handles; while the socket is open. */
export interface HandshakeFacts {
	/** Node's TLS handle says how the chain was judged; public API says so for `tls.Server` sockets only. */
	readonly ssl: { verifyError(): (Error & { readonly code?: string }) | null };
	readonly servername?: string | false | null;
	readonly alpnProtocol: string | false | null;
	getProtocol(): string | null;
	getCipher(): { readonly name: string } | undefined;
	isSessionReused(): boolean;
	getPeerX509Certificate(): X509Certificate | undefined;
	getX509Certificate(): X509Certificate | undefined;
}

/** The facts of a TLS socket whose handshake is done. */
export function factsOf(socket: TLSSocket): HandshakeFacts {
	return socket as unknown as HandshakeFacts;
}
