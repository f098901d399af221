/** Identity: the certificate authority of a trust domain, X.509-SVIDs, trust bundles, and the source that keeps an SVID fresh.
 *  Decides nothing about who may have which identity (control) and opens no socket (agent). Spec: SPIFFE X509-SVID, JWT-SVID, RFC 5280. */
export { type AuditEntry, type AuditSink, openAuditFile } from "./authority/audit.ts";
export { createAuthority } from "./authority/authority.ts";
export type { IssuerSlot, JwtSlot, PublicJwk, RootSlot } from "./authority/authority-state.ts";
export type { AuthorityStorage, StoredSlot } from "./authority/authority-storage.ts";
export type {
	Authority,
	AuthorityCertificate,
	AuthorityOptions,
	AuthorityStatus,
	DownstreamRequest,
	FederatedBundle,
	HolderBoard,
	IssuedSvid,
	JwtAuthority,
	SignedDownstream,
	SignRequest,
	TokenRequest,
	WaitedFor,
} from "./authority/authority-types.ts";
export { openFolderStorage } from "./authority/folder-storage.ts";
export { backdateMs } from "./authority/issue.ts";
export { readPublicJwk } from "./authority/jwt-key.ts";
export type { KeyProvider, KeyStatus } from "./authority/key-provider.ts";
export {
	createUpstreamFiles,
	type DownstreamReport,
	type SignedIssuer,
	type UpstreamAuthority,
	type UpstreamFeed,
	type UpstreamFiles,
	type UpstreamTrust,
} from "./authority/upstream.ts";
export { createUpstreamCommand, type UpstreamCommand } from "./authority/upstream-command.ts";
export { findChainProblem } from "./chain.ts";
export {
	formatSpiffeBundle,
	type PublishedBundle,
	parseSpiffeBundle,
	type ReadBundle,
	toPlainJwk,
} from "./federation/spiffe-bundle.ts";
export {
	type JsonWebKeyEntry,
	type JsonWebKeySet,
	type JwtSvidResult,
	type TokenClaims,
	type TokenExpectation,
	type TokenResult,
	verifyJwtSvid,
	verifyToken,
} from "./jwt-verify.ts";
export { createSigningGate } from "./signing-gate.ts";
export { trustDomainOf, type VerifiedSvid, validateLeaf, verifySvid, verifySvidPem } from "./svid.ts";
export {
	createSvidSource,
	type PublishedTrust,
	type SignedSvid,
	type SvidSigner,
	type SvidSource,
	type SvidSourceOptions,
	type X509Svid,
} from "./svid-source.ts";
export { createTrustBundle, parseTrustBundle, type TrustBundle } from "./trust-bundle.ts";
export {
	type Certificate,
	createSigningRequest,
	formatCertificates,
	formatSigningRequest,
	parseSigningRequest,
	readCertificate,
	readCertificates,
	readDerCertificates,
	readSigningRequest,
} from "./x509/index.ts";
