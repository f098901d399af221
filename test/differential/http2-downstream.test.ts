/** HTTP/2 clients before HTTP/1 upstreams: what each side sees of the other, how streams end, what is logged and counted. */
import { createServer, type IncomingMessage } from "node:http";
import type { ClientHttp2Session } from "node:http2";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { callH2, type H2Answer, type H2Call, openH2 } from "../support/h2-echo.ts";
import { frame } from "../support/http2-recorder.ts";
import { openRawHttp2, requestFrame } from "../support/raw-http2.ts";

/** A server of HTTP/1 that does what the path says. */
async function startBackend(side: Side): Promise<number> {
	const server = createServer((request, response) => {
		response.on("error", () => undefined);
		switch (request.url?.split("?")[0]) {
			case "/echo":
				echo(request, (seen) => {
					const text = JSON.stringify(seen);
					response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
					response.end(text);
				});
				break;
			case "/cut":
				response.writeHead(200, { "content-length": 100 });
				response.write("part", () => response.destroy());
				break;
			case "/cut-chunked":
				response.writeHead(200);
				response.write("part", () => response.destroy());
				break;
			case "/connection":
				response.writeHead(200, { "content-length": 0, "keep-alive": "timeout=5", "x-kept": "1" });
				response.end();
				break;
			case "/never":
			case "/forever":
				break;
			case "/slow":
				response.writeHead(200);
				response.write("part");
				break;
			default:
				response.writeHead(404, { "content-length": 0 });
				response.end();
		}
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	side.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return (server.address() as { port: number }).port;
}

function echo(request: IncomingMessage, done: (seen: object) => void): void {
	let body = "";
	request.on("data", (data: Buffer) => {
		body += data.toString("latin1");
	});
	request.on("end", () => {
		const fields: string[] = [];
		for (let index = 0; index < request.rawHeaders.length; index += 2) {
			const name = request.rawHeaders[index]!.toLowerCase();
			if (name !== "x-request-id") fields.push(`${name}: ${request.rawHeaders[index + 1]}`);
		}
		done({ method: request.method, fields: fields.sort(), body, trailers: request.rawTrailers });
	});
}

const logFormat = (name: string): string =>
	`${name} %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %PROTOCOL% %BYTES_RECEIVED% %BYTES_SENT%\n`;
const accessLog = (name: string): object[] => [
	{
		name: "stdout",
		typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
			log_format: { text_format_source: { inline_string: logFormat(name) } },
		}),
	},
];

function listener(name: string, more: object = {}): object {
	const routes = [
		{ match: { prefix: "/answer" }, direct_response: { status: 200, body: { inline_string: "direct" } } },
		{ match: { prefix: "/never" }, route: { cluster: "backend", timeout: "0.3s" } },
		{ match: { prefix: "/forever" }, route: { cluster: "backend", timeout: "0s" } },
		{ match: { prefix: "/slow" }, route: { cluster: "backend", timeout: "0.3s" } },
		{ match: { prefix: "/grpc" }, route: { cluster: "nowhere" } },
		{ match: { prefix: "/" }, route: { cluster: "backend" } },
	];
	const manager = managerFilter({
		stat_prefix: name,
		access_log: accessLog(name),
		delayed_close_timeout: "0.1s",
		route_config: { name: "r", validate_clusters: false, virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		...more,
	});
	return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
}

async function start(side: Side) {
	const port = await startBackend(side);
	const backend = {
		load_assignment: {
			cluster_name: "backend",
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
	};
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				listener("l"),
				listener("small", {
					max_request_headers_kb: 1,
					common_http_protocol_options: { max_headers_count: 12, headers_with_underscores_action: "REJECT_REQUEST" },
				}),
				listener("short", {
					common_http_protocol_options: { max_requests_per_connection: 2, max_stream_duration: "0.3s" },
					drain_timeout: "0.1s",
				}),
				listener("idle", {
					stream_idle_timeout: "0.3s",
					common_http_protocol_options: { idle_timeout: "0.2s" },
					drain_timeout: "0.1s",
				}),
				listener("edge", {
					use_remote_address: true,
					http2_protocol_options: { override_stream_error_on_invalid_http_message: true },
				}),
			],
			clusters: [staticCluster("backend", backend)],
		},
	});
	const ports: Record<string, number> = {};
	for (const name of ["l", "small", "short", "idle", "edge"]) ports[name] = await proxy.port(name);
	const session = openH2(side, ports["l"]!);
	return {
		proxy,
		ports,
		ask: (path: string, call?: H2Call) => askOn(session, path, call),
		/** The log lines of the connections of `l`, once there are `count`: Envoy writes them late. */
		async logged(count: number): Promise<string[]> {
			return await eventually(
				() => {
					const lines = proxy
						.stdout()
						.split("\n")
						.filter((line) => line.startsWith("l /"));
					if (lines.length < count) throw new Error(`${lines.length} lines are logged`);
					return lines.sort();
				},
				{ deadlineMs: 20_000 },
			);
		},
	};
}

