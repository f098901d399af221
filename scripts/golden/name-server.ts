import { createSocket } from "node:dgram";

/** The names that exist in the world, and nothing else does. */
const names: ReadonlyMap<string, readonly string[]> = new Map([
	["ext-a.golden.test", ["10.88.3.1"]],
	["ext-b.golden.test", ["10.88.3.2"]],
	["both.golden.test", ["10.88.3.1", "10.88.3.2"]],
	["api.wild.golden.test", ["10.88.3.1"]],
	["x.dyn.golden.test", ["10.88.3.1"]],
]);

/** A name server on UDP port 53 of an address, until the process ends. */
export async function serveNames(address: string): Promise<void> {
	const socket = createSocket("udp4");
	socket.on("message", (query, from) => socket.send(answer(query), from.port, from.address));
	await new Promise<void>((resolve) => socket.bind(53, address, resolve));
}

function answer(query: Buffer): Buffer {
	const labels: string[] = [];
	let at = 12;
	for (let length = query[at]!; length > 0; length = query[at]!) {
		labels.push(query.toString("latin1", at + 1, at + 1 + length));
		at += 1 + length;
	}
	const end = at + 1;
	const known = names.get(labels.join(".").toLowerCase());
	const addresses = query.readUInt16BE(end) === 1 ? (known ?? []) : [];
	const head = Buffer.alloc(12);
	query.copy(head, 0, 0, 2);
	// An authoritative answer; 3 says that there is no such name.
	head.writeUInt16BE(0x8580 | (known === undefined ? 3 : 0), 2);
	head.writeUInt16BE(1, 4);
	head.writeUInt16BE(addresses.length, 6);
	const records = addresses.map((item) => {
		const record = Buffer.alloc(16);
		record.writeUInt16BE(0xc00c, 0);
		record.writeUInt16BE(1, 2);
		record.writeUInt16BE(1, 4);
		record.writeUInt32BE(1, 6);
		record.writeUInt16BE(4, 10);
		Buffer.from(item.split(".").map(Number)).copy(record, 12);
		return record;
	});
	return Buffer.concat([head, query.subarray(12, end + 4), ...records]);
}
