import { createServer } from "node:net";

/** Ports that were given out: whoever has one may take a while to listen. */
const given = new Set<number>();

/** A free loopback port, none twice, below the range from which the system takes ports for outgoing connections, so that none of those takes it
 *  before it is used. */
export async function findFreePort(): Promise<number> {
	for (;;) {
		const port = 10_000 + Math.floor(Math.random() * 10_000);
		if (given.has(port)) continue;
		given.add(port);
		if (await isFree(port)) return port;
	}
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});
}
