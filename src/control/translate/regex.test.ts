import assert from "node:assert/strict";
import { test } from "node:test";
import { findRegexFault } from "./regex.ts";

test("what RE2 takes is fine", () => {
	for (const regex of ["/a/.*", "(?i)abc", "(?P<name>x)", "[(?=]", "a\\.b", "x{2,1000}", "\\d+", "(?:a|b)?"])
		assert.equal(findRegexFault(regex), undefined, regex);
});

test("what RE2 refuses is told", () => {
	const faults: Record<string, RegExp> = {
		"": /empty/,
		"(?=a)": /lookahead/,
		"(?<!a)": /lookbehind/,
		"(a)\\1": /backreference/,
		"a{1001}": /repetition/,
		"a{2,1001}": /repetition/,
		"(a": /bad regular expression/,
		["a".repeat(2_000)]: /longer/,
	};
	for (const [regex, expected] of Object.entries(faults)) assert.match(findRegexFault(regex) ?? "", expected, regex);
});
