import assert from "node:assert/strict";
import { test } from "node:test";
import {
	CircuitBreaker,
	type CircuitBreakerGauges,
	type CircuitBreakerThresholds,
	type RemainingGauges,
} from "./index.ts";

const defaults: CircuitBreakerThresholds = {
	maxConnections: 1024,
	maxPendingRequests: 1024,
	maxRequests: 1024,
	maxRetries: 3,
	retryBudget: undefined,
	trackRemaining: false,
	maxConnectionPools: -1,
};

function create(options: Partial<CircuitBreakerThresholds> = {}) {
	const gauge = (): { value: number } => ({ value: 0 });
	const open: CircuitBreakerGauges = {
		cx_open: gauge(),
		cx_pool_open: gauge(),
		rq_open: gauge(),
		rq_pending_open: gauge(),
		rq_retry_open: gauge(),
	};
	const remaining: RemainingGauges = {
		remaining_cx: gauge(),
		remaining_cx_pools: gauge(),
		remaining_pending: gauge(),
		remaining_retries: gauge(),
		remaining_rq: gauge(),
	};
	return { breaker: new CircuitBreaker({ ...defaults, ...options }, open, remaining), open, remaining };
}

test("each limit holds on its own and opens its own gauge", () => {
	const { breaker, open } = create({ maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxConnectionPools: 1 });
	assert.deepEqual([breaker.tryAcquireConnection(), breaker.tryAcquireConnection()], [true, false]);
	assert.deepEqual(
		[breaker.tryAcquirePending(), breaker.tryAcquirePending(), breaker.tryAcquirePending()],
		[true, true, false],
	);
	assert.deepEqual([breaker.tryAcquirePool(), breaker.tryAcquirePool()], [true, false]);
	assert.deepEqual([open.cx_open.value, open.rq_pending_open.value, open.cx_pool_open.value], [1, 1, 1]);
	assert.deepEqual([open.rq_open.value, open.rq_retry_open.value], [0, 0]);
	breaker.releaseConnection();
	breaker.releasePending();
	breaker.releasePool();
	assert.deepEqual([open.cx_open.value, open.rq_pending_open.value, open.cx_pool_open.value], [0, 0, 0]);
	assert.equal(breaker.tryAcquireConnection(), true);
});

test("connection pools without a limit leave what Envoy leaves of 64 bits", () => {
	const { breaker, remaining } = create();
	assert.equal(remaining.remaining_cx_pools.exact, 18446744073709551615n);
	breaker.tryAcquirePool();
	assert.equal(remaining.remaining_cx_pools.exact, 18446744073709551614n);
});

test("a limit of 0 lets nothing through, and is not shown as open", () => {
	const { breaker, open } = create({ maxRequests: 0 });
	assert.equal(breaker.tryAcquireRequest(), false);
	assert.equal(open.rq_open.value, 0);
});

test("what remains is shown", () => {
	const { breaker, remaining } = create({ maxRequests: 5, maxRetries: 2 });
	assert.deepEqual([remaining.remaining_rq.value, remaining.remaining_retries.value], [5, 2]);
	assert.deepEqual([remaining.remaining_cx.value, remaining.remaining_pending.value], [1024, 1024]);
	breaker.tryAcquireRequest();
	breaker.tryAcquireRetry();
	assert.deepEqual([remaining.remaining_rq.value, remaining.remaining_retries.value], [4, 1]);
});

test("without a budget three retries may be in flight", () => {
	const { breaker, open } = create();
	const tries = Array.from({ length: 4 }, () => breaker.tryAcquireRetry());
	assert.deepEqual(tries, [true, true, true, false]);
	assert.equal(open.rq_retry_open.value, 1);
	breaker.releaseRetry();
	assert.equal(breaker.tryAcquireRetry(), true);
});

test("a retry budget is a share of the active and pending requests, but not below its minimum", () => {
	const table: [requests: number, pending: number, allowed: number][] = [
		[0, 0, 3],
		[10, 0, 3],
		[20, 0, 4],
		[90, 10, 20],
		[99, 0, 19],
	];
	for (const [requests, pending, allowed] of table) {
		const retryBudget = { budgetPercent: 20, minRetryConcurrency: 3 };
		const { breaker, remaining } = create({ retryBudget, maxRetries: 1 });
		for (let index = 0; index < requests; index++) breaker.tryAcquireRequest();
		for (let index = 0; index < pending; index++) breaker.tryAcquirePending();
		let acquired = 0;
		while (breaker.tryAcquireRetry()) acquired++;
		assert.equal(acquired, allowed, `${requests} active, ${pending} pending`);
		assert.equal(remaining.remaining_retries.value, 0);
	}
});

test("the runtime changes limits while they are in use", () => {
	const values = new Map<string, unknown>();
	const runtime = { get: (key: string) => values.get(key), version: 0 };
	const { open } = create();
	const thresholds = { ...defaults, maxRequests: 1 };
	const breaker = new CircuitBreaker(thresholds, open, undefined, undefined, { runtime, prefix: "cb.c1.default" });
	assert.equal(breaker.tryAcquireRequest(), true);
	assert.equal(breaker.tryAcquireRequest(), false);
	values.set("cb.c1.default.max_requests", 2);
	runtime.version++;
	assert.equal(breaker.tryAcquireRequest(), true);
	assert.equal(breaker.tryAcquireRequest(), false);
});

test("the limits that are reached are told with what they allow", () => {
	const { open } = create();
	const breaker = new CircuitBreaker({ ...defaults, maxPendingRequests: 1, maxConnections: 2, maxRetries: 0 }, open);
	assert.equal(breaker.describeReached("use"), "");
	breaker.tryAcquireConnection();
	breaker.tryAcquirePending();
	assert.equal(breaker.describeReached("use"), "max_pending_requests 1");
	breaker.tryAcquireConnection();
	assert.equal(breaker.describeReached("use"), "max_pending_requests 1, max_connections 2");
	assert.equal(breaker.describeReached("retries"), "max_retries 0");
});
