import { createPublicKey, type KeyObject } from "node:crypto";

const curves: ReadonlySet<unknown> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const minExponent = 3n;

/** Whether peers of any language can read a public key: RSA, Ed25519, or a point, not compressed, on a curve that is named and one of
 *  P-256, P-384 and P-521 (RFC 5480 sections 2.1.1 and 2.2). Node reads more; Go refuses a certificate, or a whole set, for one of these. */
export function isPlainKey(key: KeyObject): boolean {
	const { namedCurve, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
	switch (key.asymmetricKeyType) {
		case "rsa":
			// By an exponent of 1 everybody signs.
			return publicExponent >= minExponent;
		case "ed25519":
			return true;
		case "ec":
			return curves.has(namedCurve) && toDer(key).equals(toDer(plainKeyOf(key)));
		default:
			return false;
	}
}

/** The key without anything of how it was written. */
function plainKeyOf(key: KeyObject): KeyObject {
	return createPublicKey({ key: key.export({ format: "jwk" }), format: "jwk" });
}

function toDer(key: KeyObject): Buffer {
	return key.export({ type: "spki", format: "der" });
}
