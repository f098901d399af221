import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetricsRegistry } from "./registry.ts";

test("the same name is the same counter, from whichever scope", () => {
	const registry = createMetricsRegistry();
	const first = registry.scope("http.in").counter("downstream_rq_total");
	const second = registry.scope("http").scope("in").counter("downstream_rq_total");
	assert.equal(first, second);
	first.value++;
	assert.deepEqual(registry.counters(), [{ kind: "counter", name: "http.in.downstream_rq_total", value: 1 }]);
});

test("a statistic disappears when the last scope that made it closes", () => {
	const registry = createMetricsRegistry();
	const one = registry.scope("http.in");
	const other = registry.scope("http.in");
	one.counter("rq_total");
	one.scope("tracing").gauge("active");
	other.counter("rq_total").value = 3;
	one.close();
	assert.deepEqual(
		registry.counters().map(({ name }) => name),
		["http.in.rq_total"],
	);
	assert.deepEqual(registry.gauges(), []);
	other.close();
	other.close();
	assert.deepEqual(registry.counters(), []);
});

test("colons of addresses and cluster names do not survive in names", () => {
	const registry = createMetricsRegistry();
	assert.equal(registry.scope("listener.127.0.0.1:80").counter("x").name, "listener.127.0.0.1_80.x");
	assert.equal(registry.scope("cluster.http://a:1").gauge("x").name, "cluster.http_a_1.x");
});

test("resetting touches counters only", () => {
	const registry = createMetricsRegistry();
	const counter = registry.root.counter("a");
	const gauge = registry.root.gauge("b");
	counter.value = 2;
	gauge.value = 2;
	registry.resetCounters();
	assert.deepEqual([counter.value, gauge.value], [0, 2]);
});

test("histograms take the buckets whose rule matches first", () => {
	const registry = createMetricsRegistry({
		histogramBuckets: [{ matches: (name) => name.endsWith("_ms"), buckets: [1, 10] }],
	});
	assert.deepEqual(registry.root.histogram("x_ms").buckets, [1, 10]);
	assert.equal(registry.root.histogram("y").buckets.length, 19);
});
