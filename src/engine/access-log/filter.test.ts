import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, type Random } from "../../core/index.ts";
import { type ConnectionFacts, createStreamInfo, ResponseFlag, type StreamInfo } from "../format/index.ts";
import { createRuntime, emptyRuntime } from "../runtime/index.ts";
import { compileAccessLogFilter } from "./filter.ts";
import type { AccessLogFilter } from "./types.ts";

const random = createSeededRandom(1);

function streamOf(fields: Partial<StreamInfo>): StreamInfo {
	return Object.assign(createStreamInfo({} as ConnectionFacts, 1_000, 0), { protocol: "HTTP/1.1" }, fields);
}

function takes(filter: AccessLogFilter, fields: Partial<StreamInfo>, draw: Random = random): boolean {
	return compileAccessLogFilter(filter, emptyRuntime)(streamOf(fields), draw);
}

test("a status is compared as the filter says, or as the runtime overrides", () => {
	const atLeast: AccessLogFilter = {
		kind: "status-code",
		comparison: { operator: "greater-or-equal", value: 400, runtimeKey: "log.status" },
	};
	assert.deepEqual(
		[0, 399, 400, 503].map((responseCode) => takes(atLeast, { responseCode })),
		[false, false, true, true],
	);
	const overridden = compileAccessLogFilter(atLeast, createRuntime([{ log: { status: 500 } }]));
	assert.equal(overridden(streamOf({ responseCode: 404 }), random), false);
	const equal: AccessLogFilter = { kind: "status-code", comparison: { operator: "equal", value: 200, runtimeKey: "" } };
	assert.deepEqual(
		[200, 201].map((responseCode) => takes(equal, { responseCode })),
		[true, false],
	);
});

test("a duration is whole milliseconds of a stream that ended", () => {
	const filter: AccessLogFilter = {
		kind: "duration",
		comparison: { operator: "less-or-equal", value: 5, runtimeKey: "" },
	};
	assert.deepEqual(
		[1_005.9, 1_006, -1].map((endedAt) => takes(filter, { endedAt })),
		[true, false, false],
	);
});

test("flags match any of those named, or any at all", () => {
	const named: AccessLogFilter = {
		kind: "response-flag",
		flags: ResponseFlag.noHealthyUpstream | ResponseFlag.noRouteFound,
	};
	const any: AccessLogFilter = { kind: "response-flag", flags: 0 };
	const flags = [0, ResponseFlag.noRouteFound, ResponseFlag.faultInjected, ResponseFlag.unconditionalDropOverload];
	assert.deepEqual(
		flags.map((responseFlags) => takes(named, { responseFlags })),
		[false, true, false, false],
	);
	assert.deepEqual(
		flags.map((responseFlags) => takes(any, { responseFlags })),
		[false, true, true, true],
	);
});

test("and, or, headers, health checks, traces and log types combine", () => {
	const header: AccessLogFilter = {
		kind: "header",
		matcher: { name: "x-a", invert: false, treatMissingAsEmpty: false, value: { kind: "present", present: true } },
	};
	const request = {
		method: "GET",
		path: "/",
		authority: "a",
		scheme: "http",
		headers: ["x-a", "1"],
		upgrade: undefined,
	};
	const both: AccessLogFilter = { kind: "and", filters: [header, { kind: "not-health-check" }] };
	assert.equal(takes(both, { request }), true);
	assert.equal(takes(both, { request, healthCheck: true }), false);
	assert.equal(
		takes({ kind: "or", filters: [both, { kind: "traceable" }] }, { healthCheck: true, traceSampled: true }),
		true,
	);
	assert.equal(takes(header, { request: undefined }), false);
	const tcp: AccessLogFilter = { kind: "log-type", types: ["TcpConnectionEnd"], exclude: false };
	assert.deepEqual(
		["", "HTTP/1.1"].map((protocol) => takes(tcp, { protocol })),
		[true, false],
	);
});

test("a share is decided by the request id alike on every hop, or by chance", () => {
	const filter = {
		kind: "runtime",
		runtimeKey: "",
		numerator: 50,
		denominator: 100,
		independentRandomness: false,
	} satisfies AccessLogFilter;
	const none: Random = { next: () => assert.fail("the request id decides") };
	assert.equal(takes(filter, { streamId: "00000031-0000-4000-8000-000000000000" }, none), true);
	assert.equal(takes(filter, { streamId: "00000032-0000-4000-8000-000000000000" }, none), false);
	const chance: AccessLogFilter = { ...filter, independentRandomness: true };
	assert.equal(takes(chance, { streamId: "00000032" }, { next: () => 0.49 }), true);
	assert.equal(takes(chance, { streamId: "00000031" }, { next: () => 0.5 }), false);
});

test("a gRPC status is the stream's own or that of its HTTP status", () => {
	const filter: AccessLogFilter = { kind: "grpc-status", statuses: [14], exclude: false };
	assert.equal(takes(filter, { grpcStatus: 14 }), true);
	assert.equal(takes(filter, { responseCode: 503 }), true);
	assert.equal(takes(filter, { responseCode: 503, grpcStatus: 0 }), false);
	assert.equal(takes({ ...filter, exclude: true }, { grpcStatus: 0 }), true);
});

test("metadata that is absent follows the filter's default", () => {
	const matcher = { namespace: "n", path: ["a"], value: { kind: "bool", value: true }, invert: false } as const;
	const filter: AccessLogFilter = { kind: "metadata", matcher, matchIfKeyNotFound: true };
	assert.equal(takes(filter, { dynamicMetadata: undefined }), true);
	assert.equal(takes({ ...filter, matchIfKeyNotFound: false }, { dynamicMetadata: new Map([["n", {}]]) }), false);
	assert.equal(takes(filter, { dynamicMetadata: new Map([["n", { a: false }]]) }), false);
	assert.equal(takes(filter, { dynamicMetadata: new Map([["n", { a: true }]]) }), true);
});
