import { decodeBase64Url } from "./base64-url.ts";
import type { JwtStatus } from "./status.ts";
import { parseStrictObject } from "./strict-json.ts";

/** A token's parts; nothing is verified. */
export interface Jwt {
	/** As it came: header, payload and signature with their dots. */
	readonly text: string;
	readonly header: Readonly<Record<string, unknown>>;
	readonly payload: Readonly<Record<string, unknown>>;
	/** As it came, without padding. */
	readonly payloadText: string;
	readonly signedText: string;
	readonly signature: Buffer;
	readonly algorithm: string;
	/** Empty when the header names none. */
	readonly keyId: string;
	/** Empty when the payload names none. */
	readonly issuer: string;
	readonly subject: string;
	readonly audiences: readonly string[];
	/** Seconds since the Unix epoch; 0 when absent. */
	readonly notBefore: number;
	readonly expiresAt: number;
}

const algorithms: ReadonlySet<string> = new Set([
	"ES256",
	"ES384",
	"ES512",
	"HS256",
	"HS384",
	"HS512",
	"RS256",
	"RS384",
	"RS512",
	"PS256",
	"PS384",
	"PS512",
	"EdDSA",
]);

/** Takes a token apart, or says what is wrong with it. */
export function parseToken(text: string): Jwt | JwtStatus {
	const parts = text.split(".");
	if (parts.length !== 3 || parts.includes("")) {
		return "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
	}
	const [headerText, payloadText, signatureText] = parts as [string, string, string];
	const headerBytes = decodeBase64Url(headerText);
	if (headerBytes === undefined) return "Jwt header is an invalid Base64url encoded";
	const header = parseStrictObject(headerBytes);
	if (header === undefined) return "Jwt header is an invalid JSON";
	const { alg, kid } = header;
	if (typeof alg !== "string") return "Jwt header [alg] field is required and must be a string";
	if (!algorithms.has(alg)) return "Jwt header [alg] is not supported";
	if (kid !== undefined && typeof kid !== "string") return "Jwt header [kid] field is not a string";
	// Whatever it names must be understood, and nothing is (RFC 7515 section 4.1.11).
	if (header["crit"] !== undefined) return "Jwt verification fails";
	const payloadBytes = decodeBase64Url(payloadText);
	if (payloadBytes === undefined) return "Jwt payload is an invalid Base64url encoded";
	const payload = parseStrictObject(payloadBytes);
	if (payload === undefined) return "Jwt payload is an invalid JSON";
	const wrong = checkClaims(payload);
	if (wrong !== undefined) return wrong;
	const signature = decodeBase64Url(signatureText);
	if (signature === undefined) return "Jwt signature is an invalid Base64url encoded";
	const { aud } = payload;
	return {
		text,
		header,
		payload,
		payloadText,
		signedText: `${headerText}.${payloadText}`,
		signature,
		algorithm: alg,
		keyId: kid ?? "",
		issuer: (payload["iss"] as string | undefined) ?? "",
		subject: (payload["sub"] as string | undefined) ?? "",
		audiences: aud === undefined ? [] : typeof aud === "string" ? [aud] : (aud as string[]),
		notBefore: Math.floor((payload["nbf"] as number | undefined) ?? 0),
		expiresAt: Math.floor((payload["exp"] as number | undefined) ?? 0),
	};
}

function checkClaims(payload: Readonly<Record<string, unknown>>): JwtStatus | undefined {
	for (const name of ["iss", "sub"]) {
		if (isWrong(payload[name], "string")) return `Jwt payload [${name}] field is not a string`;
	}
	for (const name of ["iat", "nbf", "exp"]) {
		const value = payload[name];
		if (isWrong(value, "number")) return `Jwt payload [${name}] field is not an integer`;
		if (typeof value === "number" && (value < 0 || value >= 2 ** 63)) {
			return `Jwt payload [${name}] field is not a positive 64 bit integer`;
		}
	}
	if (isWrong(payload["jti"], "string")) return "Jwt payload [jti] field is not a string";
	const { aud } = payload;
	if (aud === undefined || typeof aud === "string") return undefined;
	if (Array.isArray(aud) && aud.every((one) => typeof one === "string")) return undefined;
	return "Jwt payload [aud] field is not a string or string list";
}

function isWrong(value: unknown, type: "string" | "number"): boolean {
	return value !== undefined && typeof value !== type;
}
