import assert from "node:assert/strict";
import { test } from "node:test";
import { rejectionShare, SuccessWindow } from "./success-window.ts";

const terms = { threshold: 0.95, aggression: 1, maximum: 0.8 };

test("requests are counted until the window has passed over them", () => {
	const window = new SuccessWindow(3000);
	window.record(true, 0);
	window.record(false, 500);
	window.record(false, 2000);
	assert.deepEqual(window.read(2500), { requests: 3, successes: 1, rate: 1 });
	assert.deepEqual(window.read(3000), { requests: 1, successes: 0, rate: 1 });
	assert.deepEqual(window.read(9000), { requests: 0, successes: 0, rate: 0 });
});

test("nothing is refused while as many succeed as the threshold says", () => {
	assert.equal(rejectionShare({ requests: 100, successes: 95 }, terms), 0);
	assert.equal(rejectionShare({ requests: 0, successes: 0 }, terms), 0);
});

test("the worse it gets, the more is refused, up to the maximum", () => {
	assert.equal(rejectionShare({ requests: 99, successes: 57 }, terms), 0.39);
	assert.equal(rejectionShare({ requests: 99, successes: 0 }, terms), 0.8);
	assert.ok(rejectionShare({ requests: 99, successes: 57 }, { ...terms, aggression: 2 }) > 0.6);
});
