import { Agent, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as requestTls } from "node:https";
import { connect } from "node:net";
import type { SoakPorts } from "./config.ts";

export interface Traffic {
	/** One line of what was answered so far. */
	describe(): string;
	/** Ends it; answers with how many of each kind were answered. */
	stop(): Promise<Readonly<Record<string, number>>>;
}

const tickMs = 5;

/** Starts a bounded mix: each tick one exchange of each kind begins, whatever became of the others, as long as few are under way. */
export function startTraffic(ports: SoakPorts): Traffic {
	const agent = new Agent({ keepAlive: true, maxSockets: 32 });
	const kinds: Readonly<Record<string, () => Promise<void>>> = {
		get: () => call(agent, ports.plain, "GET", "/"),
		post: () => call(agent, ports.plain, "POST", "/post", Buffer.alloc(20_000, "p")),
		chunked: () => call(agent, ports.plain, "GET", "/chunked"),
		huge: () => call(agent, ports.plain, "GET", "/huge"),
		"own connection": () => call(undefined, ports.plain, "GET", "/"),
		aborted: () => abort(ports.plain),
		malformed: () => sendRaw(ports.plain, "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n"),
		upgrade: () => sendRaw(ports.plain, "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: soak\r\n\r\n"),
		tls: () => callTls(ports.tls),
		"http/2": () => callHttp2(`http://127.0.0.1:${ports.plain}`),
		"http/2 reset": () => resetHttp2(`http://127.0.0.1:${ports.plain}`),
		"http/2 in tls": () => callHttp2(`https://127.0.0.1:${ports.tls}`),
		tcp: () => sendRaw(ports.tcp, "echo"),
	};
	const answered: Record<string, number> = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, 0]));
	const underWay = new Map<string, number>();
	let failed = 0;
	const names = Object.keys(kinds);
	let turn = 0;
	const timer = setInterval(() => {
		const kind = names[turn++ % names.length]!;
		const count = underWay.get(kind) ?? 0;
		if (count >= 8) return;
		underWay.set(kind, count + 1);
		kinds[kind]!()
			.then(
				() => answered[kind]!++,
				() => failed++,
			)
			.finally(() => underWay.set(kind, underWay.get(kind)! - 1));
	}, tickMs);
	return {
		describe: () => `${Object.values(answered).reduce((sum, count) => sum + count, 0)} answered, ${failed} failed`,
		async stop() {
			clearInterval(timer);
			agent.destroy();
			return answered;
		},
	};
}

function call(agent: Agent | undefined, port: number, method: string, path: string, body?: Buffer): Promise<void> {
	return new Promise((resolve, reject) => {
		const options = { host: "127.0.0.1", port, method, path, agent: agent ?? false, timeout: 10_000 } as const;
		const outgoing = request(options, (response) => {
			response.resume();
			response.on("end", () => resolve());
			response.on("error", reject);
		});
		outgoing.on("timeout", () => outgoing.destroy(new Error("timeout")));
		outgoing.on("error", reject);
		outgoing.end(body);
	});
}

function callTls(port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const options = { host: "127.0.0.1", port, path: "/", agent: false, rejectUnauthorized: false, timeout: 10_000 };
		const outgoing = requestTls(options, (response) => {
			response.resume();
			response.on("end", () => resolve());
		});
		outgoing.on("timeout", () => outgoing.destroy(new Error("timeout")));
		outgoing.on("error", reject);
		outgoing.end();
	});
}

/** A client that leaves in the middle of its request. */
function abort(port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: "127.0.0.1", port }, () => {
			socket.write("POST /post HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf", () => {
				socket.destroy();
				resolve();
			});
		});
		socket.on("error", reject);
	});
}

/** Sends bytes and leaves with the first that come back. */
function sendRaw(port: number, text: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: "127.0.0.1", port }, () => socket.write(text));
		socket.setTimeout(10_000, () => socket.destroy(new Error("timeout")));
		socket.on("data", () => {
			socket.destroy();
			resolve();
		});
		socket.on("end", () => reject(new Error("closed without an answer")));
		socket.on("error", reject);
	});
}

function callHttp2(origin: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const session = connectHttp2(origin, { rejectUnauthorized: false });
		session.on("error", reject);
		session.setTimeout(10_000, () => session.destroy(new Error("timeout")));
		let left = 4;
		for (let index = 0; index < left; index++) {
			const stream = session.request({ ":path": "/h2/x", ":method": "POST" });
			stream.on("error", reject);
			stream.resume();
			stream.on("close", () => {
				if (--left > 0) return;
				session.close();
				resolve();
			});
			stream.end("message");
		}
	});
}

/** Opens streams and resets them at once. */
function resetHttp2(origin: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const session = connectHttp2(origin);
		session.on("error", reject);
		session.on("connect", () => {
			for (let index = 0; index < 4; index++) {
				const stream = session.request({ ":path": "/h2/reset", ":method": "POST" });
				stream.on("error", () => undefined);
				stream.close(8);
			}
			session.close(() => resolve());
		});
	});
}
