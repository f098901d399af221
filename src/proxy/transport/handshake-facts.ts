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
	/** The key exchange of a handshake with a server; null with a client, of which the library does not tell. */
	getEphemeralKeyInfo(): { readonly name?: string } | null;
	isSessionReused(): boolean;
	getPeerX509Certificate(): X509Certificate | undefined;
	getX509Certificate(): X509Certificate | undefined;
}

/** The facts of a TLS socket whose handshake is done. */
export function factsOf(socket: TLSSocket): HandshakeFacts {
	return socket as unknown as HandshakeFacts;
}

/** The curve that a server agreed on, by Envoy's name. */
export function curveOf(facts: HandshakeFacts): string | undefined {
	const name = facts.getEphemeralKeyInfo()?.name;
	return name === undefined ? undefined : (curveNames[name] ?? name);
}

/** OpenSSL's names of what Envoy's library calls otherwise. */
const curveNames: Readonly<Record<string, string>> = {
	prime256v1: "P-256",
	secp384r1: "P-384",
	secp521r1: "P-521",
};
