import { createServer } from "node:net";

/** A free loopback port below the range from which the system takes ports for outgoing connections, so that none of those takes it
 *  before it is used. */
export async function findFreePort(): Promise<number> {
	for (;;) {
		const port = 10_000 + Math.floor(Math.random() * 10_000);
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
