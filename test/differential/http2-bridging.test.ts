/** HTTP/2 clients before HTTP/1 upstreams and before HTTP/2 ones: framing, trailers, 1xx, upgrades, tunnels, and streams that break. */
import { createServer, type Socket } from "node:net";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { callH2, type H2Call, openH2, startH2Echo } from "../support/h2-echo.ts";

const http2 = {
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
		explicit_http_config: { http2_protocol_options: { allow_connect: true } },
	}),
};

function cluster(name: string, port: number, fields: object = {}): object {
	return {
		name,
		connect_timeout: "2s",
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
		...fields,
	};
}

const sameAsClient = {
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
		use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
		common_http_protocol_options: {},
	}),
};

/** Lines that differ from run to run. */
const unsteady = /^(x-request-id|host):/;

/** What an HTTP/1 application answers to a head (with what followed it). */
function answer(path: string, head: string, body: string): string {
	const lines = head
		.split("\r\n")
		.filter((line) => !unsteady.test(line))
		.map((line) => line.replace(/:\d+$/, ":PORT"));
	const seen = JSON.stringify({ first: lines[0], lines: lines.slice(1).sort(), body });
	switch (path.split("?")[0]) {
		case "/trailers":
			return "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n4\r\nbody\r\n0\r\nx-end: yes\r\n\r\n";
		case "/close":
			return "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end";
		case "/hop":
			return "HTTP/1.1 200 OK\r\nconnection: keep-alive, x-gone\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nx-gone: 1\r\ncontent-length: 2\r\n\r\nok";
		case "/mixed":
			return "HTTP/1.1 200 OK\r\nX-Mixed-Case: Value\r\nContent-Length: 2\r\n\r\nok";
		case "/cookies":
			return "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n";
		case "/empty":
			return "HTTP/1.1 204 No Content\r\n\r\n";
		case "/unchanged":
			return "HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n";
		case "/head":
			return "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
		case "/hints":
			return "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
		case "/garbage":
			return "GARBAGE\r\n\r\n";
		case "/short":
			return "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart";
		case "/refused-upgrade":
			return "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
		default:
			return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(seen)}\r\n\r\n${seen}`;
	}
}

/** An HTTP/1 application on raw sockets: it shows exactly what came. */
async function startHttp1(t: Pick<Side, "after">): Promise<number> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => undefined);
		let text = "";
		let isTunnel = false;
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			if (isTunnel) {
				socket.write(`echo:${data}`);
				return;
			}
			text += String(data);
			const end = text.indexOf("\r\n\r\n");
			if (end === -1) return;
			const head = text.slice(0, end);
			const body = text.slice(end + 4);
			const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
			if (body.length < length) return;
			if (head.includes("transfer-encoding: chunked") && !/(^|\r\n)0\r\n([^\r\n]+\r\n)*\r\n$/.test(body)) return;
			const path = head.split(" ")[1]!;
			text = "";
			if (path === "/upgrade") {
				isTunnel = true;
				socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
				return;
			}
			socket.write(answer(path, head, body), "latin1");
			if (["/close", "/short"].includes(path)) socket.end();
		});
		socket.on("close", () => sockets.delete(socket));
	});
	t.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("the server has no port");
	return address.port;
}

/** Sends back what comes, in capitals. */
async function startRaw(t: Pick<Side, "after">): Promise<number> {
	const server = createServer({ allowHalfOpen: true }, (socket) => {
		socket.on("error", () => undefined);
		socket.on("data", (data) => socket.write(String(data).toUpperCase()));
		socket.on("end", () => socket.end("BYE"));
	});
	t.after(() => void server.close());
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("the server has no port");
	return address.port;
}

const connect = (fields: object): object => ({ match: { connect_matcher: {} }, ...fields });

async function start(side: Side) {
	const [http1, raw, echo] = await Promise.all([startHttp1(side), startRaw(side), startH2Echo(side)]);
	const manager = managerFilter({
		upgrade_configs: [{ upgrade_type: "websocket" }],
		http2_protocol_options: { allow_connect: true },
		proxy_100_continue: false,
		route_config: {
			name: "r",
			virtual_hosts: [
				{
					name: "tunnels",
					domains: ["raw.example:443"],
					routes: [
						connect({ route: { cluster: "raw", upgrade_configs: [{ upgrade_type: "CONNECT", connect_config: {} }] } }),
					],
				},
				{
					name: "forwarded",
					domains: ["forward.example:443"],
					routes: [connect({ route: { cluster: "h2", upgrade_configs: [{ upgrade_type: "CONNECT" }] } })],
				},
				{
					name: "others",
					domains: ["*"],
					routes: [
						{ match: { prefix: "/h2/" }, route: { cluster: "h2", prefix_rewrite: "/" } },
						{ match: { prefix: "/same/" }, route: { cluster: "same", prefix_rewrite: "/" } },
						{
							match: { prefix: "/no-upgrade" },
							route: { cluster: "h1", upgrade_configs: [{ upgrade_type: "websocket", enabled: false }] },
						},
						{ match: { prefix: "/" }, route: { cluster: "h1" } },
					],
				},
			],
		},
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				cluster("h1", http1),
				cluster("trailers", http1),
				cluster("raw", raw),
				cluster("h2", echo.port, { typed_extension_protocol_options: http2 }),
				cluster("same", echo.port, { typed_extension_protocol_options: sameAsClient }),
			],
		},
	});
	const port = await proxy.port("l");
	return { proxy, port, open: () => openH2(side, port) };
}

type World = Awaited<ReturnType<typeof start>>;

async function call({ open }: World, path: string, more: H2Call = {}) {
	const session = open();
	const result = await callH2(session, path, more);
	session.destroy();
	return { ...result, fields: result.fields.filter((field) => !field.startsWith("x-envoy-upstream-service-time")) };
}

const ask = (path: string, want: object, more: H2Call = {}) => ({
	want,
	see: (world: World) => call(world, path, more),
});

/** Opens a stream both ways, sends `words` one after the other as answers come, and ends it. */
async function tunnel({ open }: World, headers: Record<string, string>, words: readonly string[], ends = true) {
	const session = open();
	// A server says first that it takes extended CONNECT.
	await new Promise((resolve) => session.once("remoteSettings", resolve));
	const stream = session.request(headers, { endStream: false });
	stream.setEncoding("latin1");
	let text = "";
	let status = 0;
	let isOver = false;
	stream.on("response", (fields) => {
		status = fields[":status"] ?? 0;
	});
	stream.on("data", (data: string) => {
		text += data;
	});
	stream.on("error", () => undefined);
	stream.on("close", () => {
		isOver = true;
	});
	const until = (check: () => boolean): Promise<void> =>
		eventually(() => {
			if (!check() && !isOver) throw new Error(`only ${JSON.stringify(text)} so far`);
		});
	await until(() => status !== 0);
	for (const word of words) {
		const before = text.length;
		stream.write(word);
		await until(() => text.length > before);
	}
	if (ends) {
		stream.end();
		await until(() => isOver);
	} else {
		stream.close(8);
	}
	session.destroy();
	return { status, text, code: stream.rstCode };
}

compareWithEnvoy("HTTP/2 clients", {
	start,
	cases: {
		"a request becomes one of HTTP/1": ask(
			"/echo?q=1",
			{ status: 200 },
			{ headers: { "x-some": "value", cookie: "a=1; b=2" } },
		),
		"cookie fields become one": ask("/echo", { status: 200 }, { headers: { cookie: ["a=1", "b=2", "c=3"] } }),
		"te: trailers stays": ask("/echo", { status: 200 }, { headers: { te: "trailers" } }),
		"a body without a length is chunked": ask(
			"/echo",
			{ status: 200 },
			{ headers: { ":method": "POST" }, body: "hello" },
		),
		"a body with a length": ask(
			"/echo",
			{ status: 200 },
			{ headers: { ":method": "POST", "content-length": "5" }, body: "hello" },
		),
		"an empty POST": ask("/echo", { status: 200 }, { headers: { ":method": "POST" }, body: "" }),
		"a POST that ends with its head": ask("/echo", { status: 200 }, { headers: { ":method": "POST" } }),
		"a DELETE that ends with its head": ask("/echo", { status: 200 }, { headers: { ":method": "DELETE" } }),
		"a GET with a body": ask("/echo", { status: 200 }, { body: "hello" }),
		"trailers of a request are dropped": ask(
			"/echo",
			{ status: 200 },
			{ headers: { ":method": "POST" }, body: "hello", trailers: { "x-sum": "5" } },
		),
		"expect: 100-continue is answered": ask(
			"/echo",
			{ status: 200 },
			{ headers: { ":method": "POST", expect: "100-continue" }, body: "hello" },
		),
		"trailers of an answer": ask("/trailers", { status: 200, body: "body" }),
		"an answer that lasts until its connection ends": ask("/close", { body: "until the end" }),
		"hop-by-hop fields of an answer": ask("/hop", { status: 200 }),
		"names in capitals": ask("/mixed", { status: 200 }),
		"several set-cookie fields": ask("/cookies", { status: 200 }),
		"204": ask("/empty", { status: 204 }),
		"304": ask("/unchanged", { status: 304 }),
		"the answer to HEAD": ask("/head", { status: 200, body: "" }, { headers: { ":method": "HEAD" } }),
		"early hints": ask("/hints", { status: 200 }),
		"an answer that is none": ask("/garbage", { status: 502 }),
		"an answer that is cut": ask("/short", { status: 200, body: "part" }),
		"a websocket by extended CONNECT": {
			want: { status: 200, text: "echo:oneecho:two" },
			see: (world) =>
				tunnel(
					world,
					{ ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":authority": "a", ":path": "/upgrade" },
					["one", "two"],
					false,
				),
		},
		"a websocket by extended CONNECT on both sides": {
			want: { status: 200, text: "one" },
			see: (world) =>
				tunnel(
					world,
					{
						":method": "CONNECT",
						":protocol": "websocket",
						":scheme": "http",
						":authority": "a",
						":path": "/h2/tunnel",
					},
					["one"],
				),
		},
		"a websocket that the application refuses": {
			want: { status: 403 },
			see: (world) =>
				tunnel(
					world,
					{
						":method": "CONNECT",
						":protocol": "websocket",
						":scheme": "http",
						":authority": "a",
						":path": "/refused-upgrade",
					},
					[],
				),
		},
		"a websocket that the route refuses": {
			want: { status: 403 },
			see: (world) =>
				tunnel(
					world,
					{
						":method": "CONNECT",
						":protocol": "websocket",
						":scheme": "http",
						":authority": "a",
						":path": "/no-upgrade",
					},
					[],
				),
		},
		"CONNECT ends here": {
			want: { status: 200, text: "ONETWOBYE" },
			see: (world) => tunnel(world, { ":method": "CONNECT", ":authority": "raw.example:443" }, ["one", "two"]),
		},
		"CONNECT goes on": {
			want: { status: 200, text: "one" },
			see: (world) => tunnel(world, { ":method": "CONNECT", ":authority": "forward.example:443" }, ["one"]),
		},
		"CONNECT without a route": {
			want: { status: 404 },
			see: (world) => tunnel(world, { ":method": "CONNECT", ":authority": "other.example:443" }, []),
		},
		"a request on to HTTP/2": ask(
			"/h2/echo/1",
			{ status: 200 },
			{ headers: { ":method": "POST", cookie: "a=1; b=2", te: "trailers" }, body: "hello", trailers: { "x-sum": "5" } },
		),
		"the client's protocol": ask("/same/echo/1", { status: 200 }, { headers: { ":method": "POST" }, body: "hello" }),
		"trailers from HTTP/2": ask("/h2/trailers", { status: 200, trailers: ["x-end: yes", "x-sum: 4"] }),
		"early hints from HTTP/2": ask("/h2/hints", { body: "hinted" }),
		"HEAD to HTTP/2": ask("/h2/length/5", { status: 200, body: "" }, { headers: { ":method": "HEAD" } }),
		"a large body from HTTP/2": {
			want: { status: 200, bytes: 300_000 },
			async see(world) {
				const { status, body, code } = await call(world, "/h2/body/300000");
				return { status, bytes: body.length, code };
			},
		},
		"a large body to HTTP/2": {
			want: { status: 200, bytes: 300_000 },
			async see(world) {
				const { status, body } = await call(world, "/h2/echo/2", {
					headers: { ":method": "POST" },
					body: "x".repeat(300_000),
				});
				return { status, bytes: JSON.parse(body).body.length };
			},
		},
		"a reset of the upstream's": ask("/h2/reset/8", { status: 503 }),
		"a stream that is cut": ask("/h2/cut", { status: 200, body: "part" }),
		"a client that gives up": {
			want: { code: 8 },
			async see(world) {
				const { code } = await call(world, "/h2/never", { timeoutMs: 200 });
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.h2.upstream_rq_active")) !== 0) throw new Error("still active");
				});
				return { code, reset: await world.proxy.stat("cluster.h2.upstream_rq_tx_reset") };
			},
		},
		"what was counted": {
			want: { "cluster.h2.upstream_cx_http2_total": 1 },
			see: ({ proxy }) =>
				proxy.stats(
					"^cluster\\.(h1|h2|raw|same)\\.upstream_(cx_http[12]_total|rq_(total|active|rx_reset|tx_reset|cancelled|200|403|404|502|503)|cx_protocol_error)$|^http\\.in\\.downstream_(rq_http2_total|cx_http2_total|cx_http2_active|cx_upgrades_active|cx_upgrades_total|rq_ws_on_non_ws_route|rq_rx_reset|rq_tx_reset)$",
				),
		},
	},
});
