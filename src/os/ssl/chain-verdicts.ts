import type { SslLibrary } from "./ssl-library.ts";

/** Chains that are remembered, of one context. */
const maxChains = 1000;
/** A chain that was found good is good for so long, unless one of its certificates ends before. */
const goodForMs = 60_000;
const digestBytes = 32;

/** X509_V_ERR_*: the two faults that another moment would not have, and the one without a name. */
const notYetValid = 9;
const hasExpired = 10;
const unspecified = 1;

/** X509_V_FLAG_POLICY_CHECK: without it the library passes over critical policy constraints (RFC 5280 section 4.2.1.11). */
const checkPolicies = 0x80n;

/** Judges the chains of peers in place of the library, by the library. It would check the same signatures in every handshake of a peer
 *  that comes again: a good chain is remembered for a minute. And Node lets it go on behind every fault, so that the last one is told: a
 *  forged certificate that has expired would be "expired" only, which some rules forgive. Here it goes on behind a wrong time alone. */
export class ChainVerdicts {
	readonly #library: SslLibrary;
	readonly #onFault: bigint;
	#timeFault = 0;
	readonly #digest = Buffer.allocUnsafeSlow(digestBytes);
	readonly #digestAddress: bigint;
	readonly #moment = Buffer.allocUnsafeSlow(8);
	readonly #momentAddress: bigint;
	readonly #sha256: bigint;

	constructor(library: SslLibrary) {
		this.#library = library;
		this.#sha256 = library.functions.EVP_sha256();
		this.#digestAddress = library.addressOf(this.#digest);
		this.#momentAddress = library.addressOf(this.#moment);
		this.#onFault = library.register(["int32", "pointer"], 0, (isGood, store) => this.#goesOn(isGood === 1, store));
	}

	/** Leaves the verdict as the error of the store's context.
	 *  @param good the chains of this context that were found good, and until when; filled here
	 *  @param nowMs by the wall clock */
	judge(store: bigint, good: Map<string, number>, nowMs: number): void {
		const { functions } = this.#library;
		const leaf = functions.X509_STORE_CTX_get0_cert(store);
		let key = this.#digestOf(leaf);
		for (const certificate of this.#listOf(functions.X509_STORE_CTX_get0_untrusted(store)))
			if (certificate !== leaf) key += this.#digestOf(certificate);
		const until = good.get(key);
		if (until !== undefined && nowMs < until) {
			functions.X509_STORE_CTX_set_error(store, 0);
			return;
		}
		good.delete(key);
		const fault = this.#verify(store);
		functions.X509_STORE_CTX_set_error(store, fault);
		if (fault !== 0 || !this.#outlives(store, nowMs + goodForMs)) return;
		if (good.size >= maxChains) good.clear();
		good.set(key, nowMs + goodForMs);
	}

	#verify(store: bigint): number {
		const { X509_STORE_CTX_set_flags, X509_STORE_CTX_set_verify_cb, X509_verify_cert, X509_STORE_CTX_get_error } =
			this.#library.functions;
		this.#timeFault = 0;
		X509_STORE_CTX_set_flags(store, checkPolicies);
		X509_STORE_CTX_set_verify_cb(store, this.#onFault);
		if (X509_verify_cert(store) === 1) return this.#timeFault;
		return X509_STORE_CTX_get_error(store) || unspecified;
	}

	#goesOn(isGood: boolean, store: bigint): number {
		if (isGood) return 1;
		const fault = this.#library.functions.X509_STORE_CTX_get_error(store);
		if (fault !== notYetValid && fault !== hasExpired) return 0;
		this.#timeFault = fault;
		return 1;
	}

	/** Whether every certificate of the chain is valid until then. */
	#outlives(store: bigint, momentMs: number): boolean {
		const { X509_STORE_CTX_get0_chain, X509_get0_notAfter, X509_cmp_time } = this.#library.functions;
		this.#moment.writeBigInt64LE(BigInt(Math.ceil(momentMs / 1000)));
		return this.#listOf(X509_STORE_CTX_get0_chain(store)).every(
			(certificate) => X509_cmp_time(X509_get0_notAfter(certificate), this.#momentAddress) > 0,
		);
	}

	/** Which certificate it is: its SHA-256, a letter a byte. */
	#digestOf(certificate: bigint): string {
		if (this.#library.functions.X509_digest(certificate, this.#sha256, this.#digestAddress, 0n) !== 1)
			throw new Error("a certificate without a digest");
		return this.#digest.latin1Slice(0, digestBytes);
	}

	#listOf(stack: bigint): readonly bigint[] {
		if (stack === 0n) return [];
		const { OPENSSL_sk_num, OPENSSL_sk_value } = this.#library.functions;
		const list: bigint[] = [];
		const count = OPENSSL_sk_num(stack);
		for (let index = 0; index < count; index++) list.push(OPENSSL_sk_value(stack, index));
		return list;
	}
}
