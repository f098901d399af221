/** The parts that a rollout is decided with: who comes first, what proxies counted, what is chance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { orderNodes } from "./order-nodes.ts";
import { parseRolloutOptions } from "./parse-options.ts";
import { countCanaries } from "./rollout.ts";
import { addSamples, parseStats, subtractSample } from "./sample.ts";
import { chanceOfAtLeast, chanceOfMore } from "./statistics.ts";

test("one of each workload with several proxies comes first, and the order does not depend on who came first", () => {
	const nodes = ["web-0", "web-1", "web-2", "api-0", "api-1", "job-0"].map((name) => ({
		id: `sidecar~127.0.0.1~${name}.shop~shop.svc.cluster.local`,
		workload: `shop/${name.slice(0, 3)}`,
	}));
	const order = orderNodes(nodes);
	assert.deepEqual(new Set(order.slice(0, 2).map(({ workload }) => workload)), new Set(["shop/web", "shop/api"]));
	assert.deepEqual(orderNodes([...nodes].reverse()), order);
	assert.equal(orderNodes([...nodes, ...nodes]).length, 6);
});

test("proxies whose application takes no traffic come last: they have nothing to show", () => {
	const nodes = Array.from({ length: 8 }, (_, at) => ({ id: `n${at}`, workload: at < 4 ? "shop/web" : `shop/w${at}` }));
	for (const unready of nodes) {
		const order = orderNodes(nodes.map((node) => (node === unready ? { ...node, isUnready: true } : node)));
		assert.equal(order.at(-1)?.id, unready.id);
	}
});

test("a share is at least one proxy, and not all of them unless it is all", () => {
	const counts = [1, 2, 3, 10, 11, 1000].map((touched) =>
		[5, 10, 50, 99, 100].map((share) => countCanaries(touched, share)),
	);
	assert.deepEqual(counts, [
		[1, 1, 1, 1, 1],
		[1, 1, 1, 1, 2],
		[1, 1, 2, 2, 3],
		[1, 1, 5, 9, 10],
		[1, 1, 6, 10, 11],
		[50, 100, 500, 990, 1000],
	]);
});

const text = `cluster.outbound|80|v1|reviews.shop.svc.cluster.local.upstream_cx_connect_fail: 1
cluster.outbound|80|v1|reviews.shop.svc.cluster.local.upstream_cx_total: 4
cluster.outbound|80|v1|reviews.shop.svc.cluster.local.upstream_rq_2xx: 9
cluster.outbound|80||reviews.shop.svc.cluster.local.upstream_rq_5xx: 2
http.admin.downstream_rq_2xx: 100
http.http_proxy.downstream_rq_2xx: 5
http.http_proxy.downstream_rq_4xx: 1
http.outbound_0.0.0.0_80.downstream_rq_5xx: 3
http.inbound_8080.downstream_rq_2xx: 7
http.inbound_8080.downstream_rq_time: B0.5(0,1) B1(2,6) B5(0,0)
http.http_proxy.downstream_rq_time: No recorded values
`;

test("what a proxy counted is summed by side and by host, its own admin port left out", () => {
	assert.deepEqual(parseStats(text), {
		inbound: { requests: 7, clientErrors: 0, serverErrors: 0, latency: { "0.5": 1, "1": 6 } },
		outbound: { requests: 9, clientErrors: 1, serverErrors: 3, latency: {} },
		"to reviews.shop.svc.cluster.local": { requests: 11, clientErrors: 0, serverErrors: 2, latency: {} },
		"connections to reviews.shop.svc.cluster.local": { requests: 4, clientErrors: 0, serverErrors: 1, latency: {} },
	});
	assert.deepEqual(parseStats("nonsense\n: \n"), {});
});

test("a difference is since then, and since the start for a proxy that started anew", () => {
	const before = parseStats(text);
	const later = parseStats(text.replace("downstream_rq_2xx: 7", "downstream_rq_2xx: 9").replace("B1(2,6)", "B1(0,8)"));
	assert.deepEqual(subtractSample(later, before)["inbound"], {
		requests: 2,
		clientErrors: 0,
		serverErrors: 0,
		latency: { "1": 2 },
	});
	const anew = { inbound: { requests: 1, clientErrors: 0, serverErrors: 1, latency: {} } };
	assert.deepEqual(subtractSample(anew, before), anew);
	assert.equal(addSamples([before, before])["inbound"]!.requests, 14);
});

test("chances are those of the books", () => {
	const close = (value: number, expected: number): void =>
		assert.ok(Math.abs(value - expected) <= expected * 1e-6, `${value} is not ${expected}`);
	// The lady tasting tea: 4 of 4 against 0 of 4 is 1 in 70, 3 against 1 is 17 in 70.
	close(chanceOfMore({ hits: 4, of: 4 }, { hits: 0, of: 4 }), 1 / 70);
	close(chanceOfMore({ hits: 3, of: 4 }, { hits: 1, of: 4 }), 17 / 70);
	close(chanceOfAtLeast({ hits: 2, of: 3 }, 0.5), 0.5);
	close(chanceOfAtLeast({ hits: 10, of: 10 }, 0.1), 1e-10);
	assert.equal(chanceOfAtLeast({ hits: 0, of: 10 }, 0.1), 1);
	const large = chanceOfMore({ hits: 20_000, of: 1_000_000 }, { hits: 19_900, of: 1_000_000 });
	assert.ok(large > 0.2 && large < 0.4, String(large));
});

test("parameters are read whole or refused with what they may be", () => {
	const read = (query: string) => parseRolloutOptions(new URLSearchParams(query));
	assert.deepEqual(read("steps=10%25,50,100&watch=5&maxErrorRate=0.5&errors=5xx&withoutTraffic=complete"), {
		steps: [10, 50, 100],
		watchMs: 5_000,
		maxErrorRate: 0.005,
		maxLatencyIncrease: 0.5,
		minRequests: 20,
		maxWaitMs: 300_000,
		withoutTraffic: "complete",
		countsClientErrors: false,
	});
	for (const wrong of ["steps=", "steps=50,10", "steps=0", "steps=101", "watch=x", "watch=", "errors=4xx", "step=10"])
		assert.throws(() => read(wrong), /QUERY_INVALID|'\w+'/, wrong);
});
