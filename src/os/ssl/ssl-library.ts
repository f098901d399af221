import { findFfi } from "../native.ts";

/** What is used of the TLS library (OpenSSL 3) inside this Node, function by function: the words are those of its manual. Pointers are
 *  addresses; nothing here knows whether one is still valid. */
export interface SslLibrary {
	readonly functions: SslFunctions;
	/** Makes a function of ours callable by the library, on this thread and for as long as it lives.
	 *  @param failure what the library gets when it throws */
	register<const Parameters extends readonly ("pointer" | "int32")[]>(
		parameters: Parameters,
		failure: number,
		callback: (...values: { [K in keyof Parameters]: Parameters[K] extends "pointer" ? bigint : number }) => number,
	): bigint;
	/** Where the bytes are; they must outlive every use of it. */
	addressOf(bytes: Uint8Array): bigint;
}

type SslFunctions = ReturnType<typeof resolve>["functions"];
type Ffi = NonNullable<ReturnType<typeof findFfi>>;

const pointer = "pointer";
const int = "int32";
const none = "void";

function resolve(ffi: Ffi) {
	return ffi.dlopen(null, {
		SSL_CTX_ctrl: { arguments: [pointer, int, "int64", pointer], return: "int64" },
		SSL_CTX_set_num_tickets: { arguments: [pointer, "uint64"], return: int },
		SSL_CTX_set_cert_verify_callback: { arguments: [pointer, pointer, pointer], return: none },
		X509_verify_cert: { arguments: [pointer], return: int },
		X509_STORE_CTX_get0_cert: { arguments: [pointer], return: pointer },
		X509_STORE_CTX_get0_untrusted: { arguments: [pointer], return: pointer },
		X509_STORE_CTX_get0_chain: { arguments: [pointer], return: pointer },
		X509_STORE_CTX_get_error: { arguments: [pointer], return: int },
		X509_STORE_CTX_set_error: { arguments: [pointer, int], return: none },
		X509_STORE_CTX_set_flags: { arguments: [pointer, "uint64"], return: none },
		X509_STORE_CTX_set_verify_cb: { arguments: [pointer, pointer], return: none },
		X509_get0_notAfter: { arguments: [pointer], return: pointer },
		X509_cmp_time: { arguments: [pointer, pointer], return: int },
		X509_digest: { arguments: [pointer, pointer, pointer, pointer], return: int },
		EVP_sha256: { arguments: [], return: pointer },
		OPENSSL_sk_num: { arguments: [pointer], return: int },
		OPENSSL_sk_value: { arguments: [pointer, int], return: pointer },
	});
}

let found: SslLibrary | undefined | "not looked for" = "not looked for";

/** The library of this thread; undefined where Node's foreign function interface is off, or its library is another one. */
export function findSslLibrary(): SslLibrary | undefined {
	if (found === "not looked for") found = open();
	return found;
}

function open(): SslLibrary | undefined {
	if (!process.versions.openssl.startsWith("3.")) return undefined;
	try {
		const ffi = findFfi();
		if (ffi === undefined) return undefined;
		const { lib, functions } = resolve(ffi);
		return {
			functions,
			register(parameters, failure, callback) {
				const call = callback as (...values: readonly unknown[]) => number;
				return lib.registerCallback({ arguments: parameters, return: int }, (...values: readonly unknown[]) => {
					try {
						return call(...values);
					} catch {
						return failure;
					}
				});
			},
			addressOf: (bytes) => ffi.getRawPointer(bytes),
		};
	} catch {
		// The permission model, or a Node that does not show its library's names.
		return undefined;
	}
}
