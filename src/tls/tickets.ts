import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { Reader } from "../wire/tls-hello/index.ts";

/** What is known of a client that comes back. */
export interface Session {
	readonly suite: number;
	readonly preSharedKey: Buffer;
	readonly serverName: string;
	/** In DER, leaf first; empty for a client without a certificate. */
	readonly chain: readonly Buffer[];
}

const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const tagOptions = { authTagLength: tagBytes };
/** Clients with a longer chain get no tickets. */
const maxTicketBytes = 16 * 1024;

/** Makes tickets and reads them: sessions under a key of this box, which nobody else has and which is gone with it (RFC 5077, section 4,
 *  in contents of our own). */
export class TicketBox {
	readonly lifetimeSeconds: number;
	readonly #key = createSecretKey(randomBytes(32));
	readonly #wall: () => number;

	/** @param lifetimeSeconds at most seven days (RFC 8446, section 4.6.1)
	 *  @param wall milliseconds since 1970 */
	constructor(lifetimeSeconds: number, wall: () => number) {
		this.lifetimeSeconds = Math.min(lifetimeSeconds, 7 * 86_400);
		this.#wall = wall;
	}

	/** Undefined when it would be too long. */
	seal({ suite, preSharedKey, serverName, chain }: Session): Buffer | undefined {
		const head = Buffer.allocUnsafe(1 + 8 + 2);
		head[0] = formatVersion;
		head.writeDoubleBE(this.#wall(), 1);
		head.writeUInt16BE(suite, 9);
		const parts = [head, Buffer.of(preSharedKey.length), preSharedKey];
		parts.push(Buffer.of(serverName.length), Buffer.from(serverName, "latin1"));
		for (const certificate of chain) {
			const length = Buffer.allocUnsafe(3);
			length.writeUIntBE(certificate.length, 0, 3);
			parts.push(length, certificate);
		}
		const plain = Buffer.concat(parts);
		if (plain.length > maxTicketBytes) return undefined;
		const nonce = randomBytes(nonceBytes);
		const sealer = createCipheriv("aes-256-gcm", this.#key, nonce, tagOptions);
		const body = sealer.update(plain);
		sealer.final();
		return Buffer.concat([nonce, body, sealer.getAuthTag()]);
	}

	/** Undefined for tickets of others, and for old ones. */
	open(ticket: Buffer): Session | undefined {
		const end = ticket.length - tagBytes;
		if (end <= nonceBytes || ticket.length > maxTicketBytes + nonceBytes + tagBytes) return undefined;
		const opener = createDecipheriv("aes-256-gcm", this.#key, ticket.subarray(0, nonceBytes), tagOptions);
		opener.setAuthTag(ticket.subarray(end));
		const plain = opener.update(ticket.subarray(nonceBytes, end));
		try {
			opener.final();
		} catch {
			return undefined;
		}
		return this.#read(plain);
	}

	#read(plain: Buffer): Session | undefined {
		const age = this.#wall() - plain.readDoubleBE(1);
		if (plain[0] !== formatVersion || age < 0 || age >= this.lifetimeSeconds * 1000) return undefined;
		const reader = new Reader(plain.subarray(9));
		const suite = reader.uint16();
		const preSharedKey = reader.vector(1);
		const serverName = reader.vector(1).toString("latin1");
		const chain: Buffer[] = [];
		while (reader.remaining > 0 && !reader.failed) chain.push(reader.vector(3));
		return reader.failed ? undefined : { suite, preSharedKey, serverName, chain };
	}
}
