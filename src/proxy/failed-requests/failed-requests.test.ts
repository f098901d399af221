import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeConnection, makeRequest, makeStream } from "../../../test/support/streams.ts";
import { createStreamInfo } from "../../engine/format/index.ts";
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
	assert.equal(list.countSkipped(), 100);
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

test("connections that were refused are listed among the failures by time, and never push requests out", () => {
	const clock = createFakeClock();
	const list = createFailedRequests(clock);
	const facts = makeConnection({ transportFailureReason: "TLS_error:|1:WRONG_VERSION_NUMBER" });
	list.see(failed("first"));
	for (let second = 0; second < 4; second++) {
		clock.advance(1_000);
		for (let at = 0; at < 400; at++) list.seeRefused(createStreamInfo(facts, clock.now(), clock.wall()));
	}
	clock.advance(1_000);
	list.see(failed("last"));
	const all = list.list(undefined, 9_999).map((text) => JSON.parse(text) as Record<string, unknown>);
	assert.equal(all.length, 1_002);
	assert.deepEqual([all[0]!["request_id"], all.at(-1)!["request_id"]], ["last", "first"]);
	assert.deepEqual([all[1]!["method"], all[1]!["caller_failure"]], [null, "TLS_error:|1:WRONG_VERSION_NUMBER"]);
	const other = createFailedRequests(clock);
	other.add(list.takeNew());
	assert.equal(other.list(undefined, 9_999).length, 1_002);
});
