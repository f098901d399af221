import { createPublicKey, type JsonWebKeyInput } from "node:crypto";

type Fields = Readonly<Record<string, unknown>>;

/** Proxies refuse a set with more. */
const maxKeys = 1000;

/** What is wrong with a JSON web key set: proxies refuse one without any key that they can use, and with it the whole listener. */
export function findKeySetFault(text: string): string | undefined {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		if (error instanceof SyntaxError) return error.message;
		throw error;
	}
	const keys = (value as { readonly keys?: unknown } | null)?.keys;
	if (!Array.isArray(keys) || keys.length === 0) return "it has no 'keys'";
	if (keys.length > maxKeys) return `it has ${keys.length} keys, the limit is ${maxKeys}`;
	const faults = keys.map(findKeyFault);
	return faults.includes(undefined) ? undefined : `none of its keys can be used: ${faults[0]}`;
}

const curves: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

function findKeyFault(jwk: unknown): string | undefined {
	if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) return "it is no object";
	const { kty, alg, crv, n, e, x, y, k } = jwk as Fields;
	const algorithm = typeof alg === "string" ? alg : "";
	const misfit = `'alg' ${JSON.stringify(alg)} is not for 'kty' ${JSON.stringify(kty)}`;
	switch (kty) {
		case "RSA": {
			if (!/^([RP]S|$)/.test(algorithm)) return misfit;
			const bits = modulusOf({ kty, n, e });
			if (bits === undefined) return "'n' and 'e' are no RSA key";
			return bits < minRsaBits ? `it has ${bits} bits, fewer than ${minRsaBits}` : undefined;
		}
		case "EC": {
			if (!/^(ES|$)/.test(algorithm)) return misfit;
			const curve = curves[algorithm] ?? (crv || (algorithm === "" ? "P-256" : ""));
			if (!Object.values(curves).includes(String(curve)) || ![undefined, "", curve].includes(crv as string))
				return `'crv' ${JSON.stringify(crv)} is not P-256, P-384 or P-521, or not that of its 'alg'`;
			return modulusOf({ kty, crv: curve, x, y }) === undefined ? "'x' and 'y' are no point of its curve" : undefined;
		}
		case "OKP":
			if (!/^(EdDSA|)$/.test(algorithm)) return misfit;
			return crv === "Ed25519" && modulusOf({ kty, crv, x }) !== undefined ? undefined : "'x' is no key of Ed25519";
		case "oct":
			if (!/^(HS(256|384|512)|)$/.test(algorithm)) return misfit;
			return isBase64Url(k) ? undefined : "'k' is no base64url";
		default:
			return `'kty' ${JSON.stringify(kty)} is not RSA, EC, OKP or oct`;
	}
}

/** RFC 7518 section 3.3. */
const minRsaBits = 2048;

function isBase64Url(value: unknown): boolean {
	return typeof value === "string" && /^[\w-]+={0,2}$/.test(value);
}

/** The bits of an RSA key's modulus, 0 for other keys; undefined for what is no key. */
function modulusOf(jwk: Fields): number | undefined {
	if (!Object.entries(jwk).every(([name, value]) => name === "kty" || name === "crv" || isBase64Url(value)))
		return undefined;
	try {
		const key = createPublicKey({ key: jwk as JsonWebKeyInput["key"], format: "jwk" });
		return key.asymmetricKeyDetails?.modulusLength ?? 0;
	} catch (_noKey) {
		return undefined;
	}
}
