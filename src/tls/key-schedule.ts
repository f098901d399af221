import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import type { Suite } from "./suite.ts";

/** What a direction's records are protected with. */
export interface TrafficKeys {
	readonly key: KeyObject;
	readonly iv: Buffer;
}

const empty = Buffer.alloc(0);

function hmac(suite: Suite, key: Buffer, data: Buffer): Buffer {
	return createHmac(suite.hash, key).update(data).digest();
}

function digest({ hash: algorithm }: Suite, data: Buffer): Buffer {
	return hash(algorithm, data, "buffer");
}

/** HKDF-Expand-Label (RFC 8446, section 7.1) for at most one block of the hash. */
export function expandLabel(suite: Suite, secret: Buffer, label: string, context: Buffer, length: number): Buffer {
	const info = Buffer.allocUnsafe(2 + 1 + 6 + label.length + 1 + context.length + 1);
	info.writeUInt16BE(length, 0);
	info[2] = 6 + label.length;
	info.write(`tls13 ${label}`, 3, "latin1");
	const at = 9 + label.length;
	info[at] = context.length;
	context.copy(info, at + 1);
	info[info.length - 1] = 1;
	const block = hmac(suite, secret, info);
	return length === block.length ? block : block.subarray(0, length);
}

/** Key and vector of a traffic secret (RFC 8446, section 7.3). */
export function trafficKeys(suite: Suite, secret: Buffer): TrafficKeys {
	return {
		key: createSecretKey(expandLabel(suite, secret, "key", empty, suite.keyBytes)),
		iv: Buffer.from(expandLabel(suite, secret, "iv", empty, 12)),
	};
}

/** The secret behind a KeyUpdate (RFC 8446, section 7.2). */
export function nextTrafficSecret(suite: Suite, secret: Buffer): Buffer {
	return expandLabel(suite, secret, "traffic upd", empty, suite.hashBytes);
}

/** A Finished message's content (RFC 8446, section 4.4.4). */
export function finishedOf(suite: Suite, secret: Buffer, transcript: Buffer): Buffer {
	return hmac(suite, expandLabel(suite, secret, "finished", empty, suite.hashBytes), transcript);
}

/** The binder of an offered session, over the part of the ClientHello before the binders (RFC 8446, section 4.2.11.2). */
export function binderOf(suite: Suite, preSharedKey: Buffer, boundMessage: Buffer): Buffer {
	const early = hmac(suite, zeros(suite), preSharedKey);
	const binderKey = expandLabel(suite, early, "res binder", digest(suite, empty), suite.hashBytes);
	return finishedOf(suite, binderKey, digest(suite, boundMessage));
}

/** The pre-shared key of a ticket (RFC 8446, section 4.6.1). */
export function ticketKeyOf(suite: Suite, resumption: Buffer, nonce: Buffer): Buffer {
	return expandLabel(suite, resumption, "resumption", nonce, suite.hashBytes);
}

const knownZeros = new Map([
	["sha256", Buffer.alloc(32)],
	["sha384", Buffer.alloc(48)],
]);

function zeros(suite: Suite): Buffer {
	return knownZeros.get(suite.hash)!;
}

/** The salts of the handshake secret without a pre-shared key, which are always the same. */
const knownSalts = new Map<string, Buffer>();

/** The secrets of one handshake (RFC 8446, section 7.1). */
export class KeySchedule {
	readonly #suite: Suite;
	#handshake: Buffer = empty;
	#main: Buffer = empty;

	constructor(suite: Suite) {
		this.#suite = suite;
	}

	/** @returns the traffic secrets for what is left of the handshake, after the server's hello */
	onSharedSecret(shared: Buffer, preSharedKey: Buffer | undefined, transcript: Buffer): Directions {
		const suite = this.#suite;
		this.#handshake = hmac(suite, saltOf(suite, preSharedKey), shared);
		return {
			client: expandLabel(suite, this.#handshake, "c hs traffic", transcript, suite.hashBytes),
			server: expandLabel(suite, this.#handshake, "s hs traffic", transcript, suite.hashBytes),
		};
	}

	/** @returns the traffic secrets for data, after the server's Finished */
	onServerFinished(transcript: Buffer): Directions {
		const suite = this.#suite;
		const salt = expandLabel(suite, this.#handshake, "derived", digest(suite, empty), suite.hashBytes);
		this.#main = hmac(suite, salt, zeros(suite));
		this.#handshake = empty;
		return {
			client: expandLabel(suite, this.#main, "c ap traffic", transcript, suite.hashBytes),
			server: expandLabel(suite, this.#main, "s ap traffic", transcript, suite.hashBytes),
		};
	}

	/** @returns the secret of tickets, after the client's Finished */
	resumption(transcript: Buffer): Buffer {
		return expandLabel(this.#suite, this.#main, "res master", transcript, this.#suite.hashBytes);
	}
}

/** A secret for each direction. */
export interface Directions {
	readonly client: Buffer;
	readonly server: Buffer;
}

function saltOf(suite: Suite, preSharedKey: Buffer | undefined): Buffer {
	const known = preSharedKey === undefined ? knownSalts.get(suite.hash) : undefined;
	if (known !== undefined) return known;
	const early = hmac(suite, zeros(suite), preSharedKey ?? zeros(suite));
	const salt = expandLabel(suite, early, "derived", digest(suite, empty), suite.hashBytes);
	if (preSharedKey === undefined) knownSalts.set(suite.hash, salt);
	return salt;
}
