import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { findFreePort } from "../../test/support/free-port.ts";

/** Ports of three servers of each kind; some are dead at any time. */
export interface BackendPorts {
	readonly http1: readonly number[];
	readonly http2: readonly number[];
	readonly tcp: readonly number[];
}

export interface SoakBackends {
	readonly ports: BackendPorts;
	stop(): Promise<void>;
}

const each = 3;
const changeMs = 700;
const hugeBody = Buffer.alloc(256 * 1024, "h");

interface Backend {
	open(): Promise<void>;
	/** Ends it with all its connections. */
	kill(): void;
}

/** Starts the servers, and from then on kills and restarts one of them every so often. */
export async function startSoakBackends(): Promise<SoakBackends> {
	const ports = { http1: await takePorts(), http2: await takePorts(), tcp: await takePorts() };
	const backends = [
		...ports.http1.map((port) => createBackend(port, createHttp1)),
		...ports.http2.map((port) => createBackend(port, createHttp2)),
		...ports.tcp.map((port) => createBackend(port, createTcp)),
	];
	await Promise.all(backends.map((backend) => backend.open()));
	const dead = new Set<Backend>();
	const timer = setInterval(() => {
		const chosen = backends[Math.floor(Math.random() * backends.length)]!;
		if (dead.delete(chosen)) void chosen.open();
		else if (dead.size < backends.length / 3) {
			dead.add(chosen);
			chosen.kill();
		}
	}, changeMs);
	return {
		ports,
		async stop() {
			clearInterval(timer);
			for (const backend of backends) backend.kill();
		},
	};
}

async function takePorts(): Promise<number[]> {
	const ports: number[] = [];
	while (ports.length < each) ports.push(await findFreePort());
	return ports;
}

function createBackend(port: number, create: () => Server | Http2Server | TcpServer): Backend {
	let server: Server | Http2Server | TcpServer | undefined;
	const sockets = new Set<Socket>();
	return {
		open: () =>
			new Promise((resolve) => {
				const opened = create();
				server = opened;
				opened.on("connection", (socket: Socket) => {
					sockets.add(socket);
					socket.on("close", () => sockets.delete(socket));
					socket.on("error", () => socket.destroy());
				});
				// Taken meanwhile: it stays dead until the next turn.
				opened.once("error", () => resolve());
				opened.listen(port, "127.0.0.1", () => resolve());
			}),
		kill() {
			server?.close();
			for (const socket of sockets) socket.destroy();
		},
	};
}

function createHttp1(): Server {
	const server = createServer((request, response) => {
		if (request.url === "/huge") response.end(hugeBody);
		else if (request.url === "/chunked") {
			response.write("one ");
			setImmediate(() => response.end("two"));
		} else {
			request.resume();
			request.on("end", () => response.end("small"));
		}
	});
	server.on("upgrade", (_request, socket) => {
		socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: soak\r\nconnection: upgrade\r\n\r\n");
		socket.on("error", () => socket.destroy());
		socket.pipe(socket);
	});
	return server;
}

function createHttp2(): Http2Server {
	const server = createHttp2Server();
	server.on("stream", (stream: ServerHttp2Stream) => {
		stream.on("error", () => stream.destroy());
		stream.respond({ ":status": 200 }, { waitForTrailers: true });
		stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
		stream.resume();
		stream.on("end", () => stream.end("multiplexed"));
	});
	server.on("sessionError", () => undefined);
	return server;
}

function createTcp(): TcpServer {
	return createTcpServer((socket) => socket.pipe(socket));
}
