import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "./document/limits.ts";
import { parseDocuments } from "./parse-documents.ts";

const good = "apiVersion: v1\nkind: Service\nmetadata: { name: good }\nspec: { ports: [{ port: 80 }] }\n";

/** Each text must end in a problem that matches, and leave the good document beside it. */
const hostile: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
	["deep flow lists", "[".repeat(500_000), /nested deeper than 64/],
	["flow lists behind brackets that close nothing", "]".repeat(100_000) + "[".repeat(100_000), /nested deeper than 64/],
	["deep flow maps", "{a: ".repeat(200_000), /nested deeper than 64/],
	["deep block lists on a line", "- ".repeat(400_000), /nested deeper than 64/],
	["deep question marks", "? ".repeat(400_000), /nested deeper than 64/],
	[
		"deep indentation",
		Array.from({ length: 400 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join(""),
		/nested deeper than 64/,
	],
	[
		"deep compact lists over lines",
		Array.from({ length: 200 }, (_, depth) => `${"  ".repeat(depth * 20)}${"- ".repeat(20)}\n`).join(""),
		/nested deeper|YAML/,
	],
	[
		"an alias bomb",
		`a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 20 }, (_, index) => `a${index + 1}: &a${index + 1} [${Array(10).fill(`*a${index}`).join(", ")}]\n`).join("")}`,
		/more than 100000 values, aliases included/,
	],
	["an alias of itself", "a: &a [*a, *a, *a]\n", /nested deeper than 64|more than 100000 values/],
	["a merge of itself", "a: &a { <<: *a }\n", /nested deeper than 64|more than 100000 values/],
	["a document beyond the limit", `a: ${"x".repeat(limits.documentLength)}\n`, /characters, the limit is/],
	["very many keys", Array.from({ length: 120_000 }, (_, index) => `${index}:\n`).join(""), /more than 250000 tokens/],
	[
		"very many unknown fields",
		`apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n${Array.from({ length: 20_000 }, (_, index) => ` p${index}: 1\n`).join("")}`,
		/unknown field/,
	],
	["a key of a megabyte", `apiVersion: v1\nkind: Service\n? ${"k".repeat(900_000)}\n: 1\n`, /unknown field/],
	["keys that are lists", "? [a, b]\n: c\n", /a key must be text/],
	["an open quote", `a: "${"\\n".repeat(100_000)}`, /not valid YAML/],
	[
		"many anchors",
		Array.from({ length: 25_000 }, (_, index) => `- &a${index} x\n`).join(""),
		/must be a map, not a list/,
	],
	["many quotes", '"" '.repeat(200_000), /more than 250000 tokens/],
	["tags", "!!js/function 'x'\n", /not valid YAML|must be a map/],
	[
		"binary noise",
		Array.from({ length: 20_000 }, (_, index) => String.fromCharCode(1 + ((index * 7919) % 255))).join(""),
		/./,
	],
	["prototype keys", "__proto__: { polluted: true }\nconstructor: x\n", /unknown field/],
];

for (const [what, text, problem] of hostile) {
	test(`${what} end in a problem and leave their neighbours`, { timeout: 20_000 }, () => {
		const { objects, problems } = parseDocuments(
			`${good}---\n${text}\n---\n${good.replace("good", "other")}`,
			"a.yaml",
		);
		assert.deepEqual(
			objects.map((object) => object.name),
			["good", "other"],
		);
		assert.ok(
			problems.some((item) => problem.test(item.problem)),
			problems[0]?.problem ?? "no problem",
		);
		assert.ok(problems.length <= 3 * limits.problems, `${problems.length} problems`);
		assert.ok(problems.every((item) => item.problem.length < 1000 && item.path.length < 1000));
	});
}

test("a file beyond the limits is one problem and is not parsed", () => {
	const large = parseDocuments("a".repeat(limits.fileLength + 1), "a.yaml");
	assert.match(large.problems[0]!.problem, /the file has 4194305 characters, the limit is 4194304: split it/);
	const many = parseDocuments("--- a\n".repeat(limits.documents + 1), "a.yaml");
	assert.match(many.problems[0]!.problem, /more than 10000 documents/);
	assert.equal(({} as Record<string, unknown>).polluted, undefined);
});
