import type { TLSSocket } from "node:tls";
import { type Certificate, readCertificate, trustDomainOf, validateLeaf } from "../identity/index.ts";
import type { SpiffeId } from "../model/index.ts";

/** Whose certificate a peer showed. */
export interface PeerIdentity {
	readonly spiffeId: SpiffeId;
	/** Of the certificate, in lower-case hexadecimal. */
	readonly serial: string;
}

/** Whose certificate a peer showed: one of the own trust domain, in its time, whose chain the handshake has checked. */
export function peerOf(socket: TLSSocket, trustDomain: string, now: number): PeerIdentity | undefined {
	const certificate = socket.getPeerX509Certificate();
	if (certificate === undefined || !socket.authorized) return undefined;
	return readIdentity(certificate.raw, trustDomain, now);
}

/** The identity of a certificate (DER) whose chain was checked. */
export function readIdentity(certificate: Uint8Array, trustDomain: string, now: number): PeerIdentity | undefined {
	const leaf = read(certificate);
	if (leaf === undefined) return undefined;
	const checked = validateLeaf(leaf);
	if (!checked.ok || trustDomainOf(checked.value) !== trustDomain) return undefined;
	return leaf.notBefore <= now && now < leaf.notAfter ? { spiffeId: checked.value, serial: leaf.serial } : undefined;
}

/** Somebody else's bytes: TLS has taken them, which is not to say that they are all that a certificate of ours is. */
function read(certificate: Uint8Array): Certificate | undefined {
	try {
		return readCertificate(certificate);
	} catch {
		return undefined;
	}
}
