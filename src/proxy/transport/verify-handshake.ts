import type { X509Certificate } from "node:crypto";
import { systemClock } from "../../core/index.ts";
import { canTuneContexts } from "../../os/index.ts";
import {
	factsOfLeaf,
	findChainRuleFault,
	forgivesChainError,
	readSubjectAltNames,
	type TrustDomainFault,
	type ValidationSecret,
	verifyNames,
	verifyPins,
	verifyTrustDomain,
} from "../secret/index.ts";
import type { TlsStats } from "../stats/index.ts";
import type { HandshakeFacts } from "./handshake-facts.ts";

/** What is wrong with a peer's certificate. */
export type PeerFault = "no-certificate" | "chain" | "name" | "pin";

/** How the check of a peer's certificate ended. */
export type PeerVerdict =
	| { readonly kind: "verified" }
	/** Nothing was demanded; or something is wrong, and the rules take the peer nevertheless. */
	| { readonly kind: "unverified"; readonly forgiven: PeerFault | undefined }
	| { readonly kind: "refused"; readonly reason: string; readonly cause: PeerFault };

/** Counts a fault, forgiven or not. */
export function countPeerFault({ ssl }: TlsStats, fault: PeerFault): void {
	if (fault === "no-certificate") ssl.fail_verify_no_cert.value++;
	else if (fault === "name") ssl.fail_verify_san.value++;
	else if (fault === "pin") ssl.fail_verify_cert_hash.value++;
	else ssl.fail_verify_error.value++;
}

/** Judges the peer of a finished handshake: its chain by the TLS library's verdict, then pins, names and trust domain. */
export function verifyHandshake(
	facts: HandshakeFacts,
	certificate: X509Certificate | undefined,
	validation: ValidationSecret | undefined,
	requireCertificate: boolean,
): PeerVerdict {
	if (certificate === undefined) {
		if (!requireCertificate) return { kind: "unverified", forgiven: undefined };
		return { kind: "refused", reason: "peer sent no certificate", cause: "no-certificate" };
	}
	if (validation === undefined) return { kind: "unverified", forgiven: undefined };
	const fault = findFault(facts, certificate, validation);
	// A peer that is taken although nothing vouches for it is not a verified one.
	if (fault !== undefined) return validation.acceptUntrusted ? { kind: "unverified", forgiven: fault.cause } : fault;
	const checksAnything = validation.ca !== undefined || validation.systemRoots || hasPeerRules(validation);
	return checksAnything ? { kind: "verified" } : { kind: "unverified", forgiven: undefined };
}

/** Envoy's order: the chain, which for the SPIFFE validator begins with the leaf and its trust domain, the names, the pins. */
function findFault(
	facts: HandshakeFacts,
	certificate: X509Certificate,
	validation: ValidationSecret,
): Extract<PeerVerdict, { readonly kind: "refused" }> | undefined {
	const domainFault = verifyTrustDomain(validation, certificate);
	if (domainFault !== undefined && domainFault.kind !== "chain") {
		return { kind: "refused", reason: domainFaults[domainFault.kind], cause: "chain" };
	}
	const found = findChainFault(facts, certificate);
	const chainFault =
		found !== undefined && !forgivesChainError(validation, found, canTuneContexts())
			? found
			: findRuleFault(validation, certificate);
	if (chainFault !== undefined) return { kind: "refused", reason: describeChainFault(chainFault), cause: "chain" };
	if (domainFault !== undefined) return { kind: "refused", reason: domainFault.problem, cause: "chain" };
	const nameFault = verifyNames(validation, certificate);
	if (nameFault !== undefined) {
		return { kind: "refused", reason: describeNameFault(nameFault, validation, certificate), cause: "name" };
	}
	const pinFault = verifyPins(validation, certificate);
	return pinFault === undefined ? undefined : { kind: "refused", reason: pinFault, cause: "pin" };
}

/** Envoy's words. */
const domainFaults: Readonly<Record<Exclude<TrustDomainFault["kind"], "chain">, string>> = {
	leaf: "cert pre-check",
	domain: "no trust bundle store",
};

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

function findRuleFault({ chainRules }: ValidationSecret, leaf: X509Certificate): string | undefined {
	return chainRules === undefined ? undefined : findChainRuleFault(chainRules, leaf);
}

/** Whether a client is asked for a certificate, and whether it must show one, as Envoy has it: `require_client_certificate` counts where
 *  there are authorities; names and pins can only be met by a certificate, and so can the SPIFFE validator. */
export function demandsOfClient(
	validation: ValidationSecret | undefined,
	requiresCertificate: boolean,
): { readonly asks: boolean; readonly needs: boolean } {
	if (validation === undefined) return { asks: false, needs: false };
	const hasAuthorities = validation.ca !== undefined || validation.systemRoots;
	const hasRules = hasPeerRules(validation);
	const needs =
		(requiresCertificate && hasAuthorities) ||
		(hasRules && !validation.acceptUntrusted) ||
		validation.trustDomains !== undefined;
	return { asks: needs || hasAuthorities || hasRules || validation.acceptUntrusted, needs };
}

/** Whether a peer must show a certificate for its names or its pins to be compared. */
function hasPeerRules({ subjectAltNames, spkiHashes, certificateHashes }: ValidationSecret): boolean {
	return subjectAltNames.length + spkiHashes.length + certificateHashes.length > 0;
}

/** What the TLS library found. On a resumed session it repeats its old verdict, so the time is looked at again: by the machine's clock,
 *  as the library does. */
function findChainFault(facts: HandshakeFacts, certificate: X509Certificate): string | undefined {
	const error = facts.ssl.verifyError();
	if (error !== null && error !== undefined) return error.code ?? error.message;
	const isExpired = facts.isSessionReused() && factsOfLeaf(certificate).validToMs <= systemClock.wall();
	return isExpired ? "CERT_HAS_EXPIRED" : undefined;
}
