import type { X509Certificate } from "node:crypto";
import { type KeyUsage, readKeyUsage } from "./key-usage.ts";
import { readSubjectAltNames, type SubjectAltName } from "./subject-alt-names.ts";

/** Certificates that are remembered: peers come again, and each handshake has an object of its own for them. */
const maxKnown = 1024;

const known = new Map<string, LeafFacts>();

/** What rules and formats ask of a peer's leaf. */
export class LeafFacts {
	readonly names: readonly SubjectAltName[];
	/** Those of the names that are URIs. */
	readonly uris: readonly SubjectAltName[];
	/** The end of its time, in milliseconds of the epoch. */
	readonly validToMs: number;
	#usage: KeyUsage | undefined;

	constructor(certificate: X509Certificate) {
		this.names = readSubjectAltNames(certificate);
		this.uris = this.names.filter(({ type }) => type === "uri");
		this.validToMs = certificate.validToDate.getTime();
	}

	/** @param certificate the one that these are the facts of */
	usageOf(certificate: X509Certificate): KeyUsage {
		this.#usage ??= readKeyUsage(certificate);
		return this.#usage;
	}
}

/** The facts of a leaf, which are remembered by its SHA-256. */
export function factsOfLeaf(certificate: X509Certificate): LeafFacts {
	const key = certificate.fingerprint256;
	const found = known.get(key);
	if (found !== undefined) return found;
	const facts = new LeafFacts(certificate);
	if (known.size >= maxKnown) known.clear();
	known.set(key, facts);
	return facts;
}
