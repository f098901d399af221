/** Requests that two servers could take for different ones: amime lets no more through than Envoy, and nothing that reads twice. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { type Case, compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly port: number;
	/** What reached the backend, as it came, of all connections. */
	readonly received: string[];
}

/** A backend that keeps every byte, and answers each head (and each body after it) with 200. */
async function startBackend(side: Side, received: string[]): Promise<number> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		const index = received.push("") - 1;
		let text = "";
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			received[index] += String(data);
			text += String(data);
			for (let rest = takeRequest(text); rest !== undefined; rest = takeRequest(text)) {
				text = rest;
				socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
			}
		});
		socket.on("error", () => socket.destroy());
	});
	side.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as { port: number }).port;
}

/** The text behind the first whole request of well-formed text; undefined while there is none. */
function takeRequest(text: string): string | undefined {
	const end = text.indexOf("\r\n\r\n");
	if (end === -1) return undefined;
	const head = text.slice(0, end).toLowerCase();
	const body = text.slice(end + 4);
	if (/\r\ntransfer-encoding: *chunked/.test(head)) {
		const last = /(^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(body);
		return last === null ? undefined : body.slice(last.index + last[0].length);
	}
	const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
	return body.length < length ? undefined : body.slice(length);
}

async function start(side: Side): Promise<World> {
	const received: string[] = [];
	const backendPort = await startBackend(side, received);
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(backendPort) } }] }];
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				{
					name: "l",
					address: socketAddress(0),
					// One connection upstream for all, so that what is left of one request would spoil the next.
					filter_chains: [{ filters: [managerFilter({ common_http_protocol_options: { idle_timeout: "60s" } })] }],
				},
			],
			clusters: [
				staticCluster("c1", {
					load_assignment: { cluster_name: "c1", endpoints },
					circuit_breakers: { thresholds: [{ max_connections: 1 }] },
				}),
			],
		},
	});
	return { proxy, port: await proxy.port("l"), received };
}

/** Sends the bytes, then an innocent request on a connection of its own: its answer must be its own. */
async function attack(
	{ port, received, proxy }: World,
	bytes: string,
): Promise<{ statuses: number[]; smuggled: boolean }> {
	const before = received.length;
	const read = await proxy.stat("http.in.downstream_cx_rx_bytes_total");
	let text = "";
	let isOver = false;
	const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(bytes, "latin1"));
	socket.setEncoding("latin1");
	socket.on("data", (data) => {
		text += String(data);
	});
	for (const event of ["end", "close", "error"]) socket.on(event, () => (isOver = true));
	// The proxy has all of it, and has answered or closed, or waits for more.
	await eventually(async () => {
		const now = await proxy.stat("http.in.downstream_cx_rx_bytes_total");
		if (!isOver && now - read < bytes.length) throw new Error(`the proxy read ${now - read} of ${bytes.length} bytes`);
	});
	await innocent(port);
	socket.destroy();
	await eventually(async () => {
		if ((await proxy.stat("http.in.downstream_rq_active")) > 0) throw new Error("the request is still there");
	});
	const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));
	const seen = received.slice(Math.max(0, before - 1)).join("\n");
	return { statuses, smuggled: seen.includes("/smuggled") };
}

async function innocent(port: number): Promise<void> {
	const answer = await fetch(`http://127.0.0.1:${port}/innocent`, { headers: { connection: "close" } });
	assert.equal(answer.status, 200);
	assert.equal(await answer.text(), "ok");
}

const hidden = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
const post = (fields: string, body: string): string => `POST /post HTTP/1.1\r\nHost: x\r\n${fields}\r\n${body}`;
const length = (bytes: number): string => `Content-Length: ${bytes}\r\n`;
const chunked = "Transfer-Encoding: chunked\r\n";

