import { hash, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { Duplex } from "node:stream";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Clock, Millis } from "../core/index.ts";
import { contentType } from "./record.ts";

/** A peer by its certificate, and what the library of TLS says of its chain. */
export interface Peer {
	readonly certificate: X509Certificate;
	readonly key: KeyObject;
	/** Of the key, by Node's name. */
	readonly curve: string | undefined;
	/** Null: a chain to one of the authorities, valid now. */
	readonly error: (Error & { readonly code?: string }) | null;
}

const maxPeers = 1024;
/** For so long a good verdict counts: authorities that change come with a context of their own. */
const lifetimeMs: Millis = 60_000;

interface Verdict {
	readonly peer: Peer;
	readonly until: Millis;
}

/** Lets the library judge the chains of clients, each of them once a minute at most. Nothing of a chain is judged here: a handshake of TLS
 *  1.2 in memory, in which nobody but the library takes part, is led to the point where it has verified the client's chain, and dropped. */
export class PeerVerdicts {
	readonly #context: SecureContext;
	readonly #clock: Clock;
	readonly #verdicts = new Map<string, Verdict>();

	/** @param context with the authorities, a certificate of our own, and nothing but TLS 1.2 */
	constructor(context: SecureContext, clock: Clock) {
		this.#context = context;
		this.#clock = clock;
	}

	/** `done` may be called before this returns. It gets undefined for what is no certificate.
	 *  @param chain in DER, leaf first, not empty */
	judge(chain: readonly Buffer[], done: (peer: Peer | undefined) => void): void {
		const key = hash("sha256", chain.length === 1 ? chain[0]! : Buffer.concat(chain), "base64");
		const known = this.#verdicts.get(key);
		if (known !== undefined && this.#clock.wall() < known.until) {
			done(known.peer);
			return;
		}
		this.#verdicts.delete(key);
		const read = readChain(chain);
		if (read === undefined) {
			done(undefined);
			return;
		}
		judgeByLibrary(this.#context, chain, (error, certificate = read.leaf) => {
			const peer: Peer = { certificate, key: read.key, curve: read.curve, error };
			if (error === null) this.#keep(key, { peer, until: Math.min(this.#clock.wall() + lifetimeMs, read.validToMs) });
			done(peer);
		});
	}

	#keep(key: string, verdict: Verdict): void {
		for (const oldest of this.#verdicts.keys()) {
			if (this.#verdicts.size < maxPeers) break;
			this.#verdicts.delete(oldest);
		}
		this.#verdicts.set(key, verdict);
	}
}

/** @returns when the first of the chain's certificates ends, beside the leaf */
function readChain(
	chain: readonly Buffer[],
): (Pick<Peer, "key" | "curve"> & { readonly leaf: X509Certificate; readonly validToMs: Millis }) | undefined {
	try {
		const certificates = chain.map((der) => new X509Certificate(der));
		const leaf = certificates[0]!;
		const key = leaf.publicKey;
		return {
			leaf,
			key,
			curve: key.asymmetricKeyDetails?.namedCurve,
			validToMs: Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())),
		};
	} catch {
		return undefined;
	}
}

function record(type: number, body: Buffer): Buffer {
	const parts: Buffer[] = [];
	for (let at = 0; at < body.length; at += 2 ** 14) {
		const part = body.subarray(at, at + 2 ** 14);
		parts.push(Buffer.of(type, 3, 3, part.length >> 8, part.length & 0xff), part);
	}
	return Buffer.concat(parts);
}

function message(type: number, body: Buffer): Buffer {
	return Buffer.concat([Buffer.of(type, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff), body]);
}

/** A client's hello of TLS 1.2 (RFC 5246, section 7.4.1.2): ECDHE with ECDSA or RSA, AES in GCM; X25519 and P-256. */
function encodeHello(): Buffer {
	const extensions = Buffer.from(
		["000a00060004001d0017", "000b00020100", "000d001600140403050306030807080408050806040105010601"].join(""),
		"hex",
	);
	const fixed = Buffer.from("000008c02bc02fc02cc0300100", "hex");
	const length = Buffer.of(extensions.length >> 8, extensions.length & 0xff);
	return message(1, Buffer.concat([Buffer.of(3, 3), randomBytes(32), fixed, length, extensions]));
}

function encodeChain(chain: readonly Buffer[]): Buffer {
	const entries = chain.flatMap((der) => [
		Buffer.of(der.length >> 16, (der.length >> 8) & 0xff, der.length & 0xff),
		der,
	]);
	const length = entries.reduce((sum, part) => sum + part.length, 0);
	return message(11, Buffer.concat([Buffer.of(length >> 16, (length >> 8) & 0xff, length & 0xff), ...entries]));
}

type Verified = TLSSocket & { readonly ssl: { verifyError(): (Error & { readonly code?: string }) | null } | null };

/** Lets the library's server read a hello and the chain, and asks what it thinks of it.
 *  @param done gets the leaf as well, which knows its issuers, where the library got so far */
function judgeByLibrary(
	context: SecureContext,
	chain: readonly Buffer[],
	done: (error: Peer["error"], leaf?: X509Certificate) => void,
): void {
	const parts = [record(contentType.handshake, encodeHello()), record(contentType.handshake, encodeChain(chain))];
	const pipe = new Duplex({
		read: () => undefined,
		write: (_bytes, _encoding, written) => written(),
		final: (ended) => ended(),
	});
	const options = { isServer: true, secureContext: context, requestCert: true, rejectUnauthorized: false };
	const library = new TLSSocket(pipe, options) as Verified;
	let unread = parts.length;
	let isDone = false;
	const finish = (error: Peer["error"], leaf?: X509Certificate): void => {
		if (isDone) return;
		isDone = true;
		done(error, leaf);
		setImmediate(() => {
			library.destroy();
			pipe.destroy();
		});
	};
	const fail = (): void => finish(new Error("the library did not judge the certificate"));
	library.on("error", (error) => finish(error));
	library.on("close", fail);
	// Called behind the library, which listens already and reads at once.
	pipe.on("data", () => {
		if (--unread > 0 || isDone) return;
		const { ssl } = library;
		const leaf = library.getPeerX509Certificate();
		if (ssl === null || leaf === undefined) setImmediate(fail);
		else finish(ssl.verifyError(), leaf);
	});
	for (const part of parts) pipe.push(part);
}
