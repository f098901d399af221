import assert from "node:assert/strict";
import { test } from "node:test";
import { HostLoad, parseLoadReport } from "./load-report.ts";

const terms = { blackoutMs: 0, expirationMs: 60_000, errorPenalty: 1, utilizationMetrics: [], updateMs: 1000 };

test("a report with numbers that are none, or have no end, is no report", () => {
	for (const text of [
		"TEXT rps_fractional=many,cpu_utilization=0.5",
		"TEXT rps_fractional=100,cpu_utilization=NaN",
		"TEXT rps_fractional=Infinity,cpu_utilization=0.5",
		"TEXT rps_fractional,cpu_utilization=0.5",
		'JSON {"rps_fractional":1e999,"cpu_utilization":0.5}',
		"JSON {",
		"rps_fractional=100",
	]) {
		assert.equal(parseLoadReport(text), undefined, text);
	}
});

test("whatever a host says, its weight is a whole number of 32 bits", () => {
	for (const [text, weight] of [
		["TEXT rps_fractional=100,cpu_utilization=0.5", 200],
		["TEXT rps_fractional=1e308,cpu_utilization=1e-300", 4_294_967_295],
		["TEXT rps_fractional=100,cpu_utilization=0.5,eps=-50", 4_294_967_295],
		["TEXT rps_fractional=1e-300,cpu_utilization=1e300", 1],
	] as const) {
		const load = new HostLoad(terms);
		load.observe(parseLoadReport(text)!, 0);
		assert.equal(load.weightAt(0), weight, text);
	}
});
