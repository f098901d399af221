import { createPublicKey, type KeyObject } from "node:crypto";
import { decodeBase64Url } from "./base64-url.ts";
import type { KeyProblem } from "./status.ts";
import { parseStrictObject } from "./strict-json.ts";

/** A key that tokens may be signed with. */
export interface JwkKey {
	/** Empty when it has none: it then stands for every token. */
	readonly id: string;
	/** Empty when every algorithm of its type will do. */
	readonly algorithm: string;
	readonly type: "RSA" | "EC" | "OKP" | "oct";
	/** A public key, or the secret of an `oct` key. */
	readonly key: KeyObject | Buffer;
}

type Fields = Readonly<Record<string, unknown>>;

/** A set with more keys is none: each one is tried for a token that names no key. */
const maxKeys = 1000;

/** Reads a JSON web key set, or an object of PEM certificates by key id. Keys that are wrong are left out unless all are. */
export function parseKeySet(bytes: Uint8Array): readonly JwkKey[] | KeyProblem {
	const set = parseStrictObject(bytes);
	if (set === undefined) return "Jwks is an invalid JSON";
	const { keys } = set;
	if (keys === undefined) return readCertificates(set);
	if (!Array.isArray(keys)) return "[keys] in Jwks is not an array";
	if (keys.length > maxKeys) return "[keys] in Jwks are more than 1000";
	const good: JwkKey[] = [];
	let problem: KeyProblem | undefined;
	for (const jwk of keys) {
		if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) continue;
		const read = readKey(jwk as Fields);
		if (typeof read === "string") problem ??= read;
		else good.push(read);
	}
	return good.length > 0 ? good : (problem ?? "Jwks doesn't have any valid public key");
}

function readCertificates(set: Fields): readonly JwkKey[] | KeyProblem {
	const entries = Object.entries(set);
	if (entries.length > maxKeys) return "[keys] in Jwks are more than 1000";
	if (entries.length === 0 || entries.some(([id, pem]) => id === "" || typeof pem !== "string" || pem === "")) {
		return "Jwks does not have [keys] field";
	}
	try {
		return entries.map(([id, pem]) => {
			const key = createPublicKey(pem as string);
			return { id, algorithm: "", type: key.asymmetricKeyType === "ec" ? "EC" : "RSA", key };
		});
	} catch (_noCertificate) {
		return "X509 parse pubkey fails";
	}
}

function readKey(jwk: Fields): JwkKey | KeyProblem {
	const { kty, kid, alg } = jwk;
	if (kty === undefined) return "[kty] is missing in [keys]";
	if (typeof kty !== "string") return "[kty] is bad in [keys]";
	const id = typeof kid === "string" ? kid : "";
	const algorithm = typeof alg === "string" ? alg : "";
	switch (kty) {
		case "RSA":
			return readRsa(jwk, id, algorithm);
		case "EC":
			return readEc(jwk, id, algorithm);
		case "OKP":
			return readOkp(jwk, id, algorithm);
		case "oct":
			return readSecret(jwk, id, algorithm);
		default:
			return "[kty] is not supported in [keys]";
	}
}

function readRsa(jwk: Fields, id: string, algorithm: string): JwkKey | KeyProblem {
	if (algorithm !== "" && !/^[RP]S/.test(algorithm)) return "[alg] is not started with [RS] or [PS] for an RSA key";
	const wrong = checkText(jwk, "n", "a RSA") ?? checkText(jwk, "e", "a RSA");
	if (wrong !== undefined) return wrong;
	const { n, e } = jwk as { n: string; e: string };
	const problem = "Jwks RSA [n] or [e] field is missing or has a parse error";
	if (decodeBase64Url(n) === undefined || decodeBase64Url(e) === undefined) return problem;
	const key = importKey({ kty: "RSA", n, e });
	const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
	return key === undefined || bits < minRsaBits ? problem : { id, algorithm, type: "RSA", key };
}

