import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
	createAssignment,
	createClusterConfig,
	createEndpoint,
	createLocality,
} from "../../../test/support/cluster-config.ts";
import { createClusterDeps } from "../../../test/support/cluster-deps.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { startGrpcService } from "../../../test/support/grpc-service.ts";
import { DeadlineQueue, systemClock, TurnQueue } from "../../core/index.ts";
import { createCluster } from "../cluster/index.ts";
import { UpstreamCluster } from "../connection-pool/index.ts";
import type { GrpcServiceConfig } from "../runtime-config/index.ts";
import { createGrpcClients, type GrpcContext, type GrpcResponse, type GrpcStatus } from "./index.ts";

function start(t: TestContext, port: number, more: Partial<GrpcServiceConfig> = {}) {
	const { deps } = createClusterDeps();
	const clock = systemClock;
	const assignment = createAssignment([createLocality([createEndpoint(port)])]);
	const cluster = createCluster(createClusterConfig({ name: "service", discovery: { kind: "static", assignment } }), {
		...deps,
		clock,
	});
	const deadlines = new DeadlineQueue(clock);
	let id = 0;
	const context: GrpcContext = {
		clock,
		deadlines,
		turns: new TurnQueue(),
		nextConnectionId: () => ++id,
		upstreamTlsOf: () => undefined,
		peerBoundsOf: () => undefined,
		getCluster: (name) => (name === "service" ? upstream : undefined),
		localAddress: "10.0.0.1",
	};
	const upstream = new UpstreamCluster(context, cluster);
	const clients = createGrpcClients(context);
	t.after(() => {
		clients.close();
		deadlines.close();
		cluster.close();
	});
	const client = clients.client({
		target: { kind: "cluster", name: "service", authority: "svc" },
		timeoutMs: 0,
		initialMetadata: [],
		skipEnvoyHeaders: false,
		maxReceiveMessageBytes: 0,
		...more,
	});
	const ask = (text: string, timeoutMs = 0): Promise<GrpcResponse> =>
		new Promise((resolve) => client.unary("/pkg.Service/Ask", Buffer.from(text), { timeoutMs }, resolve));
	return { cluster, clients, client, ask };
}

test("a unary call brings the answer of the service, and both use one connection", async (t) => {
	const service = await startGrpcService(t, {
		onMessage(call, message) {
			call.send(Buffer.from(`re: ${message}`));
			call.finish();
		},
	});
	const { ask, cluster } = start(t, service.port);
	const [first, second] = await Promise.all([ask("one"), ask("two")]);
	assert.equal(first.code, 0);
	assert.equal(first.body?.toString(), "re: one");
	assert.equal(second.body?.toString(), "re: two");
	const { headers } = service.calls[0]!;
	assert.equal(headers[":path"], "/pkg.Service/Ask");
	assert.equal(headers[":authority"], "svc");
	assert.equal(headers.te, "trailers");
	assert.equal(headers["x-envoy-internal"], "true");
	assert.equal(headers["x-forwarded-for"], "10.0.0.1");
	assert.equal(cluster.stats.upstream_cx_total.value, 1);
	assert.equal(cluster.stats.upstream_rq_total.value, 2);
	assert.equal(cluster.stats.upstream_rq_active.value, 0);
	assert.equal(cluster.resources("default").tryAcquireRequest(), true);
});

test("the status and message of a refusal come through", async (t) => {
	const service = await startGrpcService(t, { onCall: (call) => call.finish(7, "no%20way") });
	const answer = await start(t, service.port).ask("x");
	assert.deepEqual([answer.code, answer.message, answer.body], [7, "no way", undefined]);
});

test("a service that cannot be reached, does not exist or is too slow is a clear failure", async (t) => {
	const service = await startGrpcService(t);
	const { ask, cluster, clients } = start(t, service.port);
	const late = await ask("x", 30);
	assert.deepEqual([late.code, late.message], [4, "upstream request timeout"]);
	assert.equal(cluster.stats.upstream_rq_timeout.value, 1);
	const unknown = clients.client({
		target: { kind: "cluster", name: "nobody", authority: "nobody" },
		timeoutMs: 0,
		initialMetadata: [],
		skipEnvoyHeaders: false,
		maxReceiveMessageBytes: 0,
	});
	const missing = await new Promise<GrpcResponse>((resolve) => unknown.unary("/a/b", Buffer.alloc(0), {}, resolve));
	assert.deepEqual([missing.code, missing.message], [14, "cluster nobody does not exist"]);
	const nowhere = await start(t, 1).ask("x");
	assert.equal(nowhere.code, 14);
	assert.match(nowhere.message, /Connection_refused/);
});

test("a broken connection ends its calls, and the next call opens another one", async (t) => {
	const service = await startGrpcService(t, { onMessage: () => service.disconnect() });
	const { ask, cluster } = start(t, service.port);
	assert.equal((await ask("x")).code, 14);
	service.behave({
		onMessage(call) {
			call.send(Buffer.from("ok"));
			call.finish();
		},
	});
	assert.equal((await ask("y")).body?.toString(), "ok");
	assert.equal(cluster.stats.upstream_cx_total.value, 2);
});

test("an answer above the limit is refused", async (t) => {
	const service = await startGrpcService(t, { onMessage: (call) => call.send(Buffer.alloc(100)) });
	const answer = await start(t, service.port, { maxReceiveMessageBytes: 99 }).ask("x");
	assert.deepEqual([answer.code, answer.message], [13, "message too large from the service"]);
});

test("a stream carries messages both ways until the service ends it", async (t) => {
	const service = await startGrpcService(t, {
		onMessage: (call, message) => call.send(message),
		onEnd: (call) => call.finish(0),
	});
	const { client } = start(t, service.port);
	const seen: string[] = [];
	const status = await new Promise<GrpcStatus>((resolve) => {
		const stream = client.stream("/pkg.Service/Talk", {
			onMessage(message) {
				seen.push(message.toString());
				if (seen.length < 3) stream.send(Buffer.from(`m${seen.length}`));
				else stream.end();
			},
			onEnd: resolve,
		});
		stream.send(Buffer.from("m0"));
	});
	assert.equal(status.code, 0);
	assert.deepEqual(seen, ["m0", "m1", "m2"]);
});

test("a service that does not read bounds what is kept for it", async (t) => {
	const service = await startGrpcService(t, { onCall: (call) => call.stream.pause() });
	const { client } = start(t, service.port);
	const status = await new Promise<GrpcStatus>((resolve) => {
		const stream = client.stream("/pkg.Service/Talk", { onMessage: () => undefined, onEnd: resolve });
		const fill = (): void => {
			for (let index = 0; index < 64; index++) stream.send(Buffer.alloc(256 * 1024));
			assert.ok(stream.queuedBytes <= 1024 * 1024 + 5);
		};
		fill();
	});
	assert.equal(status.code, 8);
});

test("a cancelled stream is reset and tells nothing more", async (t) => {
	const service = await startGrpcService(t);
	const { client, cluster } = start(t, service.port);
	const stream = client.stream("/pkg.Service/Talk", { onMessage: () => assert.fail(), onEnd: () => assert.fail() });
	stream.send(Buffer.from("x"));
	await eventually(() => assert.equal(service.calls[0]?.messages.length, 1));
	stream.cancel();
	await eventually(() => assert.equal(service.calls[0]?.isClosed, true));
	assert.equal(cluster.stats.upstream_rq_tx_reset.value, 1);
	assert.equal(cluster.stats.upstream_rq_active.value, 0);
});
