import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import {
	createAssignment,
	createClusterConfig,
	createEndpoint,
	createLocality,
} from "../../../test/support/cluster-config.ts";
import { createClusterDeps } from "../../../test/support/cluster-deps.ts";
import { DeadlineQueue, systemClock, TurnQueue } from "../../core/index.ts";
import { createCluster } from "../cluster/index.ts";
import { UpstreamCluster } from "./upstream-cluster.ts";
import type { OutgoingRequest, UpstreamPool } from "./upstream-pool.ts";

const request: OutgoingRequest = {
	...{ method: "GET", path: "/", authority: "b", scheme: "http", upgrade: undefined, headers: [] },
	format: () => "host: b\r\n",
};

interface Upstream {
	/** Its end is right behind each answer, of which no answer says anything. */
	readonly closes: boolean;
	readonly maxPendingRequests?: number;
}

/** A pool in front of an upstream. */
async function start(t: TestContext, { closes, maxPendingRequests = 1024 }: Upstream) {
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.on("data", () => {
			const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
			if (closes) socket.end(answer);
			else socket.write(answer);
		});
	});
	t.after(() => server.close());
	await once(server.listen(0, "127.0.0.1"), "listening");
	const { deps } = createClusterDeps();
	const endpoint = createEndpoint((server.address() as AddressInfo).port);
	const assignment = createAssignment([createLocality([endpoint])]);
	const config = createClusterConfig({ discovery: { kind: "static", assignment } });
	const thresholds = { ...config.circuitBreakers.default, maxPendingRequests };
	const cluster = createCluster(
		{ ...config, circuitBreakers: { ...config.circuitBreakers, default: thresholds } },
		{ ...deps, clock: systemClock },
	);
	const deadlines = new DeadlineQueue(systemClock);
	let connectionId = 0;
	const upstream = new UpstreamCluster(
		{
			clock: systemClock,
			deadlines,
			turns: new TurnQueue(),
			nextConnectionId: () => ++connectionId,
			upstreamTlsOf: () => undefined,
			peerBoundsOf: () => undefined,
		},
		cluster,
	);
	const pool = upstream.poolFor(cluster.hosts[0]!, "default", undefined, "HTTP/1.1")!;
	t.after(() => {
		pool.close();
		deadlines.close();
		cluster.close();
	});
	return { pool, stats: cluster.stats };
}

/** Sends a request and tells what came of it; `onAnswered` is called in the turn of the event loop in which the answer ended. */
function send(pool: UpstreamPool, onAnswered: () => void = () => undefined): Promise<string> {
	return new Promise((resolve) => {
		pool.acquire({
			onPoolReady(exchange) {
				exchange.begin(
					{
						onUpstreamInformational: () => undefined,
						onUpstreamResponse: ({ status }) => resolve(String(status)),
						onUpstreamBody(_view, last) {
							// The connection is given back behind this call.
							if (last) process.nextTick(onAnswered);
						},
						onUpstreamTrailers: () => undefined,
						onUpstreamTurnEnd: () => undefined,
						onUpstreamReset: (reason) => resolve(reason),
						onUpstreamDrain: () => undefined,
					},
					request,
				);
				exchange.writeRequest(request, true, false);
			},
			onPoolFailure: (failure) => resolve(failure),
		});
	});
}

/** A request, and another one in the turn in which its answer ended. */
async function sendTwo(pool: UpstreamPool): Promise<string[]> {
	let second: Promise<string> | undefined;
	const first = await send(pool, () => {
		second = send(pool);
	});
	while (second === undefined) await new Promise(setImmediate);
	return [first, await second];
}

test("an upstream that closes behind its answer gets the next request on another connection", async (t) => {
	const { pool, stats } = await start(t, { closes: true });
	assert.deepEqual(await sendTwo(pool), ["200", "200"]);
	assert.equal(stats.upstream_cx_total.value, 2);
	assert.equal(stats.upstream_rq_pending_active.value, 0);
});

test("a request that comes in the turn of an answer waits for that connection rather than opening another one", async (t) => {
	const { pool, stats } = await start(t, { closes: false });
	assert.deepEqual(await sendTwo(pool), ["200", "200"]);
	assert.deepEqual(await sendTwo(pool), ["200", "200"]);
	assert.equal(stats.upstream_cx_total.value, 1);
	assert.equal(stats.upstream_rq_pending_active.value, 0);
});

test("where no more requests may wait, a connection is used in the turn of its answer", async (t) => {
	const { pool, stats } = await start(t, { closes: false, maxPendingRequests: 1 });
	const more: Promise<string>[] = [];
	const first = send(pool, () => more.push(send(pool), send(pool)));
	assert.equal(await first, "200");
	while (more.length === 0) await new Promise(setImmediate);
	assert.deepEqual(await Promise.all(more), ["200", "200"]);
	assert.equal(stats.upstream_rq_pending_overflow.value, 0);
});
