import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { isSpiffeId, type SpiffeId } from "../model/index.ts";
import { trustDomainOf } from "./svid.ts";

/** A JSON Web Key Set as read (RFC 7517); of a key only what is used is typed. */
export interface JsonWebKeySet {
	readonly keys: readonly JsonWebKeyEntry[];
}

/** A public key of a set. */
export type JsonWebKeyEntry = { readonly kid?: string; readonly kty?: string; readonly use?: string } & Readonly<
	Record<string, unknown>
>;

/** What a token says. */
export type TokenClaims = Readonly<Record<string, unknown>>;

/** What a token must be. */
export interface TokenExpectation {
	/** One of the token's audiences must be one of these. */
	readonly audiences: readonly string[];
	/** Milliseconds since the epoch. */
	readonly now: number;
	/** Who must have issued it; anybody when absent. */
	readonly issuer?: string;
}

/** How reading a token ended: its claims, or what is wrong with it. */
export type TokenResult =
	| { readonly ok: true; readonly claims: TokenClaims }
	| { readonly ok: false; readonly problem: string };

/** A JWT-SVID that held. */
export type JwtSvidResult =
	| { readonly ok: true; readonly spiffeId: SpiffeId; readonly claims: TokenClaims }
	| { readonly ok: false; readonly problem: string };

const maxTokenLength = 65_536;
const allowedSkewMs = 60_000;
/** Of keys with one name so many are tried: each costs a signature's check. */
const maxKeysOfName = 4;

interface Algorithm {
	readonly hash: string;
	readonly family: "rsa" | "ec";
	readonly curve?: string;
	readonly isPss?: boolean;
}

/** The algorithms of JWT-SVIDs (JWT-SVID specification, section 2.1; RFC 7518): none that takes a shared secret, and no `none`. */
const algorithms: Readonly<Record<string, Algorithm>> = {
	RS256: { hash: "sha256", family: "rsa" },
	RS384: { hash: "sha384", family: "rsa" },
	RS512: { hash: "sha512", family: "rsa" },
	PS256: { hash: "sha256", family: "rsa", isPss: true },
	PS384: { hash: "sha384", family: "rsa", isPss: true },
	PS512: { hash: "sha512", family: "rsa", isPss: true },
	ES256: { hash: "sha256", family: "ec", curve: "prime256v1" },
	ES384: { hash: "sha384", family: "ec", curve: "secp384r1" },
	ES512: { hash: "sha512", family: "ec", curve: "secp521r1" },
};

/** Checks a JWT-SVID against the keys of its own trust domain (JWT-SVID specification, sections 3 and 4): three parts, a known algorithm
 *  that fits the key, a `kid` of the domain's set, an audience, an end, a SPIFFE ID with a path as its subject.
 *  @param keysOf the set of a trust domain; undefined for a domain that is not trusted */
export function verifyJwtSvid(
	token: string,
	keysOf: (trustDomain: string) => JsonWebKeySet | undefined,
	expected: TokenExpectation,
): JwtSvidResult {
	const parsed = parseToken(token);
	if (typeof parsed === "string") return refuse(parsed);
	const { subject, typ } = { subject: parsed.claims["sub"], typ: parsed.header["typ"] };
	if (typ !== undefined && typ !== "JWT" && typ !== "JOSE") return refuse("its type is neither JWT nor JOSE");
	if (typeof subject !== "string" || !isSpiffeId(subject)) return refuse("its subject is no SPIFFE ID");
	if (subject.indexOf("/", "spiffe://".length) === -1) return refuse("its subject is a trust domain, not a workload");
	const trustDomain = trustDomainOf(subject);
	const keys = keysOf(trustDomain);
	if (keys === undefined) return refuse(`there are no keys of the trust domain ${trustDomain}`);
	const usable = keys.keys.filter(({ use }) => use === undefined || use === "jwt-svid" || use === "sig");
	const problem = findTokenProblem(parsed, { keys: usable }, expected);
	return problem === undefined ? { ok: true, spiffeId: subject, claims: parsed.claims } : refuse(problem);
}

