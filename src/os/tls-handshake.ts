import type { X509Certificate } from "node:crypto";
import { TLSSocket } from "node:tls";
import type { TlsHandle } from "./stream-handles.ts";

/** A finished handshake; the words are those of `tls.TLSSocket`. Only while the socket is open. */
export class TlsHandshake {
	readonly ssl: TlsHandle;
	readonly servername: string | false;
	readonly alpnProtocol: string | false;

	constructor(ssl: TlsHandle) {
		this.ssl = ssl;
		this.servername = ssl.getServername();
		this.alpnProtocol = ssl.getALPNNegotiatedProtocol();
	}

	getProtocol(): string | null {
		return this.ssl.getProtocol();
	}

	getCipher(): { readonly name: string } | undefined {
		return this.ssl.getCipher();
	}

	getEphemeralKeyInfo(): { readonly name?: string } | null {
		return this.ssl.getEphemeralKeyInfo();
	}

	isSessionReused(): boolean {
		return this.ssl.isSessionReused();
	}

	// Node makes certificates of the library's own only for its sockets, which ask their handle.
	getPeerX509Certificate(): X509Certificate | undefined {
		return TLSSocket.prototype.getPeerX509Certificate.call({ _handle: this.ssl } as unknown as TLSSocket);
	}

	getX509Certificate(): X509Certificate | undefined {
		return TLSSocket.prototype.getX509Certificate.call({ _handle: this.ssl } as unknown as TLSSocket);
	}
}
