/** Identity: the certificate authority of a trust domain, X.509-SVIDs, trust bundles, and the source that keeps an SVID fresh.
 *  Decides nothing about who may have which identity (control) and opens no socket (agent). Spec: SPIFFE X509-SVID, RFC 5280. */
export {
	type Authority,
	type AuthorityCertificate,
	type AuthorityOptions,
	createAuthority,
	type IssuedSvid,
	type SignRequest,
} from "./authority/authority.ts";
export { trustDomainOf, type VerifiedSvid, validateLeaf, verifySvid, verifySvidPem } from "./svid.ts";
export {
	createSvidSource,
	type SignedSvid,
	type SvidSigner,
	type SvidSource,
	type SvidSourceOptions,
	type X509Svid,
} from "./svid-source.ts";
export { createTrustBundle, parseTrustBundle, type TrustBundle } from "./trust-bundle.ts";
export { parseSigningRequest } from "./x509/index.ts";
