/** TLS secrets of the proxy by name: from the bootstrap, from files, from SDS; kept in memory only.
 *  A rotated secret is for new connections; does not open connections itself. Spec: Envoy `tls/v3/secret.proto`. */
export type { CertificateSecret, SanMatcher, SanType, SecretSource, TlsSecret, ValidationSecret } from "./secret.ts";
