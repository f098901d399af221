import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { answerRequests, ok, openClient, startRawServer } from "../support/raw-client.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const get = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";

/** A port on which nobody listens. */
async function findDeadPort(t: Parameters<typeof startRawServer>[0]): Promise<number> {
	const server = await startRawServer(t, () => undefined);
	await server.close();
	return server.port;
}

test("a connect failure is retried on another host", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests(() => ok("alive")),
	);
	const dead = await findDeadPort(t);
	const retry = {
		retry_on: "connect-failure",
		num_retries: 2,
		retry_back_off: { base_interval: "0.001s" },
		retry_host_predicate: [
			{
				name: "previous",
				typed_config: {
					"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
				},
			},
		],
		host_selection_retry_max_attempts: 5,
	};
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [dead, backend.port])],
		routes: [route("/", "backend", { retry_policy: retry })],
	});
	const client = await openClient(t, proxy.port());
	for (let index = 0; index < 6; index++) {
		client.send(get);
		assert.equal((await client.response()).body, "alive");
	}
	assert.ok((await proxy.stat("cluster.backend.upstream_rq_retry_success")) > 0);
});

test("without a retry policy a refused connection is a 503 that says so", async (t) => {
	const proxy = await startProxy(t, { clusters: [cluster("backend", [await findDeadPort(t)])] });
	const client = await openClient(t, proxy.port());
	client.send(get);
	const { status, body } = await client.response();
	assert.equal(status, 503);
	assert.match(body, /reset reason: remote connection failure/);
});

test("a kept-alive connection that the upstream closes is not used again", async (t) => {
	const backend = await startRawServer(t, (socket, index) => {
		socket.on("data", () => {
			socket.write(ok(`connection ${index}`));
			if (index === 0) socket.end();
		});
	});
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send(get);
	assert.equal((await client.response()).body, "connection 0");
	await eventually(async () => assert.equal(await proxy.stat("cluster.backend.upstream_cx_active"), 0));
	client.send(get);
	assert.equal((await client.response()).body, "connection 1");
});

test("a connection that dies under a request is retried when the policy says reset", async (t) => {
	const backend = await startRawServer(t, (socket, index) => {
		socket.on("data", () => {
			if (index === 0) socket.resetAndDestroy();
			else socket.write(ok("second try"));
		});
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [
			route("/", "backend", { retry_policy: { retry_on: "reset", retry_back_off: { base_interval: "0.001s" } } }),
		],
	});
	const client = await openClient(t, proxy.port());
	client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nbody");
	assert.equal((await client.response()).body, "second try");
});

test("the route's timeout answers 504 and gives the connection up", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests(() => undefined),
	);
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [route("/", "backend", { timeout: "0.05s" })],
	});
	const client = await openClient(t, proxy.port());
	client.send(get);
	const { status, body } = await client.response();
	assert.deepEqual([status, body], [504, "upstream request timeout"]);
	await eventually(() => assert.equal(backend.sockets.size, 0));
	assert.equal(await proxy.stat("cluster.backend.upstream_rq_timeout"), 1);
});

test("a head that does not come in time is answered with 408", async (t) => {
	const proxy = await startProxy(t, { manager: { request_headers_timeout: "0.05s" }, routes: [] });
	const client = await openClient(t, proxy.port());
	client.send("GET / HTTP/1.1\r\nhost: h\r\n");
	assert.equal((await client.response()).status, 408);
	await client.closed();
});

test("an upstream that never accepts runs into the connect timeout", async (t) => {
	// A documentation address: nothing answers there.
	const unreachable = {
		name: "backend",
		type: "STATIC",
		connect_timeout: "0.05s",
		load_assignment: {
			cluster_name: "backend",
			endpoints: [
				{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: "192.0.2.1", port_value: 9 } } } }] },
			],
		},
	};
	const proxy = await startProxy(t, { clusters: [unreachable] });
	const client = await openClient(t, proxy.port());
	client.send(get);
	assert.equal((await client.response()).status, 503);
});

test("a client that goes away takes its upstream request along", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests(() => undefined),
	);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send(get);
	await eventually(() => assert.equal(backend.sockets.size, 1));
	client.socket.destroy();
	await eventually(() => assert.equal(backend.sockets.size, 0));
	assert.equal(await proxy.stat("http.in.downstream_rq_rx_reset"), 1);
});

test("circuit breakers refuse what is too much at once", async (t) => {
	const backend = await startRawServer(
		t,
		answerRequests(() => undefined),
	);
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port], { circuit_breakers: { thresholds: [{ max_requests: 1 }] } })],
	});
	const first = await openClient(t, proxy.port());
	first.send(get);
	await eventually(() => assert.equal(backend.sockets.size, 1));
	const second = await openClient(t, proxy.port());
	second.send(get);
	const { status, headers } = await second.response();
	assert.deepEqual([status, headers.get("x-envoy-overloaded")], [503, "true"]);
});

test("drain answers what is under way, says goodbye, and refuses newcomers", async (t) => {
	const release = Promise.withResolvers<void>();
	const backend = await startRawServer(t, (socket) => {
		socket.on("data", () => void release.promise.then(() => socket.write(ok("late"))));
	});
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send(get);
	await eventually(() => assert.equal(backend.sockets.size, 1));
	const drained = proxy.proxy.drain();
	await eventually(async () => assert.rejects(openClient(t, proxy.port())));
	release.resolve();
	const { body, headers } = await client.response();
	assert.deepEqual([body, headers.get("connection")], ["late", "close"]);
	await client.closed();
	await drained;
});
