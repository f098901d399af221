import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetricsRegistry, createTagExtractor } from "../../telemetry/index.ts";
import type { StatsdSinkConfig } from "../runtime-config/index.ts";
import { createStatsdSink } from "./index.ts";

function makeSink(more: Partial<StatsdSinkConfig> = {}) {
	const registry = createMetricsRegistry();
	const sent: string[] = [];
	const config: StatsdSinkConfig = {
		target: { kind: "datagrams", address: { kind: "socket", address: "127.0.0.1", port: 1, ipv4Compatible: false } },
		prefix: "p",
		hasTags: false,
		maxDatagramBytes: 0,
		...more,
	};
	const sink = createStatsdSink(config, { registry, tagsOf: createTagExtractor() }, (bytes) => {
		sent.push(bytes.toString());
	});
	const take = (): string[] => {
		sink.flush();
		return sent.splice(0);
	};
	return { registry, sink, take };
}

test("a counter is sent by what it grew, once it was used", () => {
	const { registry, take } = makeSink();
	const counter = registry.root.counter("c");
	assert.deepEqual(take(), []);
	counter.value = 5;
	assert.deepEqual(take(), ["p.c:5|c"]);
	counter.value = 7;
	assert.deepEqual(take(), ["p.c:2|c"]);
	assert.deepEqual(take(), ["p.c:0|c"]);
	registry.resetCounters();
	counter.value = 1;
	assert.deepEqual(take(), ["p.c:1|c"], "it counts from 0 again");
});

test("a gauge is sent as it is, when it was set", () => {
	const { registry, take } = makeSink();
	const gauge = registry.root.gauge("g");
	assert.deepEqual(take(), []);
	gauge.value = 3;
	assert.deepEqual([take(), take()], [["p.g:3|g"], ["p.g:3|g"]]);
});

test("lines go together as long as they fit, and one that does not goes alone", () => {
	const { registry, take } = makeSink({ maxDatagramBytes: 16 });
	for (const name of ["a", "b", "long.name.of.a.counter", "z"]) registry.root.counter(name).value = 1;
	assert.deepEqual(take(), ["p.a:1|c\np.b:1|c", "p.long.name.of.a.counter:1|c", "p.z:1|c"]);
});

test("a statistic that is gone begins anew when it comes back", () => {
	const { registry, take } = makeSink();
	const scope = registry.scope("cluster.a");
	scope.counter("c").value = 9;
	take();
	scope.close();
	assert.deepEqual(take(), []);
	registry.scope("cluster.a").counter("c").value = 2;
	assert.deepEqual(take(), ["p.cluster.a.c:2|c"]);
});