/** Checks any signed token against a key set: signature, audience, times, issuer. */
export function verifyToken(token: string, keys: JsonWebKeySet, expected: TokenExpectation): TokenResult {
	const parsed = parseToken(token);
	if (typeof parsed === "string") return refuse(parsed);
	const problem = findTokenProblem(parsed, keys, expected);
	return problem === undefined ? { ok: true, claims: parsed.claims } : refuse(problem);
}

interface ParsedToken {
	readonly header: TokenClaims;
	readonly claims: TokenClaims;
	readonly signed: Buffer;
	readonly signature: Buffer;
}

function parseToken(token: string): ParsedToken | string {
	if (token.length > maxTokenLength) return `longer than ${maxTokenLength} letters`;
	const parts = token.split(".");
	if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return "it is no signed compact JWT";
	const [header, claims] = parts.slice(0, 2).map(parsePart);
	if (header === undefined || claims === undefined) return "its header or its claims are no JSON object";
	const signed = Buffer.from(token.slice(0, token.lastIndexOf(".")), "latin1");
	return { header, claims, signed, signature: Buffer.from(parts[2]!, "base64url") };
}

function parsePart(part: string): TokenClaims | undefined {
	try {
		const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
		return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as TokenClaims) : undefined;
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
}

function findTokenProblem(
	{ header, claims, signed, signature }: ParsedToken,
	keys: JsonWebKeySet,
	expected: TokenExpectation,
): string | undefined {
	if (header["crit"] !== undefined) return "it names critical header fields";
	const { alg, kid } = header;
	const algorithm = typeof alg === "string" && Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined;
	if (algorithm === undefined) return `its algorithm is not one of ${Object.keys(algorithms).join(", ")}`;
	if (typeof kid !== "string" || kid === "") return "it names no key (kid)";
	// Only the set decides which keys there are: a key in the header counts for nothing.
	const entries = keys.keys.filter((candidate) => candidate.kid === kid);
	if (entries.length === 0) return "its key (kid) is not one of the trust domain's";
	// A name that is there twice, as while keys are exchanged, means either (RFC 7517 section 4.5).
	const named = entries.slice(0, maxKeysOfName).map(readKey);
	const fitting = named.filter((key) => key !== undefined && fits(key, algorithm)) as KeyObject[];
	if (fitting.length === 0) return "its algorithm does not fit its key";
	if (!fitting.some((key) => holds(signed, signature, key, algorithm))) return "its signature does not hold";
	return findClaimProblem(claims, expected);
}

function readKey(entry: JsonWebKeyEntry): KeyObject | undefined {
	if (entry.kty !== "EC" && entry.kty !== "RSA") return undefined;
	try {
		return createPublicKey({ key: { ...entry }, format: "jwk" });
	} catch {
		// A damaged key of a set fits nothing.
		return undefined;
	}
}

function fits(key: KeyObject, { family, curve }: Algorithm): boolean {
	if (key.asymmetricKeyType !== family) return false;
	return family === "rsa"
		? (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
		: key.asymmetricKeyDetails?.namedCurve === curve;
}

const pss = { padding: 6, saltLength: -1 } as const;

function holds(signed: Buffer, signature: Buffer, key: KeyObject, { hash, family, isPss }: Algorithm): boolean {
	if (family === "ec") return verify(hash, signed, { key, dsaEncoding: "ieee-p1363" }, signature);
	return verify(hash, signed, isPss === true ? { key, ...pss } : key, signature);
}

function findClaimProblem(claims: TokenClaims, { audiences, now, issuer }: TokenExpectation): string | undefined {
	const { aud, exp, nbf, iat, iss } = claims;
	const present = typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
	if (present.length === 0) return "it names no audience";
	if (!present.some((audience) => audiences.includes(audience))) return "it is for another audience";
	if (typeof exp !== "number" || !Number.isFinite(exp)) return "it names no end (exp)";
	if (exp * 1000 + allowedSkewMs <= now) return "it has expired";
	if (nbf !== undefined && (typeof nbf !== "number" || nbf * 1000 - allowedSkewMs > now)) return "it is not valid yet";
	if (iat !== undefined && (typeof iat !== "number" || iat * 1000 - allowedSkewMs > now))
		return "it was issued in the future";
	if (issuer !== undefined && iss !== issuer) return "it is of another issuer";
	return undefined;
}

function refuse(problem: string): { readonly ok: false; readonly problem: string } {
	return { ok: false, problem };
}
