import assert from "node:assert/strict";
import { test } from "node:test";
import { compileFullMatch, compileSubstitution, substitute } from "./index.ts";

const matching: readonly [pattern: string, text: string, matches: boolean][] = [
	["", "", true],
	["a", "ab", false],
	["/re/[0-9]+", "/re/42", true],
	["/alt/(?:x|y)(?:/.*)?", "/alt/y/z", true],
	["/(?i)icase/.*", "/ICASE/q", true],
	["a(?i)b|c", "C", true],
	["a(?i)b|c", "Ab", false],
	["(?i:a)b", "Ab", true],
	["(?i:a)b", "AB", false],
	["(?i)a(?-i)b", "Ab", true],
	["(?i)a(?-i)b", "AB", false],
	["(?i)(a|(?-i:b))c", "BC", false],
	["(?i)(a|(?-i:b))c", "bC", true],
	["(?i)[a-c]+", "AbC", true],
	["(?i)[^a]", "A", false],
	["(?i)[^a]", "B", true],
	["(?i)[^\\d]x", "eX", true],
	["(?i)\\x41\\Qb.\\E", "aB.", true],
	["(?i)[[:upper:]-]{2}", "a-", true],
	["(?i)\\w\\W", "a@", true],
	["(?i)[@-\\[]", "a", true],
	["(?i)[`-{]", "A", true],
	["(?i)a]", "A]", true],
	["(?i)(a)(?-i:b)", "Ab", true],
	["(?i)a|b(?-i)c", "BC", false],
	["(?i)a|b(?-i)c|d", "D", false],
	["(?P<year>\\d{4})-(?<month>\\d\\d)", "2024-05", true],
	["\\Aabc\\z", "abc", true],
	["\\Qa.b*\\E", "a.b*", true],
	["\\Qa.b*\\E", "axb*", false],
	["[[:alpha:]_]+", "ab_c", true],
	["[[:^digit:]]", "4", false],
	["[]a]+", "]a", true],
	["[^]a]+", "b", true],
	["[a\\]-]+", "a]-", true],
	["\\x41\\x{42}\\103", "ABC", true],
	["a.c", "a\nc", false],
	["(?s)a.c", "a\nc", true],
	["a.c", "a\rc", true],
	["\\s", "\v", false],
	["\\s", "\f", true],
	["x{2}", "xx", true],
	["x{,2}", "x{,2}", true],
	["(?U)a+", "aaa", true],
	["é", "\u00c3\u00a9", true],
	["a|", "", true],
	["\\pL+", "abc", true],
	["\\/a\\-b", "/a-b", true],
	["[\\w.-]+", "a.b-c", true],
	["[\\D]", "a", true],
	["[^\\s/]+", "a/b", false],
	["(?m)^a$\\n^b$", "a\nb", true],
];

for (const [pattern, text, matches] of matching) {
	test(`${JSON.stringify(pattern)} ${matches ? "matches" : "does not match"} ${JSON.stringify(text)}`, () => {
		const compiled = compileFullMatch(pattern);
		assert.ok(compiled.ok, compiled.ok ? "" : compiled.problem);
		assert.equal(compiled.regex.test(text), matches);
	});
}

const refused = [
	"(?=a)",
	"(?!a)",
	"(?<=a)b",
	"(?<!a)b",
	"(a)\\1",
	"a**",
	"a++",
	"a{1001}",
	"a{2,1}",
	"a{2}{3}",
	"(",
	")",
	"[",
	"[a",
	"*a",
	"(?i)*",
	"\\",
	"\\y",
	"(?P<n>a)(?P<n>b)",
	"[b-a]",
	"(?z)",
	"a|*",
	"\\C",
	"(?>a)",
];

for (const pattern of refused) {
	test(`${pattern} is refused as RE2 refuses it`, () => {
		assert.equal(compileFullMatch(pattern).ok, false);
	});
}

test("a substitution replaces every match and names groups by backslash", () => {
	const cases: readonly [pattern: string, substitution: string, text: string, result: string][] = [
		["^/rex/([^/]+)/([^/?]+)", "/\\2/\\1", "/rex/a/b/c", "/b/a/c"],
		["a", "A", "/all/banana", "/All/bAnAnA"],
		["x", "$1\\\\\\0", "x", "$1\\x"],
	];
	for (const [pattern, substitution, text, result] of cases) {
		const compiled = compileSubstitution(pattern, substitution);
		assert.ok(compiled.ok);
		assert.equal(substitute(text, compiled.value.regex, compiled.value.substitution), result);
	}
});

test("a substitution that names a missing group is refused", () => {
	assert.deepEqual(compileSubstitution("(a)", "\\2"), {
		ok: false,
		problem: "substitution names group 2, but the pattern has 1",
	});
	assert.equal(compileSubstitution("a", "\\q").ok, false);
});
