import { createSocket } from "node:dgram";
import { answerNameQuery } from "../../test/support/dns-server.ts";

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
	socket.on("message", (query, from) => socket.send(answerNameQuery(query, names, 1), from.port, from.address));
	await new Promise<void>((resolve) => socket.bind(53, address, resolve));
}
