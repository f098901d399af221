import { createSocket } from "node:dgram";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** A name server on UDP that knows IPv4 addresses of a few names, until the test ends. */
export async function startDnsServer(t: Pick<TestContext, "after">, names: Map<string, readonly string[]>, ttl = 1) {
	const socket = createSocket("udp4");
	const asked: string[] = [];
	t.after(() => socket.close());
	socket.on("message", (query, from) => {
		asked.push(readName(query).name);
		socket.send(answerNameQuery(query, names, ttl), from.port, from.address);
	});
	await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
	return { port: (socket.address() as AddressInfo).port, asked };
}

/** The answer to a query (RFC 1035): A records of the name, none for another type, and NXDOMAIN for a name that is not there. */
export function answerNameQuery(query: Buffer, names: ReadonlyMap<string, readonly string[]>, ttl: number): Buffer {
	const { name, end } = readName(query);
	const known = names.get(name);
	const addresses = query.readUInt16BE(end) === 1 ? (known ?? []) : [];
	const head = Buffer.alloc(12);
	query.copy(head, 0, 0, 2);
	// An authoritative answer; 3 says that there is no such name.
	head.writeUInt16BE(0x8580 | (known === undefined ? 3 : 0), 2);
	head.writeUInt16BE(1, 4);
	head.writeUInt16BE(addresses.length, 6);
	const records = addresses.map((address) => {
		const record = Buffer.alloc(16);
		record.writeUInt16BE(0xc00c, 0);
		record.writeUInt16BE(1, 2);
		record.writeUInt16BE(1, 4);
		record.writeUInt32BE(ttl, 6);
		record.writeUInt16BE(4, 10);
		Buffer.from(address.split(".").map(Number)).copy(record, 12);
		return record;
	});
	return Buffer.concat([head, query.subarray(12, end + 4), ...records]);
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
	const labels: string[] = [];
	let at = 12;
	for (let length = query[at]!; length > 0; length = query[at]!) {
		labels.push(query.toString("latin1", at + 1, at + 1 + length));
		at += 1 + length;
	}
	return { name: labels.join(".").toLowerCase(), end: at + 1 };
}
