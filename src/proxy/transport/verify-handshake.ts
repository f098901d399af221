import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { systemClock } from "../../core/index.ts";
import { forgivesChainError, type ValidationSecret, verifyPeer } from "../secret/index.ts";

/** How the check of a peer's certificate ended. */
export type PeerVerdict =
	| { readonly kind: "verified" }
	/** Nothing was demanded. */
	| { readonly kind: "unverified" }
	| { readonly kind: "refused"; readonly reason: string; readonly cause: "no-certificate" | "chain" | "name" };

/** The part of Node's TLS handle that says how the chain was judged; public API says so for `tls.Server` sockets only. */
interface TlsHandle {
	verifyError(): (Error & { readonly code?: string }) | null;
}

/** Judges the peer of a finished handshake: its chain by the TLS library's verdict, then pins, names and trust domain. */
export function verifyHandshake(
	socket: TLSSocket,
	certificate: X509Certificate | undefined,
	validation: ValidationSecret | undefined,
	requireCertificate: boolean,
): PeerVerdict {
	if (certificate === undefined) {
		if (!requireCertificate) return { kind: "unverified" };
		return { kind: "refused", reason: "peer sent no certificate", cause: "no-certificate" };
	}
	if (validation === undefined) return { kind: "unverified" };
	const chainFault = findChainFault(socket, certificate);
	if (chainFault !== undefined && !forgivesChainError(validation, chainFault)) {
		return { kind: "refused", reason: chainFault, cause: "chain" };
	}
	const fault = verifyPeer(validation, certificate);
	if (fault !== undefined) return { kind: "refused", reason: fault, cause: "name" };
	const checksChain = validation.ca !== undefined || validation.systemRoots;
	const checksMore =
		validation.subjectAltNames.length + validation.spkiHashes.length + validation.certificateHashes.length > 0;
	return { kind: checksChain || checksMore ? "verified" : "unverified" };
}

/** What the TLS library found. On a resumed session it repeats its old verdict, so the time is looked at again: by the machine's clock,
 *  as the library does. */
function findChainFault(socket: TLSSocket, certificate: X509Certificate): string | undefined {
	const error = (socket as unknown as { readonly ssl: TlsHandle }).ssl.verifyError();
	if (error !== null && error !== undefined) return error.code ?? error.message;
	const isExpired = socket.isSessionReused() && certificate.validToDate.getTime() <= systemClock.wall();
	return isExpired ? "CERT_HAS_EXPIRED" : undefined;
}
