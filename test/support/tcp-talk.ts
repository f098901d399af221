import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** A server that greets with its name and says everything again. @returns its port */
export async function startGreeter(t: Pick<TestContext, "after">, name: string): Promise<number> {
	const open = new Set<Socket>();
	const server = createServer({ allowHalfOpen: true }, (socket) => {
		open.add(socket);
		socket.on("close", () => open.delete(socket));
		socket.on("error", () => socket.destroy());
		socket.write(`hello ${name}\n`);
		socket.on("data", (bytes) => socket.write(`echo:${bytes.toString("latin1")}`, "latin1"));
		socket.on("end", () => socket.end());
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		server.close();
		for (const socket of open) socket.destroy();
	});
	return (server.address() as AddressInfo).port;
}

/** What a client does. */
export interface TalkOptions {
	readonly port: number;
	/** Sent one after another, each when the answers so far hold what stands before it. */
	readonly send?: readonly { readonly after?: string; readonly bytes: string | Buffer }[];
	/** Ends the conversation when it was heard; otherwise the other side must. */
	readonly until?: string;
	/** Say our end after everything was sent. */
	readonly half?: boolean;
	/** The address to come from. */
	readonly from?: string;
}

/** What a client saw. */
export interface Talk {
	readonly heard: string;
	/** `fin` or `reset` by the other side; `heard` when `until` came first. */
	readonly end: "fin" | "reset" | "heard" | "refused";
}

/** Talks to a TCP server; fails after ten seconds. */
export async function talk({ port, send = [], until, half = false, from }: TalkOptions): Promise<Talk> {
	const socket = connect({
		port,
		host: "127.0.0.1",
		allowHalfOpen: true,
		...(from === undefined ? {} : { localAddress: from }),
	});
	let heard = "";
	let next = 0;
	const { promise, resolve, reject } = Promise.withResolvers<Talk>();
	const timer = setTimeout(() => reject(new Error(`nothing more came after ${JSON.stringify(heard)}`)), 10_000);
	const step = (): void => {
		for (; next < send.length && heard.includes(send[next]!.after ?? ""); next++) socket.write(send[next]!.bytes);
		if (half && next === send.length) socket.end();
		if (until !== undefined && heard.includes(until)) resolve({ heard, end: "heard" });
	};
	socket.on("connect", step);
	socket.on("data", (bytes) => {
		heard += bytes.toString("latin1");
		step();
	});
	socket.on("end", () => resolve({ heard, end: "fin" }));
	socket.on("error", (error: NodeJS.ErrnoException) =>
		resolve({ heard, end: error.code === "ECONNREFUSED" ? "refused" : "reset" }),
	);
	try {
		return await promise;
	} finally {
		clearTimeout(timer);
		socket.destroy();
	}
}
