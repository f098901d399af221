/** gRPC through the proxy: statuses of its own answers, trailers, retries by status, deadlines, and how hosts are judged. */
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { callH2, type H2Call, openH2, startH2Echo } from "../support/h2-echo.ts";
import { sendRequest } from "../support/http-call.ts";

const http2 = {
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
		explicit_http_config: { http2_protocol_options: {} },
	}),
};

function cluster(name: string, ports: readonly number[], fields: object = {}): object {
	const lb_endpoints = ports.map((port) => ({ endpoint: { address: socketAddress(port) } }));
	return {
		name,
		connect_timeout: "2s",
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
		typed_extension_protocol_options: http2,
		...fields,
	};
}

const format =
	"%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n";

const routes = [
	{ match: { prefix: "/direct/429" }, direct_response: { status: 429, body: { inline_string: "slow % down\n" } } },
	{ match: { prefix: "/direct/401" }, direct_response: { status: 401 } },
	{ match: { prefix: "/direct/403" }, direct_response: { status: 403 } },
	{ match: { prefix: "/direct/200" }, direct_response: { status: 200, body: { inline_string: "fine" } } },
	{ match: { prefix: "/direct/500" }, direct_response: { status: 500 } },
	{ match: { prefix: "/redirect" }, redirect: { path_redirect: "/elsewhere" } },
	{ match: { prefix: "/nobody" }, route: { cluster: "nobody" } },
	{ match: { prefix: "/gone" }, route: { cluster: "gone" } },
	{ match: { prefix: "/never/route" }, route: { cluster: "c", timeout: "0.2s" } },
	{
		match: { prefix: "/never/header" },
		route: { cluster: "c", timeout: "0s", max_stream_duration: { grpc_timeout_header_max: "0.3s" } },
	},
	{
		match: { prefix: "/never/offset" },
		route: {
			cluster: "c",
			timeout: "0s",
			max_stream_duration: { grpc_timeout_header_max: "5s", grpc_timeout_header_offset: "0.1s" },
		},
	},
	{ match: { prefix: "/never/stream" }, route: { cluster: "c", max_stream_duration: { max_stream_duration: "0.2s" } } },
	...["cancelled", "deadline-exceeded", "resource-exhausted", "internal", "unavailable"].map((retry_on) => ({
		match: { prefix: "/grpcflaky", headers: [{ name: "x-route", string_match: { exact: retry_on } }] },
		route: { cluster: "c", retry_policy: { retry_on, num_retries: 1 } },
	})),
	{ match: { prefix: "/nowhere", headers: [{ name: "x-none", present_match: true }] }, route: { cluster: "c" } },
	{ match: { prefix: "/grpc-only-route", grpc: {} }, route: { cluster: "c", prefix_rewrite: "/grpc/0" } },
	...["grpc", "reset", "cut", "drop", "echo", "never", "status"].map((name) => ({
		match: { prefix: `/${name}` },
		route: { cluster: "c" },
	})),
];

async function start(side: Side) {
	const backend = await startH2Echo(side);
	const manager = managerFilter({
		access_log: [
			{
				name: "stdout",
				typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
					log_format: { text_format_source: { inline_string: format } },
				}),
			},
		],
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
	});
	const bootstrap = {
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				cluster("c", [backend.port], { outlier_detection: { consecutive_5xx: 100 } }),
				cluster("nobody", []),
				cluster("gone", [await findFreePort()]),
			],
		},
	};
	const options = { args: ["--file-flush-interval-msec", "50"] };
	const proxy = await side.proxy(bootstrap, options);
	const port = await proxy.port("l");
	return { proxy, port, session: openH2(side, port) };
}

type World = Awaited<ReturnType<typeof start>>;

let count = 0;

/** A gRPC call and its log line. */
async function call({ proxy, session }: World, path: string, more: H2Call = {}) {
	const name = `case-${count++}`;
	const answer = await callH2(session, path, {
		body: "\0\0\0\0\x01x",
		...more,
		headers: { ":method": "POST", "content-type": "application/grpc", te: "trailers", "x-case": name, ...more.headers },
	});
	const log = await eventually(() => {
		const line = proxy
			.stdout()
			.split("\n")
			.find((one) => one.startsWith(`${name} `));
		if (line === undefined) throw new Error(`no access log line of ${path} yet`);
		return line.slice(name.length + 1);
	});
	return {
		...answer,
		// The port of a refused connection and the time it took differ.
		fields: answer.fields.filter((field) => !field.startsWith("x-envoy-upstream-service-time")),
		log,
	};
}

const plain = (path: string, want: object, more: H2Call = {}) => ({
	want,
	see: (world: World) => call(world, path, more),
});

