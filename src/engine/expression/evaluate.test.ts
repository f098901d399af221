import assert from "node:assert/strict";
import { test } from "node:test";
import { createConnectionFacts, createStreamInfo } from "../format/index.ts";
import {
	type Expression,
	evaluate,
	formatValue,
	isFailure,
	matchesExpression,
	readAttribute,
	Span,
	Unsigned,
} from "./index.ts";

const address = { text: "127.0.0.1:1234", ip: "127.0.0.1", port: 1234 };
const stream = createStreamInfo({ ...createConnectionFacts(address, address), id: 7 }, 0, 1_700_000_000_000);
stream.request = {
	method: "GET",
	path: "/a?x=1#f",
	authority: "host.test",
	scheme: "http",
	headers: ["x-a", "1", "x-a", "2"],
	upgrade: undefined,
};
stream.dynamicMetadata = new Map([["ns", { list: [1, 2], inner: { key: "v" } }]]);

const value = (of: Extract<Expression, { kind: "constant" }>["value"]): Expression => ({ kind: "constant", value: of });
const call = (name: string, ...args: Expression[]): Expression => ({ kind: "call", name, args });
const result = (name: string, ...args: Extract<Expression, { kind: "constant" }>["value"][]) =>
	evaluate(call(name, ...args.map(value)), stream);

test("attributes are read by their paths", () => {
	assert.equal(readAttribute("request.path", stream), "/a?x=1#f");
	assert.equal(readAttribute("request.query", stream), "x=1");
	assert.equal(readAttribute("request.headers.x-a", stream), "1,2");
	assert.equal(readAttribute("source.port", stream), 1234n);
	assert.equal(readAttribute("metadata.filter_metadata.ns.inner.key", stream), "v");
	assert.equal(readAttribute("request.referer", stream), undefined);
	assert.equal(readAttribute("request.path.more", stream), undefined);
	assert.deepEqual(readAttribute("connection.id", stream), new Unsigned(7n));
});

test("whole numbers do not wrap and are not divided by zero", () => {
	assert.equal(result("_+_", 1n, 2n), 3n);
	for (const failing of [
		result("_+_", 2n ** 63n - 1n, 1n),
		result("_/_", 1n, 0n),
		result("_%_", 1n, 0n),
		result("_-_", new Unsigned(1n), new Unsigned(2n)),
		result("_+_", 1n, 1.5),
	]) {
		assert.ok(isFailure(failing));
	}
});

test("numbers of different types are compared by size, values of other types are never equal", () => {
	assert.equal(result("_==_", 1n, 1), true);
	assert.equal(result("_==_", new Unsigned(1n), 1n), true);
	assert.equal(result("_<_", 1n, 1.5), true);
	assert.equal(result("_==_", 1n, "1"), false);
	assert.equal(result("_<_", "a", "b"), true);
	assert.ok(isFailure(result("_<_", 1n, "b")));
});

test("an error decides nothing that another side decides", () => {
	const failing = call("_/_", value(1n), value(0n));
	assert.equal(matchesExpression(call("_||_", failing, value(true)), stream), true);
	assert.equal(evaluate(call("_&&_", failing, value(false)), stream), false);
	assert.equal(matchesExpression(call("_||_", failing, value(false)), stream), false);
	assert.ok(isFailure(evaluate(call("_&&_", failing, value(true)), stream)));
});

test("times and durations are calculated with", () => {
	assert.deepEqual(result("duration", "1h30m"), new Span(5_400_000_000_000n));
	assert.deepEqual(
		result(
			"_-_",
			evaluate(call("timestamp", value("2024-01-01T00:00:01Z")), stream),
			evaluate(call("timestamp", value("2024-01-01T00:00:00Z")), stream),
		),
		new Span(1_000_000_000n),
	);
	assert.equal(
		evaluate(call("getHours", call("timestamp", value("2024-06-01T23:00:00Z")), value("+02:00")), stream),
		1n,
	);
	assert.equal(
		evaluate(call("getHours", call("timestamp", value("2024-06-01T23:00:00Z")), value("Europe/Berlin")), stream),
		1n,
	);
	assert.ok(isFailure(result("timestamp", "yesterday")));
	assert.ok(isFailure(result("duration", "1 hour")));
});

test("maps and lists are looked into", () => {
	const map: Expression = { kind: "map", entries: [[value("a"), value(1n)]] };
	const list: Expression = { kind: "list", elements: [value("a"), value("b")] };
	assert.equal(evaluate(call("_[_]", map, value("a")), stream), 1n);
	assert.ok(isFailure(evaluate(call("_[_]", map, value("b")), stream)));
	assert.equal(evaluate(call("@in", value("b"), list), stream), true);
	assert.equal(evaluate(call("size", list), stream), 2n);
	assert.equal(evaluate({ kind: "select", operand: map, field: "b", isTest: true }, stream), false);
	assert.ok(isFailure(evaluate(call("_[_]", list, value(5n)), stream)));
});

test("values are printed as Envoy prints them", () => {
	assert.equal(formatValue(null), "NULL");
	assert.equal(formatValue(new Unsigned(5n)), "5");
	assert.equal(formatValue([]), "CelList value");
	assert.equal(formatValue(Buffer.from("ab")), "ab");
});
