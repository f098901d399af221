import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeRequest, makeStream } from "../../../test/support/streams.ts";
import { createFailedRequests } from "./index.ts";

const failed = (id: string, status = 503) =>
	makeStream(makeRequest("GET /a?token=secret", `x-request-id: ${id}`, "authorization: secret"), {
		responseCode: status,
	});

test("failures are kept by request id, newest first, without queries and header values; others are not", () => {
	const list = createFailedRequests(createFakeClock());
	list.see(failed("a"));
	list.see(failed("b", 200));
	list.see(failed("c", 404));
	const all = list.list(undefined, 10);
	assert.deepEqual(
		all.map((text) => (JSON.parse(text) as { request_id: string }).request_id),
		["c", "a"],
	);
	assert.doesNotMatch(all.join(), /secret/);
	assert.equal(list.list("a", 10).length, 1);
	assert.equal(list.list("b", 10).length, 0);
	assert.equal(list.list(undefined, 1).length, 1);
});

test("there is a bound for all of them and for those of a second", () => {
	const clock = createFakeClock();
	const list = createFailedRequests(clock);
	for (let at = 0; at < 600; at++) list.see(failed(`x${at}`));
	assert.equal(list.skipped, 100);
	for (let second = 0; second < 3; second++) {
		clock.advance(1_000);
		for (let at = 0; at < 400; at++) list.see(failed(`${second}-${at}`));
	}
	assert.equal(list.list(undefined, 9_999).length, 1_000);
});

test("what another thread kept is taken over once", () => {
	const clock = createFakeClock();
	const worker = createFailedRequests(clock);
	const main = createFailedRequests(clock);
	worker.see(failed("a"));
	main.add(worker.takeNew());
	main.add(worker.takeNew());
	worker.see(failed("b"));
	main.add(worker.takeNew());
	assert.equal(main.list(undefined, 10).length, 2);
});
