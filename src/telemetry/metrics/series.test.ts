import assert from "node:assert/strict";
import { test } from "node:test";
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
