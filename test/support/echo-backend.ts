import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** A backend that answers with its name, after `?delay=` milliseconds and with the status of `?code=`. */
export interface EchoBackend {
	readonly port: number;
	/** Requests it has had. */
	readonly requests: number;
}

export async function startEchoBackend(t: Pick<TestContext, "after">, name: string): Promise<EchoBackend> {
	let requests = 0;
	const server: Server = createServer((request, response) => {
		requests++;
		const query = new URL(request.url!, "http://x").searchParams;
		response.statusCode = Number(query.get("code") ?? 200);
		setTimeout(() => response.end(name), Number(query.get("delay") ?? 0));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close().closeAllConnections());
	return {
		port: (server.address() as AddressInfo).port,
		get requests() {
			return requests;
		},
	};
}