const retried = (condition: string, code: number) => ({
	want: { status: 200 },
	see: (world: World) => call(world, `/grpcflaky/${code}-${condition}`, { headers: { "x-route": condition } }),
});

compareWithEnvoy("gRPC", {
	start,
	cases: {
		"a message and its trailers": plain("/grpc/0", { body: "\0\0\0\0\x02hi" }),
		"an error in trailers": plain("/grpc/5", { status: 200 }),
		"an error in the head": plain("/grpconly/13", { status: 200, body: "" }),
		"a status that nobody knows": plain("/grpc/77", { status: 200 }),
		"a body without trailers": plain("/grpcbare", { status: 200 }),
		"a request of a subtype": plain(
			"/direct/429",
			{ status: 200 },
			{ headers: { "content-type": "application/grpc+json" } },
		),
		"a type that only looks like it": plain(
			"/direct/429",
			{ status: 429 },
			{ headers: { "content-type": "application/grpcx" } },
		),
		"a direct 401": plain("/direct/401", { status: 200 }),
		"a direct 403": plain("/direct/403", { status: 200 }),
		"a direct 429 with a message": plain("/direct/429", { status: 200 }),
		"a direct 500": plain("/direct/500", { status: 200 }),
		"a direct 200": plain("/direct/200", { status: 200 }),
		"a redirect": plain("/redirect", { status: 200 }),
		"no route": plain("/nowhere", { status: 200 }),
		"no host": plain("/nobody", { status: 200 }),
		"a host that refuses connections": {
			want: { status: 200 },
			async see(world) {
				const { fields, log, ...rest } = await call(world, "/gone");
				return { ...rest, fields: fields.filter((field) => !field.startsWith("grpc-message")), log };
			},
		},
		"a stream reset by the upstream": plain("/reset/8", { status: 200 }),
		"a stream refused by the upstream": plain("/reset/7", { status: 200 }),
		"a stream reset within its body": plain("/cut", { status: 200, body: "part" }),
		"a connection that breaks": plain("/drop", { status: 200 }),
		"the route's timeout": plain("/never/route", { status: 200 }),
		"the client's deadline": plain("/never/header", { status: 200 }, { headers: { "grpc-timeout": "200m" } }),
		"a client's deadline beyond the bound": plain(
			"/never/header",
			{ status: 200 },
			{ headers: { "grpc-timeout": "1H" } },
		),
		"the client's deadline minus the offset": plain(
			"/never/offset",
			{ status: 200 },
			{ headers: { "grpc-timeout": "300m" } },
		),
		"the longest stream": plain("/never/stream", { status: 200 }),
		"a route for gRPC only": plain("/grpc-only-route", { status: 200 }),
		"a route for gRPC only, and another request": plain(
			"/grpc-only-route",
			{ status: 404 },
			{ headers: { "content-type": "text/plain" } },
		),
		"retried: cancelled": retried("cancelled", 1),
		"retried: deadline-exceeded": retried("deadline-exceeded", 4),
		"retried: resource-exhausted": retried("resource-exhausted", 8),
		"retried: internal": retried("internal", 13),
		"retried: unavailable": retried("unavailable", 14),
		"not retried: another status": {
			want: { status: 200 },
			see: (world) => call(world, "/grpcflaky/3-other", { headers: { "x-route": "unavailable" } }),
		},
		"retried as the client asks": {
			want: { status: 200 },
			see: (world) => call(world, "/grpcflaky/8-asked", { headers: { "x-envoy-retry-grpc-on": "resource-exhausted" } }),
		},
		"a plain answer to a gRPC request": plain("/status/503", { status: 503 }),
		"the proxy's answer over HTTP/1": {
			want: { status: 200, body: "" },
			async see({ port }) {
				const headers = { "content-type": "application/grpc", host: "a" };
				const answer = await sendRequest({ port, path: "/direct/429", method: "POST", headers, body: "x" });
				const { date: _date, ...fields } = answer.headers;
				return { status: answer.status, body: answer.body, fields };
			},
		},
		"requests are counted by their status": {
			want: { "cluster.c.upstream_rq_503": 4 },
			see: ({ proxy }) =>
				proxy.stats("^cluster\\.c\\.(upstream_rq_(\\d+|.xx|retry.*|timeout|rx_reset|total)|retry\\.upstream_rq_.*)$"),
		},
		"hosts are judged by the gRPC status": {
			want: { rq_success: 11 },
			async see({ proxy }) {
				const { body } = await proxy.admin("/clusters");
				const value = (name: string): number => Number(new RegExp(`c::127[^:]+:\\d+::${name}::(\\d+)`).exec(body)?.[1]);
				return { rq_success: value("rq_success"), rq_error: value("rq_error"), rq_total: value("rq_total") };
			},
		},
	},
});
