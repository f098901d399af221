import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from "node:crypto";
import type { JwkKey } from "./key-set.ts";
import type { JwtStatus } from "./status.ts";
import type { Jwt } from "./token.ts";

/** Whether a token is valid at a time, in seconds since the Unix epoch. */
export function checkTimes(jwt: Jwt, nowSeconds: number, clockSkewSeconds: number): JwtStatus {
	if (nowSeconds + clockSkewSeconds < jwt.notBefore) return "Jwt not yet valid";
	if (jwt.expiresAt !== 0 && nowSeconds > jwt.expiresAt + clockSkewSeconds) return "Jwt is expired";
	return "OK";
}

/** Whether a token's end is near enough. `maxSeconds`: Infinity asks only that there is one. */
export function checkLifetime(jwt: Jwt, nowSeconds: number, maxSeconds: number): boolean {
	return jwt.expiresAt !== 0 && jwt.expiresAt - nowSeconds < maxSeconds;
}

/** Whether one of a token's audiences is wanted; an empty list wants every token. */
export function isAudienceAllowed(wanted: ReadonlySet<string>, audiences: readonly string[]): boolean {
	if (wanted.size === 0) return true;
	return audiences.some((audience) => wanted.has(sanitizeAudience(audience)));
}

/** Audiences count without scheme and without the slash at their end. */
export function sanitizeAudience(audience: string): string {
	const named = audience.replace(/^https?:\/\//, "");
	return named.endsWith("/") ? named.slice(0, -1) : named;
}

/** Checks a token's signature by the keys that its header admits. */
export function verifySignature(jwt: Jwt, keys: readonly JwkKey[]): JwtStatus {
	let isMatched = false;
	for (const key of keys) {
		if (jwt.keyId !== "" && key.id !== "" && key.id !== jwt.keyId) continue;
		if (key.algorithm !== "" && key.algorithm !== jwt.algorithm) continue;
		isMatched = true;
		if (key.type === "OKP" && jwt.signature.length !== 64) return "Jwt ED25519 signature is wrong length";
		if (isSignedBy(jwt, key)) return "OK";
	}
	return isMatched ? "Jwt verification fails" : "Jwks doesn't have key to match kid or alg from Jwt";
}

function isSignedBy(jwt: Jwt, { type, key }: JwkKey): boolean {
	const { algorithm, signature } = jwt;
	const data = Buffer.from(jwt.signedText, "latin1");
	const hash = algorithm.endsWith("384") ? "sha384" : algorithm.endsWith("512") ? "sha512" : "sha256";
	try {
		switch (type) {
			case "RSA":
				if (algorithm.startsWith("RS")) return verify(hash, data, key as KeyObject, signature);
				if (!algorithm.startsWith("PS")) return false;
				return verify(
					hash,
					data,
					{
						key: key as KeyObject,
						padding: constants.RSA_PKCS1_PSS_PADDING,
						saltLength: constants.RSA_PSS_SALTLEN_AUTO,
					},
					signature,
				);
			case "EC":
				return (
					algorithm.startsWith("ES") &&
					verify(hash, data, { key: key as KeyObject, dsaEncoding: "ieee-p1363" }, signature)
				);
			case "OKP":
				return algorithm === "EdDSA" && verify(null, data, key as KeyObject, signature);
			case "oct": {
				if (!algorithm.startsWith("HS")) return false;
				const expected = createHmac(hash, key as Buffer)
					.update(data)
					.digest();
				return expected.length === signature.length && timingSafeEqual(expected, signature);
			}
		}
	} catch (_badSignature) {
		return false;
	}
}
