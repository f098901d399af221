import { createHash, type X509Certificate } from "node:crypto";
import { matchString } from "../../engine/matcher/index.ts";
import type { SubjectAltNameMatcher } from "../runtime-config/index.ts";
import { findChainPath, isIssuer, isSame } from "./chain-path.ts";
import { factsOfLeaf, type LeafFacts } from "./leaf-facts.ts";
import type { ValidationSecret } from "./secret.ts";
import type { SubjectAltName } from "./subject-alt-names.ts";

/** Checks a peer's leaf beyond its chain: names, SPIFFE trust domain, pins. Call it after the handshake, with the chain's own
 *  verdict already taken.
 *  @returns why it is refused, or undefined */
export function verifyPeer(validation: ValidationSecret, leaf: X509Certificate): string | undefined {
	return verifyTrustDomain(validation, leaf)?.problem ?? verifyNames(validation, leaf) ?? verifyPins(validation, leaf);
}

/** Whether a chain error of Node (`tlsSocket.authorizationError`) is forgiven by the rules.
 *  @param isOnlyFault whether "expired" means that nothing else is wrong: of several faults Node tells the last one, which it often is */
export function forgivesChainError(validation: ValidationSecret, code: string, isOnlyFault: boolean): boolean {
	// Without anchors Envoy checks no chain.
	if (validation.ca === undefined && !validation.systemRoots) return true;
	return validation.allowExpired && isOnlyFault && code === "CERT_HAS_EXPIRED";
}

/** Whether the leaf or its key is among those that are accepted. @returns Envoy's words for that it is not */
export function verifyPins(validation: ValidationSecret, leaf: X509Certificate): string | undefined {
	const { certificateHashes, spkiHashes } = validation;
	if (certificateHashes.length === 0 && spkiHashes.length === 0) return undefined;
	const hash = createHash("sha256").update(leaf.raw).digest("hex");
	if (certificateHashes.includes(hash)) return undefined;
	const spki = leaf.publicKey.export({ type: "spki", format: "der" });
	if (spkiHashes.includes(createHash("sha256").update(spki).digest("base64"))) return undefined;
	return "cert hash and spki";
}

/** What the SPIFFE validator finds wrong: a leaf that is no workload's, a trust domain without a bundle, a chain that leads to none of its
 *  roots. */
export interface TrustDomainFault {
	readonly kind: "leaf" | "domain" | "chain";
	readonly problem: string;
}

/** The SPIFFE validator: the chain must end in the bundle of the trust domain that the certificate names.
 *  @returns why it is refused, or undefined */
export function verifyTrustDomain(validation: ValidationSecret, leaf: X509Certificate): TrustDomainFault | undefined {
	if (validation.trustDomains === undefined) return undefined;
	const facts = factsOfLeaf(leaf);
	const misshapen = findSvidProblem(leaf, facts);
	if (misshapen !== undefined) return { kind: "leaf", problem: misshapen };
	if (!facts.usageOf(leaf).isLimited) return { kind: "leaf", problem: "it has no key usage" };
	const domain = /^spiffe:\/\/([^/]+)/.exec(facts.uris[0]?.value ?? "")?.[1];
	if (domain === undefined) return { kind: "domain", problem: "it carries no SPIFFE id" };
	const roots = validation.trustDomains.get(domain);
	if (roots === undefined) {
		return { kind: "domain", problem: `trust domain ${domain} is not among those accepted` };
	}
	if (knownIssuers.get(roots)?.some((issuer) => isIssuer(issuer, leaf)) === true) return undefined;
	const issuers = findChainPath(leaf, roots);
	if (issuers !== undefined) {
		rememberIssuers(roots, issuers);
		return undefined;
	}
	return { kind: "chain", problem: `it was not issued by trust domain ${domain}` };
}

/** Issuers that have led to a trust domain's roots in a full handshake: what they signed needs no other proof. A resumed session has its leaf
 *  alone, and is no proof of itself: the library gives tickets before a peer is judged. */
const knownIssuers = new WeakMap<readonly X509Certificate[], X509Certificate[]>();
/** Bound on those of one trust domain; the oldest make room. */
const maxIssuers = 32;

function rememberIssuers(roots: readonly X509Certificate[], [nearest]: readonly X509Certificate[]): void {
	if (nearest === undefined) return;
	const known = knownIssuers.get(roots) ?? [];
	if (known.some((one) => isSame(one, nearest))) return;
	knownIssuers.set(roots, [...known, nearest].slice(-maxIssuers));
}

/** The names of a peer's leaf. @returns why it is refused, or undefined */
export function verifyNames(validation: ValidationSecret, leaf: X509Certificate): string | undefined {
	const { subjectAltNames } = validation;
	if (subjectAltNames.length === 0) return undefined;
	const facts = factsOfLeaf(leaf);
	const { names } = facts;
	const accepted = names.find((name) => subjectAltNames.some((matcher) => matchesName(matcher, name)));
	if (accepted !== undefined) {
		const isSvid = accepted.type === "uri" && accepted.value.startsWith("spiffe://");
		return isSvid ? findSvidProblem(leaf, facts) : undefined;
	}
	const shown = names.map(({ value }) => value).join(", ");
	return `none of its names is accepted: ${shown === "" ? "it has none" : shown}`;
}

/** Whoever is accepted by a SPIFFE ID must show a leaf with that ID alone (X509-SVID sections 2 and 5.2): with a second one policies could
 *  mean either, and an authority would be a workload that makes workloads. The ID must be one: others name the same workload differently to
 *  a policy and to the application that reads x-forwarded-client-cert. */
function findSvidProblem(leaf: X509Certificate, facts: LeafFacts): string | undefined {
	const { uris } = facts;
	const usage = facts.usageOf(leaf);
	if (usage.isAuthority || usage.signsCertificates) return "it is a certificate authority, not a workload";
	if (!usage.digitalSignature) return "its key usage has no digitalSignature";
	if (uris.length > 1) return `it carries ${uris.length} URIs, a SPIFFE id stands alone`;
	if (uris[0] === undefined || isWorkloadId(uris[0].value)) return undefined;
	return `${JSON.stringify(uris[0].value.slice(0, maxIdShown))} is no SPIFFE id of a workload`;
}

const maxIdLength = 2048;
const maxIdShown = 200;

/** A SPIFFE ID with a path: no port, query, fragment, escapes, empty segments or dots (SPIFFE-ID section 2). */
function isWorkloadId(uri: string): boolean {
	return (
		uri.length <= maxIdLength && /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/.test(uri)
	);
}

function matchesName(matcher: SubjectAltNameMatcher, name: SubjectAltName): boolean {
	if (matcher.type !== "any" && matcher.type !== name.type) return false;
	// A wildcard certificate stands for the names below it.
	if (name.type === "dns" && name.value.startsWith("*.") && matcher.matcher.kind === "exact") {
		const dot = matcher.matcher.value.indexOf(".");
		return dot > 0 && matcher.matcher.value.slice(dot).toLowerCase() === name.value.slice(1).toLowerCase();
	}
	return matchString(matcher.matcher, name.value);
}
