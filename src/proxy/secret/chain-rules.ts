import type { X509Certificate } from "node:crypto";
import { findChainPath, listShown } from "./chain-path.ts";
import { children, contentOf } from "./der.ts";

/** What a validation context demands of a chain beyond what the TLS library checks. */
export interface ChainRules {
	/** How many authorities a chain may hold, its anchor among them (`max_verify_depth`); undefined for the library's bound. One is always
	 *  allowed. */
	readonly maxDepth: number | undefined;
	/** The certificates that chains may end in. */
	readonly anchors: readonly X509Certificate[];
	/** Lists that the leaf alone is looked up in (`only_verify_leaf_cert_crl`); undefined where the library does it for all. */
	readonly leafLists: readonly RevocationList[] | undefined;
}

/** What one authority takes back (RFC 5280 section 5.1). */
export interface RevocationList {
	/** The encoded name of the authority. */
	readonly issuer: Buffer;
	/** Serial numbers in upper-case hex without leading zeros. */
	readonly serials: ReadonlySet<string>;
}

/** Checks a leaf whose chain the library has verified. @returns OpenSSL's words for what is wrong, or undefined */
export function findChainRuleFault(rules: ChainRules, leaf: X509Certificate): string | undefined {
	if (rules.maxDepth !== undefined) {
		// The library has verified it: one that ends in none of these was verified before its session was resumed, or by the system's roots.
		const intermediates = findChainPath(leaf, rules.anchors) ?? listShown(leaf);
		if (intermediates.length > Math.max(0, rules.maxDepth - 1)) return "certificate chain too long";
	}
	if (rules.leafLists === undefined) return undefined;
	const { issuer, serial } = readNames(leaf);
	const list = rules.leafLists.find((one) => one.issuer.equals(issuer));
	if (list === undefined) return "unable to get certificate CRL";
	return list.serials.has(serial) ? "certificate revoked" : undefined;
}

/** Reads the lists of a PEM file that the library has accepted. */
export function readRevocationLists(pem: Buffer): RevocationList[] {
	const blocks = pem.toString("latin1").matchAll(/-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g);
	return [...blocks].map(([, base64 = ""]) => {
		const fields = children(children(contentOf(Buffer.from(base64, "base64")))[0]!.content);
		// version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, extensions?
		const at = fields[0]!.tag === integerTag ? 2 : 1;
		const revoked = fields.slice(at + 2).find(({ tag }) => tag === sequenceTag);
		const entries = revoked === undefined ? [] : children(revoked.content);
		return {
			issuer: fields[at]!.whole,
			serials: new Set(entries.map(({ content }) => formatSerial(children(content)[0]!.content))),
		};
	});
}

const integerTag = 0x02;
const sequenceTag = 0x30;
const versionTag = 0xa0;

function readNames(leaf: X509Certificate): { readonly issuer: Buffer; readonly serial: string } {
	const fields = children(children(contentOf(leaf.raw))[0]!.content);
	// version?, serialNumber, signature, issuer
	const at = fields[0]!.tag === versionTag ? 1 : 0;
	return { serial: formatSerial(fields[at]!.content), issuer: fields[at + 2]!.whole };
}

function formatSerial(bytes: Buffer): string {
	return bytes
		.toString("hex")
		.toUpperCase()
		.replace(/^0+(?=.)/, "");
}
