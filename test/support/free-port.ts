import { createServer } from "node:net";

/** Ports that were given out: whoever has one may take a while to listen. */
const given = new Set<number>();

/** Test files run in processes beside each other: each process takes its ports from a slice of its own, by its process ID. */
const slices = 16;
const firstPort = 10_000;
const portsOfSlice = 640;

/** A free loopback port, none twice, below the range from which the system takes ports for outgoing connections, so that none of those takes it
 *  before it is used.
 *  @throws Error when the slice of this process is used up */
export async function findFreePort(): Promise<number> {
	const start = firstPort + (process.pid % slices) * portsOfSlice;
	while (given.size < portsOfSlice) {
		const port = start + Math.floor(Math.random() * portsOfSlice);
		if (given.has(port)) continue;
		given.add(port);
		if (await isFree(port)) return port;
	}
	throw new Error(`this process was given all ${portsOfSlice} ports of its slice`);
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});
}
