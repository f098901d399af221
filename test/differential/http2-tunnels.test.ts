/** Tunnels of HTTP/2 clients: WebSocket by extended CONNECT, and CONNECT itself, to HTTP/1 and HTTP/2 upstreams. */
import { createServer } from "node:http";
import type { ClientHttp2Session } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { listFields, openH2, startH2Echo } from "../support/h2-echo.ts";

const http2 = typed("upstreams.http.v3.HttpProtocolOptions", {
	explicit_http_config: { http2_protocol_options: { allow_connect: true } },
});

function cluster(name: string, port: number, more: object = {}): object {
	return {
		name,
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
		...more,
	};
}

async function listen(side: Side, server: ReturnType<typeof createTcpServer>): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	side.after(() => server.close());
	return (server.address() as { port: number }).port;
}

async function start(side: Side) {
	const heads: string[][] = [];
	const web = createServer((_request, response) => {
		response.writeHead(403, { "content-length": 2 });
		response.end("no");
	});
	web.on("upgrade", (request, socket) => {
		heads.push(
			Object.entries(request.headers)
				.filter(([name]) => name !== "x-request-id")
				.map(([name, value]) => `${name}: ${String(value)}`)
				.sort(),
		);
		socket.on("error", () => undefined);
		if (request.url === "/refused") {
			socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nnope");
			return;
		}
		socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-own: 1\r\n\r\n");
		socket.once("data", (data: Buffer) => socket.end(data));
	});
	const raw = createTcpServer((socket) => {
		socket.on("error", () => undefined);
		socket.write("hello ");
		socket.once("data", (data: Buffer) => socket.end(data));
	});
	const h2 = await startH2Echo(side);
	const upgrade = (config: object): object[] => [{ upgrade_type: "CONNECT", connect_config: config }];
	const routes = [
		{
			match: { connect_matcher: {}, headers: [{ name: ":authority", string_match: { exact: "raw:1" } }] },
			route: { cluster: "raw", upgrade_configs: upgrade({}) },
		},
		{ match: { connect_matcher: {} }, route: { cluster: "h2", upgrade_configs: [{ upgrade_type: "CONNECT" }] } },
		{ match: { path: "/tunnel/h2" }, route: { cluster: "h2" } },
		{ match: { prefix: "/" }, route: { cluster: "web" } },
	];
	const manager = managerFilter({
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		http2_protocol_options: { allow_connect: true },
		upgrade_configs: [{ upgrade_type: "websocket" }, { upgrade_type: "CONNECT" }],
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				cluster("web", await listen(side, web)),
				cluster("raw", await listen(side, raw)),
				cluster("h2", h2.port, {
					typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
				}),
			],
		},
	});
	const port = await proxy.port("l");
	return {
		heads,
		async open(headers: Record<string, string>, enough: number) {
			const session = openH2(side, port);
			await new Promise<void>((resolve) => session.once("remoteSettings", () => resolve()));
			return await tunnel(session, headers, enough);
		},
	};
}

/** Opens a tunnel, says `ping`, and ends: what came back until then. */
function tunnel(session: ClientHttp2Session, headers: Record<string, string>, enough: number) {
	return new Promise((resolve) => {
		const stream = session.request({ ":method": "CONNECT", ...headers }, { endStream: false });
		const seen = { status: 0, fields: [] as string[], body: "", ended: false, code: 0 };
		stream.setEncoding("latin1");
		stream.on("response", (fields) => {
			seen.status = fields[":status"] ?? 0;
			seen.fields = listFields(fields).filter((field) => !field.startsWith("x-envoy-upstream-service-time"));
			if (seen.status === 200) stream.write("ping");
		});
		stream.on("data", (text: string) => {
			seen.body += text;
			if (seen.body.length >= enough) stream.end();
		});
		stream.on("end", () => {
			seen.ended = true;
		});
		stream.on("error", () => undefined);
		stream.on("close", () => resolve({ ...seen, code: stream.rstCode }));
		setTimeout(() => stream.close(8), 5000).unref();
	});
}

const socketOf = (path: string, protocol = "websocket"): Record<string, string> => ({
	":protocol": protocol,
	":scheme": "http",
	":path": path,
	":authority": "test.example",
	"sec-websocket-version": "13",
});

compareWithEnvoy("tunnels of HTTP/2 clients", {
	start,
	cases: {
		"a WebSocket to HTTP/1": {
			want: { status: 200, body: "ping" },
			see: ({ open }) => open(socketOf("/chat"), 4),
		},
		"what HTTP/1 saw of it": { want: [["upgrade: websocket"]].slice(1), see: async ({ heads }) => heads },
		"a WebSocket that is refused": {
			want: { status: 401 },
			see: ({ open }) => open(socketOf("/refused"), 4),
		},
		"a WebSocket to HTTP/2": {
			want: { status: 200, body: "ping" },
			see: ({ open }) => open(socketOf("/tunnel/h2"), 4),
		},
		"a protocol that is not allowed": {
			want: { status: 403 },
			see: ({ open }) => open(socketOf("/chat", "other"), 4),
		},
		"CONNECT that ends in a raw connection": {
			want: { status: 200, body: "hello ping" },
			see: ({ open }) => open({ ":authority": "raw:1" }, 10),
		},
		"CONNECT that goes on over HTTP/2": {
			want: { status: 200, body: "ping" },
			see: ({ open }) => open({ ":authority": "other:1" }, 4),
		},
	},
});
