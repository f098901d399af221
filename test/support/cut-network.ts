import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** A wire to a server that a test can cut: bytes are lost, nobody is told. */
export interface CutNetwork {
	/** `127.0.0.1:PORT`, where clients connect instead of to the server. */
	readonly address: string;
	/** Loses every byte from now on; connections stay open, new ones are taken and stay silent. */
	cut(): void;
	/** Passes new connections again; what was open while it was cut is reset. */
	mend(): void;
}

/** Puts a wire in front of `host:port`. */
export async function startCutNetwork(t: Pick<TestContext, "after">, target: string): Promise<CutNetwork> {
	const [host = "", port = ""] = target.split(":");
	const sockets = new Set<Socket>();
	let isCut = false;
	const hold = (socket: Socket): void => {
		sockets.add(socket);
		socket.on("error", () => socket.destroy());
		socket.on("close", () => sockets.delete(socket));
	};
	const server = createServer((client) => {
		hold(client);
		if (isCut) return;
		const upstream = connect(Number(port), host);
		hold(upstream);
		const join = (from: Socket, to: Socket): void => {
			from.on("data", (bytes) => !isCut && to.write(bytes));
			from.on("close", () => !isCut && to.destroy());
		};
		join(client, upstream);
		join(upstream, client);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	const own = server.address() as { port: number };
	return {
		address: `127.0.0.1:${own.port}`,
		cut() {
			isCut = true;
		},
		mend() {
			isCut = false;
			for (const socket of sockets) socket.resetAndDestroy();
		},
	};
}
