import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** A backend that answers with what it got: `x-status` chooses the status, `x-break` ends the connection, `/empty` has no body. */
export async function startEchoBackend(t: Pick<TestContext, "after">): Promise<number> {
	const server = createServer((message, response) => {
		const pieces: Buffer[] = [];
		message.on("data", (piece: Buffer) => pieces.push(piece));
		message.on("end", () => {
			if (message.headers["x-break"] !== undefined) {
				message.socket.destroy();
				return;
			}
			response.statusCode = Number(message.headers["x-status"] ?? 200);
			response.setHeader("x-backend", "echo");
			const text = message.url === "/empty" ? "" : `echo: ${Buffer.concat(pieces).toString()}`;
			response.setHeader("content-length", Buffer.byteLength(text));
			response.end(text);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return (server.address() as AddressInfo).port;
}
