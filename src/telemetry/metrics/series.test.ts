import assert from "node:assert/strict";
import { test } from "node:test";
import type { Label } from "./metric.ts";
import { formatLabelledMetrics } from "./prometheus.ts";
import { createMetricsRegistry } from "./registry.ts";
import { createSeriesTable } from "./series.ts";

function createTable(budget: number) {
	const overflow = createMetricsRegistry().root.counter("overflow");
	const table = createSeriesTable({
		counters: { requests_total: "Requests." },
		histograms: { duration_ms: "" },
		labelNames: ["who", "code"],
		budget,
		idleSweeps: 2,
		overflow,
	});
	return { table, overflow };
}

test("one look-up by label values always gives the same series", () => {
	const { table } = createTable(10);
	assert.equal(table.series(["a", "200"]), table.series(["a", "200"]));
	assert.notEqual(table.series(["a", "200"]), table.series(["a,200", ""]));
	assert.equal(table.size, 2);
});

test("label sets beyond the budget count into one series and are counted", () => {
	const { table, overflow } = createTable(2);
	for (let index = 0; index < 1_000; index++) table.series([`peer-${index}`, "200"]).counters.requests_total.value++;
	assert.equal(table.size, 2);
	assert.equal(overflow.value, 998);
	assert.equal(
		formatLabelledMetrics(table.metrics),
		'# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{who="peer-0",code="200"} 1\n' +
			'requests_total{who="peer-1",code="200"} 1\nrequests_total{who="overflow",code="overflow"} 998\n',
	);
});

test("a series unused for long expires, makes room and says so to whoever kept it", () => {
	const { table } = createTable(1);
	const old = table.series(["old", "200"]);
	old.counters.requests_total.value++;
	table.sweep();
	old.used = true;
	table.sweep();
	assert.equal(old.expired, false);
	table.sweep();
	table.sweep();
	assert.equal(old.expired, true);
	assert.equal(table.size, 0);
	const next = table.series(["new", "200"]);
	assert.notEqual(next, old);
	assert.equal(next.counters.requests_total.value, 0);
});

test("label values are escaped", () => {
	const { table } = createTable(1);
	table.series(['a"b\\c\nd', "200"]).counters.requests_total.value++;
	assert.match(formatLabelledMetrics(table.metrics), /who="a\\"b\\\\c\\nd"/);
});

test("a variant has other labels for some metrics, and shares the series of those that it does not change", () => {
	const { table } = createTable(10);
	const count = (who: string, code: string, labels: readonly Label[] | undefined): void => {
		const series = table.variant([who, code], new Map([["requests_total", labels]] as const));
		series.counters.requests_total.value++;
		series.histograms.duration_ms.record(1);
	};
	for (const code of ["200", "404"]) count("a", code, [["who", "a"]]);
	count("b", "200", undefined);
	count("c", "200", [
		["who", "d"],
		["code", "200"],
	]);
	table.series(["d", "200"]).counters.requests_total.value++;
	const lines = formatLabelledMetrics(table.metrics).split("\n");
	assert.deepEqual(
		lines.filter((line) => line.startsWith("requests_total")),
		['requests_total{who="d",code="200"} 2', 'requests_total{who="a"} 2'],
	);
	assert.deepEqual(
		lines.filter((line) => line.startsWith("duration_ms_count")),
		[
			["a", "200"],
			["a", "404"],
			["b", "200"],
			["c", "200"],
		].map(([who, code]) => `duration_ms_count{who="${who}",code="${code}"} 1`),
	);
});

test("variants are bounded, go when they are unused, and keep what they count into", () => {
	const { table, overflow } = createTable(2);
	const find = (host: string) => table.variant(["a", "200"], new Map([["requests_total", [["host", host]]]] as const));
	for (let index = 0; index < 1_000; index++) find(`host-${index}`).counters.requests_total.value++;
	assert.equal(overflow.value, 998);
	const first = find("host-0");
	table.sweep();
	for (let round = 0; round < 3; round++) {
		first.used = true;
		table.sweep();
	}
	assert.equal(first.expired, false);
	assert.equal(table.size, 1);
	assert.deepEqual(formatLabelledMetrics(table.metrics).match(/^requests_total.*$/gm), [
		'requests_total{host="host-0"} 1',
		'requests_total{host="overflow"} 998',
	]);
	table.sweep();
	table.sweep();
	assert.equal(first.expired, true);
	assert.equal(find("host-0").counters.requests_total.value, 0);
});
