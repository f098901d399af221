import { connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** One answer as it came. */
export interface RawResponse {
	readonly status: number;
	readonly headers: ReadonlyMap<string, string>;
	readonly body: string;
	/** The text between the last chunk and the empty line. */
	readonly trailers: string;
}

/** A client that sends exactly the given bytes and reads answers one by one. */
export class RawClient {
	readonly socket: Socket;
	#text = "";
	#ended = false;
	#error: Error | undefined;
	#wake: (() => void) | undefined;

	constructor(socket: Socket) {
		this.socket = socket;
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			this.#text += String(data);
			this.#wake?.();
		});
		socket.on("error", (error) => {
			this.#error = error;
		});
		for (const event of ["end", "close"] as const) {
			socket.on(event, () => {
				this.#ended = true;
				this.#wake?.();
			});
		}
	}

	send(text: string): void {
		this.socket.write(text, "latin1");
	}

	/** Bytes that came and were not taken. */
	get buffered(): string {
		return this.#text;
	}

	/** The next answer; `hasBody` false for answers to HEAD. @throws when the connection ends before */
	async response(hasBody = true): Promise<RawResponse> {
		const head = await this.until("\r\n\r\n");
		const [first = "", ...lines] = head.split("\r\n");
		const headers = new Map(
			lines.map((line): [string, string] => {
				const colon = line.indexOf(":");
				return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
			}),
		);
		const status = Number(first.split(" ")[1]);
		const answer = { status, headers, body: "", trailers: "" };
		if (!hasBody || status < 200 || status === 204 || status === 304) return answer;
		if (headers.get("transfer-encoding") === "chunked") return { ...answer, ...(await this.#chunks()) };
		const length = headers.get("content-length");
		if (length !== undefined) return { ...answer, body: await this.take(Number(length)) };
		await this.closed();
		return { ...answer, body: this.#text };
	}

	/** The text before `mark`, which is taken too. */
	async until(mark: string): Promise<string> {
		while (!this.#text.includes(mark)) await this.#more();
		const at = this.#text.indexOf(mark);
		const text = this.#text.slice(0, at);
		this.#text = this.#text.slice(at + mark.length);
		return text;
	}

	async take(length: number): Promise<string> {
		while (this.#text.length < length) await this.#more();
		const text = this.#text.slice(0, length);
		this.#text = this.#text.slice(length);
		return text;
	}

	/** Resolves when the peer ended the connection. */
	async closed(): Promise<void> {
		while (!this.#ended) await this.#more(true);
	}

	async #chunks(): Promise<{ body: string; trailers: string }> {
		let body = "";
		for (;;) {
			const size = Number.parseInt(await this.until("\r\n"), 16);
			if (size === 0) {
				let trailers = "";
				for (let line = await this.until("\r\n"); line !== ""; line = await this.until("\r\n")) trailers += `${line}\n`;
				return { body, trailers };
			}
			body += await this.take(size);
			await this.take(2);
		}
	}

	async #more(endIsFine = false): Promise<void> {
		if (this.#ended) {
			if (endIsFine) return;
			throw new Error(`connection ended, with ${JSON.stringify(this.#text.slice(0, 200))} read`, {
				cause: this.#error,
			});
		}
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#wake = resolve;
		await promise;
	}
}

/** Connects to a loopback port; the connection ends with the test. */
export async function openClient(
	t: Pick<TestContext, "after">,
	port: number,
	tls?: ConnectionOptions,
): Promise<RawClient> {
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	const socket =
		tls === undefined
			? connect({ host: "127.0.0.1", port, noDelay: true }, resolve)
			: connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...tls }, resolve);
	socket.once("error", reject);
	t.after(() => socket.destroy());
	await promise;
	socket.off("error", reject);
	return new RawClient(socket);
}

/** A server of raw connections. */
export interface RawServer {
	readonly port: number;
	readonly sockets: ReadonlySet<Socket>;
	/** How many connections there were. */
	readonly accepted: number;
	close(): Promise<void>;
}

/** Listens on a free loopback port and gives each connection to `serve`; ends with the test. */
export async function startRawServer(
	t: Pick<TestContext, "after">,
	serve: (socket: Socket, index: number) => void,
): Promise<RawServer> {
	const sockets = new Set<Socket>();
	let accepted = 0;
	const server: Server = createServer({ noDelay: true }, (socket) => {
		sockets.add(socket);
		socket.on("error", () => undefined);
		socket.on("close", () => sockets.delete(socket));
		serve(socket, accepted++);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const close = (): Promise<void> => {
		for (const socket of sockets) socket.destroy();
		return new Promise((resolve) => server.close(() => resolve()));
	};
	t.after(close);
	const bound = server.address();
	const port = typeof bound === "object" && bound !== null ? bound.port : 0;
	return {
		port,
		sockets,
		get accepted() {
			return accepted;
		},
		close,
	};
}

/** Serves a connection that answers each request (head only) as `answer` says; undefined keeps silent. */
export function answerRequests(answer: (head: string, count: number) => string | undefined): (socket: Socket) => void {
	let count = 0;
	return (socket) => {
		let text = "";
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			text += String(data);
			for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
				const head = text.slice(0, end);
				const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
				if (text.length < end + 4 + length) return;
				const body = text.slice(end + 4, end + 4 + length);
				text = text.slice(end + 4 + length);
				const reply = answer(body === "" ? head : `${head}\r\n\r\n${body}`, count++);
				if (reply !== undefined) socket.write(reply, "latin1");
			}
		});
	};
}

/** An answer of 200 with a body. */
export function ok(body: string, fields = ""): string {
	return `HTTP/1.1 200 OK\r\n${fields}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
