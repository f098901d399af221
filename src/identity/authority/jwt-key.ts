import { createHash, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import type { SpiffeId } from "../../model/index.ts";
import { decodeChildren, decodeDer, derTag, expectTag } from "../x509/der.ts";
import type { SigningKey } from "../x509/index.ts";
import type { PublicJwk } from "./authority-state.ts";

/** A token to sign (JWT-SVID section 3). */
export interface TokenClaims {
	readonly spiffeId: SpiffeId;
	readonly audiences: readonly string[];
	/** Milliseconds since the epoch. */
	readonly issuedAt: number;
	readonly expiresAt: number;
}

/** The public half of a P-256 key as a JWK without a use or an id. */
export function toPublicJwk(publicKey: KeyObject): PublicJwk {
	const { kty = "", crv = "", x = "", y = "" } = publicKey.export({ format: "jwk" });
	return { kty, crv, x, y };
}

/** The thumbprint of a JWK (RFC 7638): what its key is called. */
export function keyIdOf({ crv, kty, x, y }: PublicJwk): string {
	return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
}

/** The key of a public JWK. */
export function readPublicJwk(jwk: PublicJwk): KeyObject {
	return createPublicKey({ key: { ...jwk }, format: "jwk" });
}

/** Signs a JWT-SVID with ES256 (RFC 7518 section 3.4). */
export async function signToken(key: SigningKey, keyId: string, claims: TokenClaims): Promise<string> {
	const payload = {
		sub: claims.spiffeId,
		aud: claims.audiences,
		iat: Math.floor(claims.issuedAt / 1000),
		exp: Math.floor(claims.expiresAt / 1000),
		jti: randomUUID(),
	};
	const signed = `${encode({ alg: "ES256", kid: keyId, typ: "JWT" })}.${encode(payload)}`;
	const signature = await key.sign(Buffer.from(signed));
	return `${signed}.${toFixedLength(signature).toString("base64url")}`;
}

function encode(value: unknown): string {
	return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** An ECDSA signature from its DER to two numbers of 32 bytes. */
function toFixedLength(der: Buffer): Buffer {
	const [r, s] = decodeChildren(decodeDer(der, derTag.sequence));
	return Buffer.concat(
		[r, s].map((part) => {
			const { content } = expectTag(part, derTag.integer);
			const number = content.subarray(Math.max(0, content.length - 32));
			return Buffer.concat([Buffer.alloc(32 - number.length), number]);
		}),
	);
}
