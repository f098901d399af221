import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../../core/index.ts";
import { findPatternFault } from "./regular-expression.ts";

const good = [
	"",
	"a",
	".*",
	"^/api/v[0-9]+/.*$",
	"(a|b)*",
	"(?:a)",
	"(?i)abc",
	"(?i-s:a.c)",
	"(?P<name>x)",
	"(?<name>x)",
	"a{3}",
	"a{3,}",
	"a{3,5}?",
	"a**".slice(0, 2),
	"x*?",
	"[a-z]",
	"[^]a]",
	"[]a]",
	"[a-]",
	"[[:alpha:]_]",
	"\\d\\D\\s\\S\\w\\W",
	"\\bx\\B",
	"\\A\\z",
	"\\pN\\p{Greek}\\P{Lu}",
	"\\x41\\x{1F600}",
	"\\.\\*\\\\",
	"\\Qa.b*\\E+",
	"\\Q(",
	"[\\d.]",
	"\\n\\t\\r",
	"a|",
	"|",
	"()",
	"{",
	"a{,5}",
	"a{x}",
	"é+",
	"\\101",
	"[\\x00-\\x1f]",
	"(?s).*",
];
const wrong = [
	"(",
	")",
	"(a",
	"a)",
	"[",
	"[a",
	"[z-a]",
	"*",
	"+a",
	"a|*",
	"(?=a)",
	"(?!a)",
	"(?<=a)",
	"(?<!a)",
	"(?>a)",
	"\\1",
	"(a)\\1",
	"a**",
	"a++",
	"a{2}{3}",
	"a{5,3}",
	"a{1001}",
	"(a{100}){100}",
	"\\",
	"\\Z",
	"\\y",
	"\\e",
	"[[:alpah:]]",
	"\\p{Klingon}",
	"(?x)a",
	"(?)",
	"(?P<1>a)",
	"\\x{110000}",
	"\\xg",
	"(?#c)",
	"\\k<n>",
];

test("what RE2 compiles is accepted", () => {
	for (const pattern of good) assert.equal(findPatternFault(pattern), undefined, pattern);
});

test("what RE2 refuses is refused with a reason", () => {
	for (const pattern of wrong) assert.notEqual(findPatternFault(pattern), undefined, pattern);
});

test("random text never makes the check fail or hang", () => {
	const random = createSeededRandom(7);
	const alphabet = "()[]{}?*+|\\^$.,-:=!<>PQEdswpx019az{";
	for (let round = 0; round < 20_000; round++) {
		const length = Math.floor(random.next() * 24);
		const pattern = Array.from({ length }, () => alphabet[Math.floor(random.next() * alphabet.length)]).join("");
		findPatternFault(pattern);
	}
	assert.match(findPatternFault("(".repeat(1000)) ?? "", /nested deeper/);
});
