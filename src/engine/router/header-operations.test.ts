import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, forward, makeRoutes, makeRouteTable } from "../../../test/support/route-tables.ts";
import { prepareRequest } from "./index.ts";

const add = (key: string, value: string, append_action?: string, more = {}) => ({
	header: { key, value },
	...(append_action === undefined ? {} : { append_action }),
	...more,
});

function applied(additions: readonly unknown[], ...fields: string[]): string[] {
	const route = forward({ prefix: "/" }, {}, { request_headers_to_add: additions });
	const { entry, request, stream } = decide(makeRoutes(route), "GET /p?q", fields);
	assert.ok(entry);
	prepareRequest(entry, request, stream, { insertOriginalPath: true });
	return request.headers;
}

for (const [action, none, one, two] of [
	["APPEND_IF_EXISTS_OR_ADD", ["new"], ["old", "new"], ["a", "b", "new"]],
	["ADD_IF_ABSENT", ["new"], ["old"], ["a", "b"]],
	["OVERWRITE_IF_EXISTS_OR_ADD", ["new"], ["new"], ["new"]],
	["OVERWRITE_IF_EXISTS", [], ["new"], ["new"]],
] as const) {
	test(`${action} does what it says to no, one and two fields`, () => {
		const values = (...fields: string[]) =>
			applied([add("x", "new", action)], ...fields).filter((_part, index) => index % 2 === 1);
		assert.deepEqual(values(), none);
		assert.deepEqual(values("x: old"), one);
		assert.deepEqual(values("x: a", "x: b"), two);
	});
}

test("the older boolean chooses between append and overwrite", () => {
	assert.deepEqual(applied([add("x", "new", undefined, { append: false })], "x: old"), ["x", "new"]);
	assert.deepEqual(applied([add("x", "new", undefined, { append: true })], "x: old"), ["x", "old", "x", "new"]);
});

test("an empty value adds nothing unless it is kept", () => {
	assert.deepEqual(applied([add("x", "%REQ(x-none)%"), add("y", "", undefined, { keep_empty_value: true })]), [
		"y",
		"",
	]);
});

test("values are formatted from the request as it came", () => {
	const additions = [
		add("x-a", "%REQ(x-in)%-%REQ(:path)%"),
		add("x-in", "changed", "OVERWRITE_IF_EXISTS_OR_ADD"),
		add("x-b", "%REQ(x-in)%"),
	];
	assert.deepEqual(applied(additions, "x-in: v"), ["x-in", "changed", "x-a", "v-/p?q", "x-b", "v"]);
});

const level = (name: string) => ({
	request_headers_to_add: [add("x-level", name), add("x-over", name, "OVERWRITE_IF_EXISTS_OR_ADD")],
	request_headers_to_remove: [`x-drop-${name}`],
});
const levels = (wins: boolean) =>
	makeRouteTable({
		...level("table"),
		most_specific_header_mutations_wins: wins,
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				...level("host"),
				routes: [
					forward(
						{ prefix: "/" },
						{ weighted_clusters: { clusters: [{ name: "c", weight: 1, ...level("cluster") }] } },
						level("route"),
					),
				],
			},
		],
	});

for (const [wins, order] of [
	[false, ["cluster", "route", "host", "table"]],
	[true, ["cluster", "table", "host", "route"]],
] as const) {
	test(`levels run ${order.join(", ")} when the most specific ${wins ? "wins" : "does not win"}`, () => {
		const { entry, request, stream } = decide(levels(wins), "GET /", [
			"x-drop-route: 1",
			"x-drop-table: 1",
			"x-keep: 1",
		]);
		assert.ok(entry);
		prepareRequest(entry, request, stream, { insertOriginalPath: true });
		const values = (name: string) =>
			request.headers.filter((_value, index) => request.headers[index - 1] === name && index % 2 === 1);
		assert.deepEqual(values("x-level"), [...order]);
		assert.deepEqual(values("x-over"), [order.at(-1)]);
		assert.deepEqual(values("x-keep"), ["1"]);
		assert.deepEqual([...values("x-drop-route"), ...values("x-drop-table")], []);
	});
}

test("response headers are operated on alike", () => {
	const route = forward(
		{ prefix: "/" },
		{},
		{
			response_headers_to_add: [add("x-r", "%RESPONSE_CODE%")],
			response_headers_to_remove: ["X-Gone"],
		},
	);
	const { entry, stream } = decide(makeRoutes(route), "GET /");
	assert.ok(entry);
	const headers = ["x-gone", "1", "x-stay", "2"];
	entry.responseHeaders.apply(headers, { ...stream, responseCode: 201 });
	assert.deepEqual(headers, ["x-stay", "2", "x-r", "201"]);
});

test("no formatted value ends its line, also not once it is cut down to latin1", () => {
	const fields = "\r\nset-cookie: a\u010d\u010ab\0";
	const route = forward({ prefix: "/" }, {}, { request_headers_to_add: [add("y", "%REQ(x)%")] });
	const { entry, request, stream } = decide(makeRoutes(route), "GET /", [`x: a`]);
	request.headers[1] = fields;
	prepareRequest(entry!, request, stream, { insertOriginalPath: true });
	assert.equal(request.headers.at(-1), "__set-cookie: a__b_");
});
