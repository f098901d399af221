/** TLS 1.3 for servers on raw streams: handshakes of clients that offer X25519, their records and their tickets. Everything older or unusual
 *  is left to Node's library of TLS, and so is the judgement of every client's chain.
 *  Spec: RFC 8446 (TLS 1.3), RFC 5116 (AEAD), RFC 7748 (X25519). */
export { type AcceptOutcome, acceptTls, type ServerFacts } from "./accept.ts";
export { createServerMaterial, type ServerMaterial, type ServerMaterialOptions } from "./server-material.ts";
