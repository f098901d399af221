import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { answerRequests, ok, openClient, startRawServer } from "../support/raw-client.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const echo = answerRequests((head, count) => ok(`${head.split("\r\n")[0]} #${count}`));

test("keep-alive requests of one client share one upstream connection", async (t) => {
	const backend = await startRawServer(t, echo);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	for (let index = 0; index < 5; index++) {
		client.send(`GET /${index} HTTP/1.1\r\nHost: h\r\n\r\n`);
		const { status, body } = await client.response();
		assert.deepEqual([status, body], [200, `GET /${index} HTTP/1.1 #${index}`]);
	}
	assert.equal(backend.accepted, 1);
	assert.equal(await proxy.stat("http.in.downstream_rq_2xx"), 5);
	assert.equal(await proxy.stat("cluster.backend.upstream_rq_200"), 5);
});

test("pipelined requests are answered in order", async (t) => {
	const backend = await startRawServer(t, echo);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send([1, 2, 3].map((index) => `GET /${index} HTTP/1.1\r\nhost: h\r\n\r\n`).join(""));
	for (const index of [1, 2, 3]) assert.match((await client.response()).body, new RegExp(`^GET /${index} `));
});

test("chunked bodies and trailers go through both ways", async (t) => {
	let seen = "";
	const backend = await startRawServer(t, (socket) => {
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			seen += String(data);
			if (seen.endsWith("x-end: 1\r\n\r\n")) {
				socket.write(
					"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nx-t: 1\r\n\r\n",
				);
			}
		});
	});
	const trailers = {
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
				"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				explicit_http_config: { http_protocol_options: { enable_trailers: true } },
			},
		},
	};
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port], trailers)],
		manager: { http_protocol_options: { enable_trailers: true } },
	});
	const client = await openClient(t, proxy.port());
	client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n");
	const answer = await client.response();
	assert.deepEqual([answer.body, answer.trailers], ["abcde", "x-t: 1\n"]);
	assert.match(seen, /transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n$/);
});

test("Expect: 100-continue is answered by the proxy and goes no further", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests((head) => ok(/^expect:/im.test(head) ? "seen" : "gone")),
	);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send("POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
	assert.equal((await client.response()).status, 100);
	client.send("abc");
	assert.equal((await client.response()).body, "gone");
});

test("malformed requests get 400 and the end of the connection", async (t) => {
	const backend = await startRawServer(t, echo);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	for (const text of [
		"GET / HTTP/1.1\r\nhost: h\r\nx a: 1\r\n\r\n",
		"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
		"garbage\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
	]) {
		const client = await openClient(t, proxy.port());
		client.send(text);
		const { status, headers } = await client.response();
		assert.deepEqual([status, headers.get("connection")], [400, "close"], JSON.stringify(text));
		await client.closed();
	}
	assert.equal(backend.accepted, 0);
});

test("an upgrade turns the connection into a tunnel", async (t) => {
	const backend = await startRawServer(t, (socket) => {
		socket.once("data", () => {
			socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
			socket.on("data", (data) => socket.write(`echo:${String(data)}`));
		});
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		manager: { upgrade_configs: [{ upgrade_type: "websocket" }] },
	});
	const client = await openClient(t, proxy.port());
	client.send("GET /ws HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
	const { status, headers } = await client.response();
	assert.deepEqual([status, headers.get("upgrade")], [101, "websocket"]);
	client.send("ping");
	assert.equal(await client.take(9), "echo:ping");
	client.socket.end();
	await eventually(() => assert.equal(backend.sockets.size, 0));
});

test("a CONNECT that ends here is a tunnel to the chosen host", async (t) => {
	const backend = await startRawServer(t, (socket) => {
		socket.on("data", (data) => socket.write(`raw:${String(data)}`));
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [
			{
				match: { connect_matcher: {} },
				route: { cluster: "backend", upgrade_configs: [{ upgrade_type: "CONNECT", connect_config: {} }] },
			},
		],
		manager: { upgrade_configs: [{ upgrade_type: "CONNECT" }] },
	});
	const client = await openClient(t, proxy.port());
	client.send("CONNECT any.test:80 HTTP/1.1\r\nhost: any.test:80\r\n\r\n");
	assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 200 /);
	client.send("hello");
	assert.equal(await client.take(9), "raw:hello");
});

