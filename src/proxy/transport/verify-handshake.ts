import type { X509Certificate } from "node:crypto";
import { systemClock } from "../../core/index.ts";
import { forgivesChainError, readSubjectAltNames, type ValidationSecret, verifyPeer } from "../secret/index.ts";
import type { HandshakeFacts } from "./handshake-facts.ts";

/** How the check of a peer's certificate ended. */
export type PeerVerdict =
	/** `forgiven`: its chain was at fault, and the rules take it nevertheless. */
	| { readonly kind: "verified"; readonly forgiven: boolean }
	/** Nothing was demanded. */
	| { readonly kind: "unverified"; readonly forgiven: boolean }
	| { readonly kind: "refused"; readonly reason: string; readonly cause: "no-certificate" | "chain" | "name" };

/** Judges the peer of a finished handshake: its chain by the TLS library's verdict, then pins, names and trust domain. */
export function verifyHandshake(
	facts: HandshakeFacts,
	certificate: X509Certificate | undefined,
	validation: ValidationSecret | undefined,
	requireCertificate: boolean,
): PeerVerdict {
	if (certificate === undefined) {
		if (!requireCertificate) return { kind: "unverified", forgiven: false };
		return { kind: "refused", reason: "peer sent no certificate", cause: "no-certificate" };
	}
	if (validation === undefined) return { kind: "unverified", forgiven: false };
	const chainFault = findChainFault(facts, certificate);
	if (chainFault !== undefined && !forgivesChainError(validation, chainFault)) {
		return { kind: "refused", reason: describeChainFault(chainFault), cause: "chain" };
	}
	const fault = verifyPeer(validation, certificate);
	if (fault !== undefined) {
		return { kind: "refused", reason: describeNameFault(fault, validation, certificate), cause: "name" };
	}
	const checksChain = validation.ca !== undefined || validation.systemRoots;
	// A peer that is taken although nothing vouches for it is not a verified one.
	const forgiven = chainFault !== undefined && validation.acceptUntrusted;
	return { kind: !forgiven && (checksChain || hasPeerRules(validation)) ? "verified" : "unverified", forgiven };
}

const chainFaults: Readonly<Record<string, string>> = {
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to get local issuer certificate",
	DEPTH_ZERO_SELF_SIGNED_CERT: "self signed certificate",
	SELF_SIGNED_CERT_IN_CHAIN: "self signed certificate in certificate chain",
	CERT_HAS_EXPIRED: "certificate has expired",
	CERT_NOT_YET_VALID: "certificate is not yet valid",
	CERT_REVOKED: "certificate revoked",
};

/** Envoy's words, with the library's code where there are none. */
function describeChainFault(code: string): string {
	return `X509_verify_cert: certificate verification error at depth 0: ${chainFaults[code] ?? code}`;
}

function describeNameFault(fault: string, validation: ValidationSecret, certificate: X509Certificate): string {
	if (validation.subjectAltNames.length === 0) return fault;
	const names = readSubjectAltNames(certificate).map(({ value }) => value);
	return `SAN matcher, certificate SANs are [${names.join(", ")}]`;
}

/** Whether a peer must show a certificate for its names or its pins to be compared. */
export function hasPeerRules({ subjectAltNames, spkiHashes, certificateHashes }: ValidationSecret): boolean {
	return subjectAltNames.length + spkiHashes.length + certificateHashes.length > 0;
}

/** What the TLS library found. On a resumed session it repeats its old verdict, so the time is looked at again: by the machine's clock,
 *  as the library does. */
function findChainFault(facts: HandshakeFacts, certificate: X509Certificate): string | undefined {
	const error = facts.ssl.verifyError();
	if (error !== null && error !== undefined) return error.code ?? error.message;
	const isExpired = facts.isSessionReused() && certificate.validToDate.getTime() <= systemClock.wall();
	return isExpired ? "CERT_HAS_EXPIRED" : undefined;
}