const attacks: Readonly<Record<string, string>> = {
	"CL.TE: a length in front of chunked": post(`${length(4)}${chunked}`, `0\r\n\r\n${hidden}`),
	"TE.CL: chunked in front of a length": post(`${chunked}${length(4)}`, `5c\r\n${hidden}\r\n0\r\n\r\n`),
	"TE.TE: two codings": post(`${chunked}Transfer-Encoding: identity\r\n`, `0\r\n\r\n${hidden}`),
	"TE.TE: an unknown coding": post(`Transfer-Encoding: xchunked\r\n${length(0)}`, hidden),
	"TE.TE: a second coding, and a length": post(`Transfer-Encoding: gzip, chunked\r\n${length(0)}`, hidden),
	"TE.TE: chunked is not the last, and a length": post(`Transfer-Encoding: chunked, gzip\r\n${length(0)}`, hidden),
	"TE.TE: chunked twice, and a length": post(`${chunked}${chunked}${length(0)}`, hidden),
	"TE.TE: gzip, and a length": post(`Transfer-Encoding: gzip\r\n${length(0)}`, hidden),
	"TE.TE: an unknown coding alone": post("Transfer-Encoding: xchunked\r\n", hidden),
	"TE.TE: chunked twice": post(`${chunked}${chunked}`, hidden),
	"TE.TE: chunked is not the last": post("Transfer-Encoding: chunked, gzip\r\n", hidden),
	"TE with a tab": post(`Transfer-Encoding:\tchunked\r\n${length(0)}`, `0\r\n\r\n${hidden}`),
	"TE with a vertical tab": post(`Transfer-Encoding: \x0bchunked\r\n${length(0)}`, hidden),
	"TE with a space before the colon": post(`Transfer-Encoding : chunked\r\n${length(0)}`, hidden),
	"a carriage return in a length": post("Content-Length: 3\r6\r\n", hidden),
	"a carriage return before the colon of TE": post(`Transfer-Encoding\r: chunked\r\n`, `0\r\n\r\n${hidden}`),
	"a carriage return before TE": post(`\r${chunked}`, `0\r\n\r\n${hidden}`),
	"a carriage return in a name": `GET / HTTP/1.1\r\nHost: x\r\nx\ry: 1\r\n\r\n${hidden}`,
	"a carriage return in a target": `GET /a\rb HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`,
	"two different lengths": post(`${length(0)}${length(hidden.length)}`, hidden),
	"two equal lengths": post(`${length(0)}${length(0)}`, ""),
	"a list of lengths": post("Content-Length: 0, 36\r\n", hidden),
	"a signed length": post("Content-Length: +0\r\n", hidden),
	"a hexadecimal length": post("Content-Length: 0x24\r\n", hidden),
	"a negative length": post("Content-Length: -1\r\n", hidden),
	"a length beyond every number": post("Content-Length: 18446744073709551617\r\n", hidden),
	"a chunk extension with a line end": post(chunked, `1;a=\n1\r\nx\r\n0\r\n\r\n${hidden.slice(0, 4)}`),
	"a chunk size with a sign": post(chunked, `+1\r\nx\r\n0\r\n\r\n`),
	"a chunk size with underscores": post(chunked, `1_0\r\nx\r\n0\r\n\r\n`),
	"a chunk size beyond every number": post(chunked, `fffffffffffffffff1\r\nx\r\n0\r\n\r\n`),
	"a folded coding": post("Transfer-Encoding:\r\n chunked\r\n", `0\r\n\r\n`),
	"a bare carriage return in a value": post(`X: a\rTransfer-Encoding: chunked\r\n${length(0)}`, ""),
	"a zero byte in a value": post(`X: a\0b\r\n${length(0)}`, ""),
	"a space in front of a name": post(` ${chunked}${length(0)}`, ""),
	"an absolute target against Host": "GET http://a.example/x HTTP/1.1\r\nHost: b.example\r\n\r\n",
	"two hosts": "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"no host": "GET /x HTTP/1.1\r\n\r\n",
	"a host with a path": "GET /x HTTP/1.1\r\nHost: a/../b\r\n\r\n",
	"a body on GET": `GET /x HTTP/1.1\r\nHost: x\r\n${length(hidden.length)}\r\n${hidden}`,
	"chunked in HTTP/1.0": `POST /x HTTP/1.0\r\nHost: x\r\n${chunked}\r\n0\r\n\r\n${hidden}`,
};

compareWithEnvoy("request smuggling", {
	start,
	cases: Object.fromEntries(
		Object.entries(attacks).map(([name, bytes]): [string, Case<World>] => [
			name,
			// Envoy's answer is the measure; what matters is in the innocent request as well.
			{ want: {}, see: (world) => attack(world, bytes) },
		]),
	),
});