test("a forward-proxy request is routed by the host of its target", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests((head) => ok(head)),
	);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send("GET http://reviews/x?y HTTP/1.1\r\nhost: other\r\nproxy-connection: keep-alive\r\n\r\n");
	const { body } = await client.response();
	assert.match(body, /^GET \/x\?y HTTP\/1\.1\r\nhost: reviews\r\n/);
	assert.doesNotMatch(body, /proxy-connection/i);
});

test("a slow reader stops the upstream instead of filling memory", async (t) => {
	const total = 64 * 1024 * 1024;
	let sent = 0;
	const backend = await startRawServer(t, (socket) => {
		socket.once("data", () => {
			socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
			const block = Buffer.alloc(256 * 1024, "x");
			const pump = (): void => {
				while (sent < total) {
					sent += block.length;
					if (!socket.write(block)) {
						socket.once("drain", pump);
						return;
					}
				}
			};
			pump();
		});
	});
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
	await client.until("\r\n\r\n");
	client.socket.pause();
	await eventually(async () => {
		assert.ok((await proxy.stat("cluster.backend.upstream_flow_control_paused_reading_total")) > 0);
	});
	const stopped = sent;
	assert.ok(stopped < total / 2, `the upstream has sent ${stopped} bytes to a client that reads nothing`);
	let received = client.buffered.length;
	client.socket.on("data", (data) => {
		received += String(data).length;
	});
	client.socket.resume();
	await eventually(() => assert.ok(received >= total));
});

test("an upstream that does not read stops the client instead of filling memory", async (t) => {
	let received = 0;
	const backend = await startRawServer(t, (socket) => {
		socket.pause();
		socket.on("data", (data) => {
			received += data.length;
		});
		socket.pause();
	});
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	const total = 64 * 1024 * 1024;
	client.send(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: ${total}\r\n\r\n`);
	const block = Buffer.alloc(256 * 1024, "x");
	let sent = 0;
	const pump = (): void => {
		while (sent < total) {
			sent += block.length;
			if (client.socket.write(block)) continue;
			client.socket.once("drain", pump);
			return;
		}
	};
	pump();
	let before = -1;
	await eventually(() => {
		const same = sent === before;
		before = sent;
		assert.ok(same && backend.sockets.size === 1, "bytes still move");
	});
	assert.ok(sent < total / 2, `the client could send ${sent} bytes to an upstream that reads nothing`);
	for (const socket of backend.sockets) socket.resume();
	await eventually(() => assert.ok(received > total));
});

test("the answer to a client that is too slow to send is not lost", async (t) => {
	const proxy = await startProxy(t, {
		routes: [{ match: { prefix: "/" }, direct_response: { status: 413, body: { inline_string: "too much" } } }],
	});
	const client = await openClient(t, proxy.port());
	client.send(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(2000)}`);
	const { status, body, headers } = await client.response();
	assert.deepEqual([status, body, headers.get("connection")], [413, "too much", "close"]);
	await client.closed();
});

test("a route that is not there and a cluster that is not there are told apart", async (t) => {
	const proxy = await startProxy(t, { routes: [route("/known", "nowhere")], manager: {} });
	const client = await openClient(t, proxy.port());
	client.send("GET /known HTTP/1.1\r\nhost: h\r\n\r\nGET /other HTTP/1.1\r\nhost: h\r\n\r\n");
	assert.equal((await client.response()).status, 503);
	assert.equal((await client.response()).status, 404);
	assert.equal(await proxy.stat("http.in.no_cluster"), 1);
	assert.equal(await proxy.stat("http.in.no_route"), 1);
});

test("with Istio's metrics a request gets a trace context, and one that has one keeps its trace", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests((head) => ok(head)),
	);
	const extensions = "type.googleapis.com/envoy.extensions.";
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		manager: {
			tracing: { random_sampling: { value: 100 } },
			http_filters: [
				{
					name: "stats",
					typed_config: {
						"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
						type_url: "type.googleapis.com/stats.PluginConfig",
						value: { reporter: "source" },
					},
				},
				{ name: "router", typed_config: { "@type": `${extensions}filters.http.router.v3.Router` } },
			],
		},
	});
	const client = await openClient(t, proxy.port());
	client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
	assert.match((await client.response()).body, /traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01/);
	const trace = "0af7651916cd43dd8448eb211c80319c";
	client.send(`GET / HTTP/1.1\r\nhost: h\r\ntraceparent: 00-${trace}-b7ad6b7169203331-00\r\n\r\n`);
	const { body } = await client.response();
	assert.match(body, new RegExp(`traceparent: 00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-00`));
});
