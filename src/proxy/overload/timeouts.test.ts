import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createScaledTimeouts } from "./index.ts";

const scales = [
	{ timer: "connection-idle", minimum: { kind: "time", ms: 100 } },
	{ timer: "stream-idle", minimum: { kind: "share", share: 0.2 } },
	{ timer: "transport-connect", minimum: { kind: "time", ms: 10 } },
] as const;

test("pressure brings a timeout from its full length to its least", () => {
	const timeouts = createScaledTimeouts(scales, createFakeClock());
	const connection = timeouts.of("connection-idle", 1_100);
	const stream = timeouts.of("stream-idle", 1_000);
	assert.deepEqual([connection.ms, stream.ms], [1_100, 1_000]);
	timeouts.setPressure(0.5);
	assert.deepEqual([connection.ms, stream.ms], [600, 600]);
	timeouts.setPressure(1);
	assert.deepEqual([connection.ms, stream.ms], [100, 200]);
	assert.equal(timeouts.of("connection-idle", 50).ms, 50, "what is shorter than the least stays");
	assert.equal(timeouts.of("connection-idle", 0).ms, Number.POSITIVE_INFINITY, "0 turns it off");
});

test("who waits is told, until that is over", () => {
	const timeouts = createScaledTimeouts(scales, createFakeClock());
	let told = 0;
	const stop = timeouts.onChange(() => told++);
	timeouts.setPressure(0.5);
	timeouts.setPressure(0.5);
	assert.equal(told, 1);
	stop();
	timeouts.setPressure(0);
	assert.equal(told, 1);
});

test("a timer that runs is moved", () => {
	const clock = createFakeClock();
	const timeouts = createScaledTimeouts(scales, clock);
	let fired = 0;
	timeouts.setTimer("transport-connect", 1_000, () => fired++);
	clock.advance(500);
	assert.equal(fired, 0);
	timeouts.setPressure(1);
	clock.advance(0);
	assert.equal(fired, 1);
	const timer = timeouts.setTimer("transport-connect", 1_000, () => fired++);
	timer.cancel();
	clock.advance(5_000);
	assert.equal(fired, 1);
});