/** RFC 7518 section 3.3. */
const minRsaBits = 2048;

const curveOf: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

function readEc(jwk: Fields, id: string, algorithm: string): JwkKey | KeyProblem {
	if (algorithm !== "" && !algorithm.startsWith("ES")) return "[alg] is not started with [ES] for an EC key";
	const { crv } = jwk;
	if (crv !== undefined && typeof crv !== "string") return "[crv] field is not string for an EC key";
	if (algorithm !== "" && crv !== undefined && crv !== "" && curveOf[algorithm] !== crv) {
		return "[crv] field specified is not compatible with [alg] for an EC key";
	}
	const curve = curveOf[algorithm] ?? (crv || (algorithm === "" ? "P-256" : ""));
	if (!Object.values(curveOf).includes(curve)) return "[crv] or [alg] field is not supported for an EC key";
	const wrong = checkText(jwk, "x", "an EC") ?? checkText(jwk, "y", "an EC");
	if (wrong !== undefined) return wrong;
	const { x, y } = jwk as { x: string; y: string };
	const point = [decodeBase64Url(x), decodeBase64Url(y)];
	if (point.includes(undefined)) return "Jwks EC [x] or [y] field is an invalid Base64.";
	const bytes = curve === "P-256" ? 32 : curve === "P-384" ? 48 : 66;
	const [padX, padY] = point.map((part) => padTo(part!, bytes).toString("base64url"));
	const key = importKey({ kty: "EC", crv: curve, x: padX!, y: padY! });
	return key === undefined ? "Jwks EC [x] and [y] fields have a parse error." : { id, algorithm, type: "EC", key };
}

/** Coordinates may come without their leading zeros. */
function padTo(part: Buffer, bytes: number): Buffer {
	return part.length >= bytes ? part : Buffer.concat([Buffer.alloc(bytes - part.length), part]);
}

function readOkp(jwk: Fields, id: string, algorithm: string): JwkKey | KeyProblem {
	if (algorithm !== "" && algorithm !== "EdDSA") return "[alg] is not [EdDSA] for an OKP key";
	const { crv } = jwk;
	if (crv === undefined) return "[crv] field is missing for an OKP key";
	if (typeof crv !== "string") return "[crv] field is not string for an OKP key";
	if (crv !== "Ed25519") return "[crv] field is not supported for an OKP key";
	const wrong = checkText(jwk, "x", "an OKP");
	if (wrong !== undefined) return wrong;
	const x = jwk["x"] as string;
	const bytes = decodeBase64Url(x);
	if (bytes === undefined) return "Jwks OKP [x] field is an invalid Base64.";
	if (bytes.length !== 32) return "Jwks OKP [x] field is wrong length.";
	const key = importKey({ kty: "OKP", crv, x });
	return key === undefined ? "Jwks OKP [x] field is wrong length." : { id, algorithm, type: "OKP", key };
}

function readSecret(jwk: Fields, id: string, algorithm: string): JwkKey | KeyProblem {
	if (algorithm !== "" && !/^HS(256|384|512)$/.test(algorithm)) {
		return "[alg] does not start with [HS] for an HMAC key";
	}
	const wrong = checkText(jwk, "k", "an HMAC");
	if (wrong !== undefined) return wrong;
	const secret = decodeBase64Url(jwk["k"] as string);
	if (secret === undefined || secret.length === 0) return "Jwks Oct key is an invalid Base64";
	return { id, algorithm, type: "oct", key: secret };
}

function checkText(jwk: Fields, name: string, kind: string): KeyProblem | undefined {
	const value = jwk[name];
	if (value === undefined) return `[${name}] field is missing for ${kind} key`;
	return typeof value === "string" ? undefined : `[${name}] field is not string for ${kind} key`;
}

function importKey(jwk: Readonly<Record<string, string>>): KeyObject | undefined {
	try {
		return createPublicKey({ key: jwk, format: "jwk" });
	} catch (_noKey) {
		return undefined;
	}
}