/** One request; how long the upstream took is left out. */
async function askOn(session: ClientHttp2Session, path: string, call?: H2Call): Promise<H2Answer> {
	const answer = await callH2(session, path, call);
	return { ...answer, fields: answer.fields.filter((field) => !field.startsWith("x-envoy-upstream-service-time")) };
}

type World = Awaited<ReturnType<typeof start>>;

/** Sends frames on a connection of its own and tells how they were taken, once it is as `done` says. */
async function sendFrames(side: Side, port: number, frames: readonly Buffer[], done: (text: string) => boolean) {
	const client = await openRawHttp2(side, port);
	client.send(...frames);
	return await eventually(() => {
		const seen = client.see();
		if (!done(JSON.stringify(seen))) throw new Error(JSON.stringify(seen));
		return seen;
	});
}

const counters = (name: string) => (world: World) =>
	world.proxy.stats(
		`^(http\\.${name}\\.downstream_(cx|rq)_(http2_total|max_requests_reached|idle_timeout|max_duration_reached|rx_reset|protocol_error|total|.xx)|http2\\.(rx_reset|rx_messaging_error|header_overflow|header_list_size_too_large|requests_rejected_.*|trailers|stream_refused_errors))$`,
	);

compareWithEnvoy("HTTP/2 clients", {
	start,
	cases: {
		"a request upstream": {
			want: { status: 200 },
			see: ({ ask }) => ask("/echo", { headers: { "x-own": "1", cookie: ["a=1", "b=2"] } }),
		},
		"a body": {
			want: { status: 200 },
			see: ({ ask }) => ask("/echo", { body: "hello", headers: { ":method": "POST" } }),
		},
		"a body with its length": {
			want: { status: 200 },
			see: ({ ask }) => ask("/echo", { body: "hello", headers: { ":method": "POST", "content-length": "5" } }),
		},
		te: { want: { status: 200 }, see: ({ ask }) => ask("/echo", { headers: { te: "trailers" } }) },
		HEAD: { want: { status: 200, body: "" }, see: ({ ask }) => ask("/echo", { headers: { ":method": "HEAD" } }) },
		"the fields of one connection": { want: { status: 200 }, see: ({ ask }) => ask("/connection") },
		"a response that is cut": {
			want: { status: 200 },
			see: ({ ask }) => ask("/cut"),
		},
		"a response without length that is cut": {
			want: { status: 200 },
			see: ({ ask }) => ask("/cut-chunked"),
		},
		"a route's timeout before the response": {
			want: { status: 504 },
			see: ({ ask }) => ask("/never"),
		},
		"a route's timeout in the response": {
			want: { status: 200 },
			see: ({ ask }) => ask("/slow"),
		},
		"an answer of the proxy": { want: { status: 200, body: "direct" }, see: ({ ask }) => ask("/answer") },
		"an answer before the request is complete": {
			want: { streams: { 1: ["HEADERS", "DATA 6 END", "RST 0"] } },
			see: ({ ports }, side) =>
				sendFrames(side, ports["l"]!, [requestFrame(1, false, { ":method": "POST", ":path": "/answer" })], (text) =>
					text.includes("RST"),
				),
		},
		"a gRPC call to no cluster": {
			want: { status: 200 },
			see: ({ ask }) => ask("/grpc", { body: "", headers: { ":method": "POST", "content-type": "application/grpc" } }),
		},
		"a gRPC call that takes too long": {
			want: { status: 200 },
			see: ({ ask }) =>
				ask("/never", {
					body: "",
					headers: { ":method": "POST", "content-type": "application/grpc", "grpc-timeout": "100m" },
				}),
		},
		"a client that resets, and one that goes": {
			want: { "http.l.downstream_rq_active": 0 },
			async see({ proxy, ports }, side) {
				const client = await openRawHttp2(side, ports["l"]!);
				client.send(requestFrame(1, true, { ":path": "/forever?reset" }));
				client.send(frame(3, 0, 1, "\0\0\0\x08"));
				const other = await openRawHttp2(side, ports["l"]!);
				other.send(requestFrame(1, true, { ":path": "/forever?gone" }));
				await eventually(() => {
					if (other.received < 20) throw new Error("no settings");
				});
				other.socket.end();
				return await eventually(async () => {
					const seen = await proxy.stats("^http\\.l\\.downstream_rq_(rx_reset|active)$");
					if (seen["http.l.downstream_rq_active"] !== 0) throw new Error("streams are open");
					return seen;
				});
			},
		},
		"what was logged": {
			want: ["l /answer 200 - direct_response HTTP/2 0 6"],
			see: ({ logged }) => logged(16),
		},
		"a header list beyond the limit": {
			want: { streams: { 1: ["RST 2"] } },
			see: ({ ports }, side) =>
				sendFrames(side, ports["small"]!, [requestFrame(1, true, { "x-long": "v".repeat(2000) })], (text) =>
					/RST|true/.test(text),
				),
		},
		"its counter": { want: {}, see: ({ proxy }) => proxy.stats("^http2.header_(overflow|list_size_too_large)$") },
		"too many fields": {
			want: { streams: { 1: ["RST 2"] } },
			see: ({ ports }, side) => {
				const fields = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`x-${index}`, "1"]));
				return sendFrames(side, ports["small"]!, [requestFrame(1, true, fields)], (text) => /RST|true/.test(text));
			},
		},
		"as many fields as may be": {
			want: { streams: { 1: ["HEADERS", "DATA 6 END"] } },
			see: ({ ports }, side) => {
				const fields = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`x-${index}`, "1"]));
				return sendFrames(side, ports["small"]!, [requestFrame(1, true, { ":path": "/answer", ...fields })], (text) =>
					/END|true/.test(text),
				);
			},
		},
		"an underscore": {
			want: { streams: { 1: ["RST 2"] } },
			see: ({ ports }, side) =>
				sendFrames(side, ports["small"]!, [requestFrame(1, true, { a_b: "1" })], (text) => /RST|true/.test(text)),
		},
		"their counters": { want: {}, see: counters("small") },
		"the last request of a connection": {
			want: { goAways: [0, 0], closed: true },
			see: ({ ports }, side) =>
				sendFrames(
					side,
					ports["short"]!,
					[requestFrame(1, true, { ":path": "/answer" }), requestFrame(3, true, { ":path": "/answer" })],
					(text) => text.includes('"closed":true'),
				),
		},
		"a stream's longest duration": {
			want: { status: 504 },
			see: ({ ports }, side) => askOn(openH2(side, ports["short"]!), "/forever"),
		},
		"the counters of short connections": { want: {}, see: counters("short") },
		"an idle stream": {
			want: { status: 504 },
			see: ({ ports }, side) => askOn(openH2(side, ports["idle"]!), "/forever"),
		},
		"an idle connection": {
			want: { goAways: [0, 0], closed: true },
			see: ({ ports }, side) =>
				sendFrames(side, ports["idle"]!, [requestFrame(1, true, { ":path": "/answer" })], (text) =>
					text.includes('"closed":true'),
				),
		},
		"a malformed request, alone on its stream": {
			want: { streams: { 1: ["RST 1"], 3: ["HEADERS", "DATA 6 END"] } },
			see: ({ ports }, side) =>
				sendFrames(
					side,
					ports["edge"]!,
					[requestFrame(1, true, { "X-Up": "1" }), requestFrame(3, true, { ":path": "/answer" })],
					(text) => text.includes("END"),
				),
		},
		"a client's address at the edge": {
			want: { status: 200 },
			see: ({ ports }, side) =>
				askOn(openH2(side, ports["edge"]!), "/echo", {
					headers: { "x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "https", "x-envoy-max-retries": "3" },
				}),
		},
		"the counters of the edge": { want: {}, see: counters("edge") },
	},
});
