import { createPublicKey } from "node:crypto";
import { MeshError } from "../../core/index.ts";
import type { PublicJwk } from "../authority/authority-state.ts";
import type { FederatedBundle, JwtAuthority } from "../authority/authority-types.ts";
import { type Certificate, formatCertificates, isPlainKey, readCertificate } from "../x509/index.ts";

/** What a trust domain publishes. */
export interface PublishedBundle {
	readonly authorities: readonly Certificate[];
	readonly jwtKeys: readonly JwtAuthority[];
	readonly sequence: number;
	/** How often others should look. */
	readonly refreshHintSeconds: number;
}

/** A bundle of another trust domain as it was read. */
export interface ReadBundle extends FederatedBundle {
	/** How many of its keys can be used. With none the trust domain has revoked what it published: nobody of it is trusted
	 *  (SPIFFE Trust Domain and Bundle, section 4.1.3). */
	readonly keys: number;
	/** Undefined when it does not say. It has 64 bits. */
	readonly sequence: bigint | undefined;
	/** Undefined when it does not say. */
	readonly refreshHintSeconds: number | undefined;
}

const maxKeys = 256;
/** Those that SVIDs are signed with; others are passed over (SPIFFE Trust Domain and Bundle, section 4.1.3). */
const knownKeyTypes: ReadonlySet<unknown> = new Set(["EC", "RSA"]);

/** A bundle in the SPIFFE format: a JWKS (RFC 7517) with `spiffe_sequence` and `spiffe_refresh_hint` (SPIFFE Trust Domain and Bundle,
 *  section 4). */
export function formatSpiffeBundle({ authorities, jwtKeys, sequence, refreshHintSeconds }: PublishedBundle): string {
	const roots = authorities.map(({ publicKey, der }) => ({
		use: "x509-svid",
		...publicKey.export({ format: "jwk" }),
		x5c: [der.toString("base64")],
	}));
	const keys = jwtKeys.map(({ keyId, publicJwk }) => ({ use: "jwt-svid", kid: keyId, ...publicJwk }));
	return JSON.stringify({
		keys: [...roots, ...keys],
		spiffe_sequence: sequence,
		spiffe_refresh_hint: refreshHintSeconds,
	});
}

/** Reads a bundle in the SPIFFE format. Keys of other uses are passed over, as the specification has it.
 *  @throws MeshError `FEDERATION_BUNDLE` when it is damaged */
export function parseSpiffeBundle(trustDomain: string, text: string): ReadBundle {
	const invalid = (fault: string, cause?: unknown): MeshError =>
		new MeshError("FEDERATION_BUNDLE", `bundle of ${trustDomain}: ${fault}`, cause === undefined ? {} : { cause });
	let document: Record<string, unknown> | null;
	try {
		document = JSON.parse(text, keepSequence) as Record<string, unknown> | null;
	} catch (error) {
		throw invalid("no JSON", error);
	}
	const keys = document?.["keys"];
	if (!Array.isArray(keys)) throw invalid("'keys' must be a list: is it a JWKS?");
	if (keys.length > maxKeys) throw invalid(`more than ${maxKeys} keys`);
	const roots: Certificate[] = [];
	const jwks: JwtAuthority[] = [];
	for (const [position, key] of keys.entries()) {
		try {
			const { use, kty } = key as Record<string, unknown>;
			if (!knownKeyTypes.has(kty)) continue;
			if (use === "x509-svid") roots.push(readRoot(key as Record<string, unknown>));
			else if (use === "jwt-svid") jwks.push(readJwtKey(key as Record<string, unknown>));
		} catch (error) {
			throw invalid(`keys[${position}] cannot be read`, error);
		}
	}
	return {
		trustDomain,
		pem: formatCertificates(roots.map(({ der }) => der)),
		jwks,
		keys: roots.length + jwks.length,
		sequence: readSequence(document?.["spiffe_sequence"]),
		refreshHintSeconds: readCount(document?.["spiffe_refresh_hint"]),
	};
}

function readRoot({ x5c }: Record<string, unknown>): Certificate {
	if (!Array.isArray(x5c) || x5c.length !== 1 || typeof x5c[0] !== "string")
		throw new Error("'x5c' must hold exactly one certificate");
	const root = readCertificate(Buffer.from(x5c[0], "base64"));
	if (!root.extensions.isCa) throw new Error(`certificate ${root.serial} is no certificate authority`);
	if (!isPlainKey(root.publicKey)) throw new Error(`certificate ${root.serial} has a key that workloads may not read`);
	return root;
}

function readJwtKey({ kid, kty, crv, x, y, n, e }: Record<string, unknown>): JwtAuthority {
	if (typeof kid !== "string" || kid === "") throw new Error("'kid' is missing");
	const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => typeof value === "string");
	const publicJwk = toPlainJwk(Object.fromEntries(members));
	return { keyId: kid, publicJwk, notAfter: Number.MAX_SAFE_INTEGER };
}

/** A key of others, written as RFC 7518 section 6 has it: libraries of workloads refuse a whole set for padding, a short coordinate or a
 *  curve that they do not know.
 *  @throws Error for one that is none */
export function toPlainJwk(jwk: Readonly<Record<string, unknown>>): PublicJwk {
	const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
	if (!isPlainKey(key)) throw new Error("a key that workloads may not read");
	return key.export({ format: "jwk" }) as PublicJwk;
}

/** Numbers of JavaScript end at 2^53, a sequence may go on: digits are read as they stand. */
function keepSequence(key: string, value: unknown, context?: { readonly source?: string }): unknown {
	const source = context?.source;
	return key === "spiffe_sequence" && source !== undefined && /^\d{1,20}$/.test(source) ? BigInt(source) : value;
}

const maxSequence = 2n ** 64n - 1n;

function readSequence(value: unknown): bigint | undefined {
	return typeof value === "bigint" && value <= maxSequence ? value : undefined;
}

function readCount(value: unknown): number | undefined {
	return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
