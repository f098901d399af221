/** TLS secrets of the proxy by name: from the bootstrap, from files, from SDS; kept in memory only.
 *  A rotated secret is for new connections; does not open connections itself. Spec: Envoy `tls/v3/secret.proto`. */
export { findChainRuleFault } from "./chain-rules.ts";
export { factsOfLeaf } from "./leaf-facts.ts";
export { type Environment, loadCertificate, loadValidation } from "./load.ts";
export { createPeerTrust, type PeerTrust } from "./peer-trust.ts";
export type { Revocation } from "./revoked-peers.ts";
export type { CertificateSecret, SecretSource, TicketKeysSecret, TlsSecret, ValidationSecret } from "./secret.ts";
export { createSecretStore, type SecretStore, type SecretStoreOptions } from "./secret-store.ts";
export { readSubjectAltNames, type SubjectAltName } from "./subject-alt-names.ts";
export {
	forgivesChainError,
	type TrustDomainFault,
	verifyNames,
	verifyPeer,
	verifyPins,
	verifyTrustDomain,
} from "./verify-peer.ts";
