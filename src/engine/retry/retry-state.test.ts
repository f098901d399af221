import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import type { RequestHead } from "../format/index.ts";
import { type AttemptReset, parseRetryOn, type RetryPolicy, RetryState } from "./index.ts";

function createPolicy(retryOn: string, more: Partial<RetryPolicy> = {}): RetryPolicy {
	return {
		retryOn: parseRetryOn(retryOn),
		numRetries: 1,
		perTryTimeoutMs: 0,
		perTryIdleTimeoutMs: 0,
		retriableStatusCodes: [],
		backOffBaseMs: 25,
		backOffMaxMs: 250,
		rateLimitedBackOff: undefined,
		retriableHeaders: [],
		retriableRequestHeaders: [],
		hostPredicates: [],
		previousPrioritiesUpdateFrequency: undefined,
		hostSelectionMaxAttempts: 1,
		...more,
	};
}

function createRequest(...headers: string[]): RequestHead {
	return { method: "GET", path: "/", authority: "a", scheme: "http", headers, upgrade: undefined };
}

function stateOf(policy: RetryPolicy, ...headers: string[]): RetryState {
	const state = RetryState.create(policy, createRequest(...headers));
	assert.ok(state !== undefined);
	return state;
}

test("headers of answers matter when the policy or the request asks for them", () => {
	assert.equal(stateOf(createPolicy("5xx")).readsHeaders, false);
	assert.equal(stateOf(createPolicy("retriable-headers")).readsHeaders, false);
	assert.equal(stateOf(createPolicy("unavailable")).readsHeaders, true);
	assert.equal(stateOf(createPolicy("5xx"), "x-envoy-retry-grpc-on", "internal").readsHeaders, true);
	const asked = ["x-envoy-retry-on", "retriable-headers", "x-envoy-retriable-header-names", "x-again"];
	assert.equal(stateOf(createPolicy("5xx"), ...asked).readsHeaders, true);
	assert.equal(stateOf(createPolicy("5xx"), ...asked).wantsResponse(451, ["x-again", "1"]), true);
});

test("each condition takes the responses it is for", () => {
	const table: readonly (readonly [retryOn: string, status: number, headers: string[], expected: boolean])[] = [
		["5xx", 500, [], true],
		["5xx", 599, [], true],
		["5xx", 499, [], false],
		["gateway-error", 500, [], false],
		["gateway-error", 502, [], true],
		["gateway-error", 504, [], true],
		["retriable-4xx", 409, [], true],
		["retriable-4xx", 404, [], false],
		["connect-failure", 503, [], false],
		["5xx", 503, ["x-envoy-ratelimited", "true"], false],
		["envoy-ratelimited", 429, ["x-envoy-ratelimited", "true"], true],
		["unavailable", 200, ["grpc-status", "14"], true],
		["unavailable", 200, ["grpc-status", "13"], false],
		["internal,cancelled", 200, ["grpc-status", "1"], true],
	];
	for (const [retryOn, status, headers, expected] of table) {
		assert.equal(
			stateOf(createPolicy(retryOn)).wantsResponse(status, headers),
			expected,
			`${retryOn} ${status} ${headers}`,
		);
	}
});

test("each condition takes the resets it is for", () => {
	const table: readonly (readonly [retryOn: string, reset: AttemptReset, started: boolean, expected: boolean])[] = [
		["reset", "reset", true, true],
		["reset", "overflow", true, false],
		["5xx", "connect-failure", false, true],
		["gateway-error", "reset", true, true],
		["connect-failure", "connect-failure", false, true],
		["connect-failure", "reset", true, false],
		["reset-before-request", "reset", false, true],
		["reset-before-request", "reset", true, false],
		["refused-stream", "refused-stream", true, true],
		["refused-stream", "reset", true, false],
	];
	for (const [retryOn, reset, started, expected] of table) {
		assert.equal(stateOf(createPolicy(retryOn)).wantsReset(reset, started), expected, `${retryOn} ${reset} ${started}`);
	}
});

test("a request's own headers add conditions, codes, names and a limit", () => {
	const none = createPolicy("");
	assert.equal(RetryState.create(none, createRequest()), undefined);
	assert.equal(RetryState.create(none, createRequest("x-envoy-retry-on", "nonsense")), undefined);
	assert.ok(stateOf(none, "x-envoy-retry-on", "gateway-error, 5xx").wantsResponse(500, []));
	assert.ok(stateOf(none, "x-envoy-retry-grpc-on", "unavailable").wantsResponse(200, ["grpc-status", "14"]));
	const codes = stateOf(
		none,
		"x-envoy-retry-on",
		"retriable-status-codes",
		"x-envoy-retriable-status-codes",
		"418, 420",
	);
	assert.ok(codes.wantsResponse(420, []));
	assert.ok(!codes.wantsResponse(421, []));
	const names = stateOf(none, "x-envoy-retry-on", "retriable-headers", "x-envoy-retriable-header-names", "X-Again");
	assert.ok(names.wantsResponse(200, ["x-again", "1"]));
	const limited = stateOf(createPolicy("5xx"), "x-envoy-max-retries", "2");
	assert.deepEqual([limited.take(), limited.take(), limited.take()], [true, true, false]);
});

test("request headers that do not match turn retries off", () => {
	const policy = createPolicy("5xx", {
		retriableRequestHeaders: [
			{
				name: ":method",
				invert: false,
				treatMissingAsEmpty: false,
				value: { kind: "string", matcher: { kind: "exact", value: "PUT", ignoreCase: false } },
			},
		],
	});
	assert.equal(RetryState.create(policy, createRequest()), undefined);
});

test("back-off doubles up to its maximum and stays below it", () => {
	const random = createSeededRandom(3);
	const state = stateOf(createPolicy("5xx", { numRetries: 50 }));
	let ceiling = 25;
	for (let attempt = 0; attempt < 50; attempt++) {
		const { delayMs, rateLimited } = state.nextBackOff(random, 0, undefined);
		assert.ok(delayMs >= 0 && delayMs < ceiling, `attempt ${attempt}: ${delayMs} of ${ceiling}`);
		assert.equal(rateLimited, false);
		ceiling = Math.min(ceiling * 2, 250);
	}
});

test("a rate-limited response says itself when to return, within bounds", () => {
	const policy = createPolicy("5xx", {
		rateLimitedBackOff: {
			resetHeaders: [
				{ name: "retry-after", format: "seconds" },
				{ name: "x-reset", format: "unix-timestamp" },
			],
			maxIntervalMs: 60_000,
		},
	});
	const random = createSeededRandom(5);
	const after = stateOf(policy).nextBackOff(random, 0, ["retry-after", "2"]);
	assert.ok(after.rateLimited && after.delayMs >= 2000 && after.delayMs < 3000);
	const at = stateOf(policy).nextBackOff(random, 1_000_000, ["x-reset", "1003"]);
	assert.ok(at.rateLimited && at.delayMs >= 3000 && at.delayMs < 4500);
	for (const headers of [
		["retry-after", "3600"],
		["retry-after", "soon"],
		["x-reset", "5"],
	]) {
		assert.equal(stateOf(policy).nextBackOff(random, 1_000_000, headers).rateLimited, false, String(headers));
	}
});
