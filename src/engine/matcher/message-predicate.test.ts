import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageMatch } from "./index.ts";

const body = (patterns: readonly string[], limitBytes = 0) =>
	new MessageMatch({ kind: "request-body", patterns: patterns.map((text) => Buffer.from(text)), limitBytes });

/** Whether it matches after each piece. */
function feed(match: MessageMatch, pieces: readonly string[]): boolean[] {
	return pieces.map((piece) => {
		match.onBody("request-body", Buffer.from(piece));
		return match.matches;
	});
}

test("a pattern may lie across pieces of a body, and all patterns must be there", () => {
	assert.deepEqual(feed(body(["needle"]), ["a nee", "d", "le."]), [false, false, true]);
	assert.deepEqual(feed(body(["abc", "x"]), ["x ab", "c"]), [false, true]);
	assert.deepEqual(feed(body(["aab"]), ["aaa", "b"]), [false, true]);
});

test("a body is searched up to the limit", () => {
	assert.deepEqual(feed(body(["end"], 4), ["..e", "nd"]), [false, false]);
	assert.deepEqual(feed(body(["end"], 5), ["..e", "nd"]), [false, true]);
	assert.deepEqual(feed(body(["a"], 2), ["..", "a"]), [false, false]);
});

test("what was found stays found, and the other direction does not count", () => {
	const match = body(["a"]);
	match.onBody("response-body", Buffer.from("a"));
	assert.equal(match.matches, false);
	assert.deepEqual(feed(match, ["a", "b"]), [true, true]);
});

test("predicates of predicates follow what they are made of", () => {
	const status = (value: string) => ({
		kind: "response-headers" as const,
		headers: [
			{
				name: ":status",
				invert: false,
				treatMissingAsEmpty: false,
				value: { kind: "string" as const, matcher: { kind: "exact" as const, value, ignoreCase: false } },
			},
		],
	});
	const match = new MessageMatch({ kind: "not", rule: { kind: "or", rules: [status("200"), status("204")] } });
	assert.equal(match.matches, true, "nothing is known yet");
	match.onFields("response-headers", [":status", "204"]);
	assert.equal(match.matches, false);
});
