import type { Problem, Validated } from "../core/index.ts";
import { isSpiffeId, type SpiffeId } from "../model/index.ts";
import type { TrustBundle } from "./trust-bundle.ts";
import {
	type AlternativeName,
	type Certificate,
	type ExtensionValues,
	findConstrainedName,
	oid,
	readCertificates,
} from "./x509/index.ts";

/** An X.509-SVID whose chain led to its trust bundle. */
export interface VerifiedSvid {
	readonly spiffeId: SpiffeId;
	readonly leaf: Certificate;
}

/** The trust domain of a SPIFFE ID. */
export function trustDomainOf(id: SpiffeId): string {
	return id.slice("spiffe://".length).split("/", 1)[0]!;
}

/** Checks one certificate against the rules for a leaf of the X509-SVID specification (sections 2, 4 and 5.2), and returns its SPIFFE ID. */
export function validateLeaf(certificate: Certificate): Validated<SpiffeId> {
	const { extensions } = certificate;
	const problems = validateUsages(extensions);
	if (extensions.isCa)
		problems.push({ path: "basicConstraints", problem: "a leaf must not be a certificate authority" });
	const uris = extensions.names.filter((name) => name.kind === "uri").map((name) => name.value);
	if (uris.length !== 1) {
		problems.push({ path: "subjectAltName", problem: `must hold exactly one URI, holds ${uris.length}` });
	}
	const id = uris[0];
	if (id === undefined) return { ok: false, problems };
	if (!isSpiffeId(id)) problems.push({ path: "subjectAltName", problem: `'${id}' is no SPIFFE ID` });
	else if (id.indexOf("/", "spiffe://".length) === -1) {
		problems.push({ path: "subjectAltName", problem: `'${id}' names a trust domain, not a workload` });
	}
	return problems.length === 0 && isSpiffeId(id) ? { ok: true, value: id } : { ok: false, problems };
}

/** Checks a chain, leaf first, against a trust bundle at `now` (milliseconds since the epoch). Trust is for the bundle's own domain only. */
export function verifySvid(chain: readonly Certificate[], bundle: TrustBundle, now: number): Validated<VerifiedSvid> {
	const leaf = chain[0];
	if (leaf === undefined) return fault("chain", "holds no certificate");
	if (chain.length > maxChainLength) return fault("chain", `holds more than ${maxChainLength} certificates`);
	const checked = validateLeaf(leaf);
	if (!checked.ok) return checked;
	if (trustDomainOf(checked.value) !== bundle.trustDomain) {
		return fault("subjectAltName", `'${checked.value}' is not of the trust domain ${bundle.trustDomain}`);
	}
	const problem = findValidityProblem(leaf, now, "certificate") ?? findPathProblem(leaf, chain.slice(1), bundle, now);
	return problem === undefined
		? { ok: true, value: { spiffeId: checked.value, leaf } }
		: { ok: false, problems: [problem] };
}

/** The same for a chain as PEM text. */
export function verifySvidPem(chainPem: string, bundle: TrustBundle, now: number): Validated<VerifiedSvid> {
	try {
		return verifySvid(readCertificates(chainPem), bundle, now);
	} catch {
		return fault("chain", "damaged certificate");
	}
}

const maxPathLength = 8;
const maxChainLength = 10;

function validateUsages(extensions: ExtensionValues): Problem[] {
	const problems: Problem[] = [];
	const usages = extensions.keyUsages;
	if (!usages?.has("digitalSignature")) {
		problems.push({ path: "keyUsage", problem: "must hold digitalSignature" });
	}
	if (usages?.has("keyCertSign") || usages?.has("cRLSign")) {
		problems.push({ path: "keyUsage", problem: "a leaf must not hold keyCertSign or cRLSign" });
	}
	const extended = extensions.extendedKeyUsages;
	if (extended !== undefined && !(extended.includes(oid.serverAuth) && extended.includes(oid.clientAuth))) {
		problems.push({ path: "extendedKeyUsage", problem: "must hold serverAuth and clientAuth when it is there" });
	}
	return problems.concat(extensions.unknownCritical.map((id) => ({ path: id, problem: "unknown critical extension" })));
}

/** Walks from `certificate` up; `below` counts the intermediates already passed (RFC 5280 section 6.1.4, path length), `names` are those of
 *  everything below. */
export function findPathProblem(
	certificate: Certificate,
	intermediates: readonly Certificate[],
	bundle: TrustBundle,
	now: number,
	below = 0,
	names: readonly AlternativeName[] = certificate.extensions.names,
): Problem | undefined {
	let nearest: Problem | undefined;
	for (const issuer of [...bundle.authorities, ...intermediates]) {
		if (!isIssuedBy(certificate, issuer)) continue;
		const isAnchor = bundle.authorities.includes(issuer);
		const problem =
			findValidityProblem(issuer, now, "authority") ??
			findAuthorityProblem(issuer, below, names) ??
			(isAnchor
				? undefined
				: findPathProblem(
						issuer,
						intermediates.filter((other) => other !== issuer),
						bundle,
						now,
						below + 1,
						[...names, ...issuer.extensions.names],
					));
		if (problem === undefined) return undefined;
		nearest = problem;
	}
	return nearest ?? { path: "chain", problem: `leads to no authority of ${bundle.trustDomain}` };
}

function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
	return certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.publicKey);
}

function findAuthorityProblem(
	issuer: Certificate,
	below: number,
	names: readonly AlternativeName[],
): Problem | undefined {
	const { isCa, keyUsages, pathLength, unknownCritical, nameConstraints } = issuer.extensions;
	if (!isCa || keyUsages?.has("keyCertSign") === false) {
		return { path: "chain", problem: `certificate ${issuer.serial} may not sign certificates` };
	}
	if (below > Math.min(pathLength ?? maxPathLength, maxPathLength)) {
		return { path: "chain", problem: `too long under the authority ${issuer.serial}` };
	}
	const kept = nameConstraints === undefined ? undefined : findConstrainedName(names, nameConstraints);
	if (kept !== undefined)
		return { path: "chain", problem: `the authority ${issuer.serial} may not vouch for the name '${kept.value}'` };
	const unknown = unknownCritical[0];
	return unknown === undefined ? undefined : { path: "chain", problem: `unknown critical extension ${unknown}` };
}

/** Whether a certificate is within its time. */
export function findValidityProblem(certificate: Certificate, now: number, noun: string): Problem | undefined {
	const { serial, notBefore, notAfter } = certificate;
	if (now < notBefore) {
		return { path: "notBefore", problem: `${noun} ${serial} is valid only from ${new Date(notBefore).toISOString()}` };
	}
	if (now > notAfter) {
		return { path: "notAfter", problem: `${noun} ${serial} expired at ${new Date(notAfter).toISOString()}` };
	}
	return undefined;
}

function fault(path: string, problem: string): { readonly ok: false; readonly problems: readonly Problem[] } {
	return { ok: false, problems: [{ path, problem }] };
}
