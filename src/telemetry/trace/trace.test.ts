import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, getHeader, type HeaderList, type Random } from "../../core/index.ts";
import { decideSampling } from "./sampling.ts";
import {
	continueTrace,
	createChildContext,
	formatTraceParent,
	formatTraceState,
	injectTrace,
	parseTraceParent,
	parseTraceState,
} from "./trace-context.ts";

const parentText = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const never = (): boolean => assert.fail("the caller decided already");

test("a request continues the trace of its headers with a span of its own", () => {
	const headers: HeaderList = [
		"traceparent",
		parentText,
		"tracestate",
		"congo=t61rcWkgMzE",
		"x",
		"1",
		"tracestate",
		"rojo=00f067aa0ba902b7",
	];
	const context = continueTrace(headers, createSeededRandom(1), never);
	assert.equal(context.traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
	assert.equal(context.parentSpanId, "00f067aa0ba902b7");
	assert.match(context.spanId, /^[0-9a-f]{16}$/);
	assert.notEqual(context.spanId, context.parentSpanId);
	assert.equal(context.sampled, true);
	injectTrace(headers, context);
	assert.equal(getHeader(headers, "traceparent"), `00-4bf92f3577b34da6a3ce929d0e0e4736-${context.spanId}-01`);
	assert.equal(getHeader(headers, "tracestate"), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
	const child = createChildContext(context, createSeededRandom(2));
	assert.deepEqual([child.traceId, child.parentSpanId], [context.traceId, context.spanId]);
});

test("a request without a usable traceparent begins a trace, and the sampling decision is asked for", () => {
	for (const bad of [
		undefined,
		"",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		`${parentText}-more`,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
	]) {
		const headers: HeaderList = bad === undefined ? [] : ["traceparent", bad, "tracestate", "a=1"];
		const context = continueTrace(headers, createSeededRandom(3), () => false);
		assert.match(formatTraceParent(context), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, String(bad));
		assert.equal(context.parentSpanId, "");
		injectTrace(headers, context);
		assert.equal(getHeader(headers, "tracestate"), undefined, "a trace that begins here has no state of others");
	}
});

test("a later version of traceparent is understood by its first fields", () => {
	assert.deepEqual(parseTraceParent(`01${parentText.slice(2)}-future`), {
		traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
		spanId: "00f067aa0ba902b7",
		sampled: true,
	});
});

test("ids are never all zero and rarely meet", () => {
	const zeros: Random = { next: () => 0 };
	assert.match(continueTrace([], zeros, () => true).traceId, /^0{31}1$/);
	const random = createSeededRandom(4);
	const ids = new Set(Array.from({ length: 10_000 }, () => continueTrace([], random, () => true).spanId));
	assert.equal(ids.size, 10_000);
});

test("a broken tracestate is dropped whole, a long one is cut between members", () => {
	for (const bad of [
		"a",
		"a=",
		"A=1",
		"a=1,a=2",
		"a=b=c",
		"é=1",
		Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(","),
	]) {
		assert.equal(parseTraceState(bad), undefined, bad);
	}
	assert.deepEqual(parseTraceState(" a=1 ,\t, b@c=2"), [
		["a", "1"],
		["b@c", "2"],
	]);
	const members = parseTraceState(Array.from({ length: 10 }, (_, index) => `k${index}=${"v".repeat(98)}`).join(","))!;
	assert.equal(members.length, 10);
	const text = formatTraceState(members);
	assert.ok(text.length <= 512);
	assert.equal(parseTraceState(text)?.length, 5);
});

test("sampling is decided in Envoy's order", () => {
	const draws = (...values: number[]): Random => ({ next: () => values.shift() ?? assert.fail("one draw too many") });
	const config = { clientSampling: 1, randomSampling: 0.1, overallSampling: 1 };
	const facts = { forced: false, clientTraceId: false, healthCheck: false };
	assert.equal(decideSampling(config, { ...facts, healthCheck: true, forced: true }, draws()).reason, "health-check");
	assert.equal(decideSampling(config, { ...facts, forced: true }, draws()).reason, "service-forced");
	assert.equal(decideSampling(config, { ...facts, clientTraceId: true }, draws(0.5)).reason, "client-enabled");
	assert.equal(decideSampling(config, facts, draws(0.05)).reason, "random-sampling");
	assert.deepEqual(decideSampling(config, facts, draws(0.1)), { sampled: false, reason: "not-traceable" });
	assert.equal(
		decideSampling({ ...config, overallSampling: 0.5 }, { ...facts, forced: true }, draws(0.7)).sampled,
		false,
	);
});

test("blanks in the midst of a tracestate take a time that grows with them alone", () => {
	// What grows with their square would not end for hours.
	assert.equal(parseTraceState(`a=1${" ".repeat(4_000_000)}b`), undefined);
	assert.deepEqual(parseTraceState(" \ta=1\t , b=2\t"), [
		["a", "1"],
		["b", "2"],
	]);
});
