import { createCipheriv, createDecipheriv } from "node:crypto";
import { nextTrafficSecret, type TrafficKeys, trafficKeys } from "./key-schedule.ts";
import type { Suite } from "./suite.ts";

/** Types of records (RFC 8446, section 5.1). */
export const contentType = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 } as const;

/** A record's header. */
export const headerBytes = 5;
/** What a record may carry. */
export const maxPlainBytes = 2 ** 14;
/** What a protected record may have behind its header. */
export const maxSealedBytes = maxPlainBytes + 256;
const tagBytes = 16;
const tagOptions = { authTagLength: tagBytes };

/** The protection of one direction (RFC 8446, section 5.2): its keys and the number of its next record. */
export class RecordProtection {
	readonly #suite: Suite;
	#secret: Buffer;
	#keys: TrafficKeys;
	#sequence = 0;

	constructor(suite: Suite, secret: Buffer) {
		this.#suite = suite;
		this.#secret = secret;
		this.#keys = trafficKeys(suite, secret);
	}

	/** Whether the keys are worn out: {@link renew} is due. */
	get isWorn(): boolean {
		return this.#sequence >= this.#suite.maxRecords;
	}

	/** The next keys, behind a KeyUpdate. */
	renew(): void {
		this.#secret = nextTrafficSecret(this.#suite, this.#secret);
		this.#keys = trafficKeys(this.#suite, this.#secret);
		this.#sequence = 0;
	}

	/** Writes a record at `at` of `out` whose content is the first bytes of `inner`; its last byte is the type's.
	 *  @param inner at most 2^14 bytes and the one of the type
	 *  @returns where the record ends */
	seal(inner: Buffer, out: Buffer, at: number): number {
		const sealed = inner.length + tagBytes;
		out[at] = contentType.data;
		out[at + 1] = 3;
		out[at + 2] = 3;
		out[at + 3] = sealed >> 8;
		out[at + 4] = sealed & 0xff;
		const { cipher } = this.#suite;
		// The types name each kind of cipher apart; the calls are the same.
		const sealer = createCipheriv(cipher as "aes-128-gcm", this.#keys.key, this.#nonce(), tagOptions);
		sealer.setAAD(out.subarray(at, at + headerBytes));
		const body = sealer.update(inner);
		sealer.final();
		body.copy(out, at + headerBytes);
		sealer.getAuthTag().copy(out, at + headerBytes + body.length);
		return at + headerBytes + sealed;
	}

	/** What a record holds: its content, padding and type. Undefined when it is not what the peer sent. */
	open(record: Buffer): Buffer | undefined {
		const end = record.length - tagBytes;
		if (end <= headerBytes) return undefined;
		const { cipher } = this.#suite;
		const opener = createDecipheriv(cipher as "aes-128-gcm", this.#keys.key, this.#nonce(), tagOptions);
		opener.setAAD(record.subarray(0, headerBytes));
		opener.setAuthTag(record.subarray(end));
		const inner = opener.update(record.subarray(headerBytes, end));
		try {
			opener.final();
		} catch {
			return undefined;
		}
		return inner;
	}

	/** Of the next record. */
	#nonce(): Buffer {
		const nonce = Buffer.allocUnsafe(12);
		const { iv } = this.#keys;
		iv.copy(nonce, 0, 0, 4);
		const sequence = this.#sequence++;
		nonce.writeUInt32BE((iv.readUInt32BE(4) ^ Math.floor(sequence / 2 ** 32)) >>> 0, 4);
		nonce.writeUInt32BE((iv.readUInt32BE(8) ^ (sequence >>> 0)) >>> 0, 8);
		return nonce;
	}
}

/** Bytes that records around `plain` bytes take. */
export function sealedLength(plain: number): number {
	const records = Math.max(1, Math.ceil(plain / maxPlainBytes));
	return plain + records * (headerBytes + 1 + tagBytes);
}
