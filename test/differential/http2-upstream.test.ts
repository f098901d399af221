/** HTTP/1 clients before HTTP/2 upstreams: what each side sees of the other, how streams that break are answered and counted. */
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { startH2Echo } from "../support/h2-echo.ts";
import { sendRequest } from "../support/http-call.ts";
import { openClient } from "../support/raw-client.ts";

const http2 = (options: object = {}, more: object = {}): object => ({
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
		explicit_http_config: { http2_protocol_options: options },
		...more,
	}),
});

function cluster(name: string, port: number, fields: object = {}): object {
	return {
		name,
		connect_timeout: "2s",
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
		typed_extension_protocol_options: http2(),
		...fields,
	};
}

const logFormat =
	"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %PROTOCOL% %UPSTREAM_PROTOCOL% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n";
const accessLog = [
	{
		name: "stdout",
		typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
			log_format: { text_format_source: { inline_string: logFormat } },
		}),
	},
];

async function start(side: Side) {
	const backend = await startH2Echo(side);
	const retry = { retry_on: "refused-stream", num_retries: 2 };
	const routes = [
		{ match: { prefix: "/refuse" }, route: { cluster: "plain", retry_policy: retry } },
		{ match: { prefix: "/reset/2" }, route: { cluster: "plain", retry_policy: { retry_on: "reset" } } },
		{ match: { prefix: "/never" }, route: { cluster: "plain", timeout: "0.2s" } },
		{ match: { prefix: "/status/418" }, route: { cluster: "single" } },
		{ match: { prefix: "/old/" }, route: { cluster: "old", prefix_rewrite: "/" } },
		{ match: { prefix: "/same/" }, route: { cluster: "same", prefix_rewrite: "/" } },
		{ match: { prefix: "/" }, route: { cluster: "plain" } },
	];
	const manager = managerFilter({
		access_log: accessLog,
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		http_protocol_options: { enable_trailers: true },
		upgrade_configs: [{ upgrade_type: "websocket" }],
		proxy_100_continue: true,
	});
	const bootstrap = {
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				cluster("plain", backend.port),
				cluster("single", backend.port, {
					typed_extension_protocol_options: http2(
						{},
						{ common_http_protocol_options: { max_requests_per_connection: 1 } },
					),
				}),
				cluster("old", backend.port, { typed_extension_protocol_options: {}, http2_protocol_options: {} }),
				cluster("same", backend.port, {
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
							use_downstream_protocol_config: { http2_protocol_options: {} },
						}),
					},
				}),
			],
		},
	};
	const options = { args: ["--file-flush-interval-msec", "50"] };
	const proxy = await side.proxy(bootstrap, options);
	return { proxy, backend, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

/** An answer without what differs from run to run. */
async function ask({ port }: World, path: string, more: object = {}) {
	const { status, headers, body } = await sendRequest({ port, path, headers: { host: "test.example" }, ...more });
	const { date: _date, "x-envoy-upstream-service-time": _time, ...rest } = headers;
	return { status, headers: rest, body };
}

/** The log line of a path, once it is there. */
async function logged({ proxy }: World, path: string): Promise<string> {
	return eventually(() => {
		const line = proxy
			.stdout()
			.split("\n")
			.find((one) => one.startsWith(`${path} `));
		if (line === undefined) throw new Error(`no access log line of ${path} yet`);
		return line;
	});
}

/** Asks, and shows the answer with its log line. */
function broken(path: string) {
	return async (world: World) => {
		const answer = await ask(world, path).catch((error: NodeJS.ErrnoException) => error.code);
		return { answer, log: await logged(world, path) };
	};
}

compareWithEnvoy("HTTP/1 clients and HTTP/2 upstreams", {
	start,
	cases: {
		"a request becomes one of HTTP/2": {
			want: { status: 200 },
			see: (world) =>
				ask(world, "/echo?q=1", {
					headers: {
						host: "Test.Example:80",
						"X-Mixed-Case": "Value",
						cookie: "a=1; b=2",
						te: "trailers, deflate",
						connection: "keep-alive, te",
						"keep-alive": "timeout=5",
						"proxy-connection": "keep-alive",
					},
				}),
		},
		"a body with a length": {
			want: { status: 200 },
			see: (world) => ask(world, "/echo/length", { method: "POST", body: "hello" }),
		},
		"a chunked body with trailers": {
			want: { status: 200 },
			async see({ port }, side) {
				const client = await openClient(side, port);
				client.send(
					"POST /echo/chunked HTTP/1.1\r\nhost: test.example\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n",
				);
				const { status, body } = await client.response();
				client.socket.destroy();
				return { status, body };
			},
		},
		"an answer of unknown length is chunked": { want: { status: 200 }, see: (world) => ask(world, "/body/300") },
		"an answer with a length": { want: { body: "bbbbb" }, see: (world) => ask(world, "/length/5") },
		"an empty answer": { want: { status: 204 }, see: (world) => ask(world, "/status/204") },
		"an empty answer with a status that may have a body": {
			want: { status: 404 },
			see: (world) => ask(world, "/status/404"),
		},
		"the answer to HEAD": {
			want: { status: 200, body: "" },
			see: (world) => ask(world, "/length/5", { method: "HEAD" }),
		},
		"trailers of an answer": {
			want: { trailers: "x-end: yes\nx-sum: 4\n" },
			async see({ port }, side) {
				const client = await openClient(side, port);
				client.send("GET /trailers HTTP/1.1\r\nhost: test.example\r\nte: trailers\r\n\r\n");
				const { status, body, trailers } = await client.response();
				client.socket.destroy();
				return { status, body, trailers };
			},
		},
		"several set-cookie fields": { want: { status: 200 }, see: (world) => ask(world, "/cookies") },
		"early hints": { want: { body: "hinted" }, see: (world) => ask(world, "/hints") },
		"a stream reset by the upstream": { want: { answer: { status: 503 } }, see: broken("/reset/8") },
		"a stream refused by the upstream": { want: { answer: { status: 503 } }, see: broken("/reset/7") },
		"a stream reset with PROTOCOL_ERROR": { want: { answer: { status: 502 } }, see: broken("/reset/1") },
		"a stream reset with NO_ERROR": { want: { answer: { status: 503 } }, see: broken("/reset/0") },
		"a refused stream is tried again": { want: { answer: { status: 200 } }, see: broken("/refuse/one") },
		"a reset stream is tried again": { want: { answer: { status: 503 } }, see: broken("/reset/2") },
		"a stream reset within its body": { want: { answer: "ECONNRESET" }, see: broken("/cut/now") },
		"a connection that breaks under a request": { want: { answer: { status: 503 } }, see: broken("/drop") },
		"a stream that never answers": { want: { answer: { status: 504 } }, see: broken("/never") },
		"resets are counted": {
			want: { "cluster.plain.upstream_cx_http2_total": 2 },
			see: ({ proxy }) =>
				proxy.stats(
					"^cluster\\.plain\\.(upstream_(rq_(rx_reset|tx_reset|retry|total|timeout|pending_failure_eject|active|cancelled|5xx|2xx)|cx_(http2_total|http1_total|destroy|total|close_notify).*)|http2\\.(rx_reset|tx_reset|trailers|streams_active))$",
				),
		},
		"one request a connection": {
			want: { total: 3 },
			async see(world) {
				for (let count = 0; count < 3; count++) await ask(world, "/status/418");
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.single.upstream_cx_active")) !== 0) throw new Error("still open");
				});
				const { proxy } = world;
				return {
					total: await proxy.stat("cluster.single.upstream_cx_total"),
					max: await proxy.stat("cluster.single.upstream_cx_max_requests"),
					local: await proxy.stat("cluster.single.upstream_cx_destroy_local"),
				};
			},
		},
		"GOAWAY ends a connection behind its requests": {
			want: { body: "bye" },
			async see(world) {
				const { body } = await ask(world, "/goaway");
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.plain.upstream_cx_active")) !== 0) throw new Error("still open");
				});
				const { status } = await ask(world, "/status/200");
				return { body, closed: await world.proxy.stat("cluster.plain.upstream_cx_close_notify"), status };
			},
		},
		"the deprecated http2_protocol_options of a cluster": {
			want: { answer: { status: 200 } },
			async see(world) {
				const answer = await ask(world, "/old/body/3");
				return { answer, log: await logged(world, "/old/body/3") };
			},
		},
		"a websocket becomes an extended CONNECT": {
			want: { status: 101, echoed: "ping" },
			async see({ port }, side) {
				const client = await openClient(side, port);
				client.send(
					"GET /tunnel HTTP/1.1\r\nhost: test.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n",
				);
				const { status, headers } = await client.response(false);
				client.send("ping");
				const echoed = await client.take(4);
				client.socket.destroy();
				return { status, upgrade: headers.get("upgrade"), connection: headers.get("connection"), echoed };
			},
		},
		"expect: 100-continue goes through": {
			want: { status: 200 },
			see: (world) => ask(world, "/echo/expect", { method: "POST", headers: { host: "a", expect: "100-continue" } }),
		},
	},
});
