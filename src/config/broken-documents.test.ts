/** A hundred ways to break a document: each is told with its place, costs bounded work, and takes nothing else along. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { brokenDocuments } from "../../test/support/broken-documents.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { limits } from "./document/limits.ts";
import { applyFile } from "./folder/file-state.ts";
import { readFolder } from "./folder/watch-folder.ts";
import { parseDocuments } from "./parse-documents.ts";

const neighbour = (name: string, port: number): string =>
	`apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { ports: [{ port: ${port} }] }\n`;
const join3 = (middle: string, port: number): string =>
	`${neighbour("first", port)}---\n${middle}\n---\n${neighbour("last", port)}`;

test("there are a hundred of them, each another", () => {
	assert.ok(brokenDocuments.length >= 100, String(brokenDocuments.length));
	assert.equal(new Set(brokenDocuments.map(({ name }) => name)).size, brokenDocuments.length);
});

for (const { name, text, says, path, isFile = false } of brokenDocuments)
	test(`broken: ${name}`, () => {
		const parsed = parseDocuments(isFile ? text : join3(text, 81), "mesh.yaml");
		const errors = parsed.problems.filter(({ severity }) => severity === "error");
		const told = errors.filter(
			(problem) => says.test(problem.problem) && (path === undefined || problem.path === path),
		);
		assert.ok(told.length > 0, JSON.stringify(errors.slice(0, 5)));
		assert.ok(errors.length <= limits.problems * 2);
		for (const problem of errors) {
			assert.equal(problem.file, "mesh.yaml");
			assert.ok(isFile || problem.line >= 5, `${problem.line}: ${problem.problem}`);
			assert.ok(problem.problem.length < 1_000 && !/[.!]$/.test(problem.problem), problem.problem);
		}
		// What was good stays: the neighbours as they are written now, or the whole file as it was.
		const before = parseDocuments(join3(neighbour("broken", 80), 80), "mesh.yaml");
		const after = applyFile(before, parsed);
		const ports = after.objects.flatMap((object) =>
			object.kind === "Service" ? [`${object.name}:${object.value.ports[0]?.port}`] : [],
		);
		const port = isFile ? 80 : 81;
		assert.ok(ports.includes(`first:${port}`) && ports.includes(`last:${port}`), ports.join());
		assert.ok(ports.includes("broken:80") || after.objects.some((object) => object.name === "broken"), ports.join());
	});

const encodings: readonly (readonly [name: string, bytes: Uint8Array, says: RegExp])[] = [
	["UTF-16", Buffer.from(`\ufeff${neighbour("a", 80)}`, "utf16le"), /not UTF-8: save it as UTF-8/],
	["Latin-1", Buffer.concat([Buffer.from(neighbour("a", 80)), Buffer.from([0x23, 0xe9, 0x0a])]), /not UTF-8/],
	["a picture", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 1]), /not UTF-8/],
	["half a character", Buffer.concat([Buffer.from("# "), Buffer.from([0xf0, 0x9f])]), /not UTF-8/],
	["zeros", Buffer.alloc(64), /zero byte/],
	["64 MB", Buffer.alloc(64 * 1024 * 1024, "# comment\n"), /the limit is \d+: split it/],
];

for (const [name, bytes, says] of encodings)
	test(`broken file: ${name}`, async (t) => {
		const folder = makeTemporaryFolder(t);
		writeFileSync(join(folder, "bad.yaml"), bytes);
		writeFileSync(join(folder, "good.yaml"), neighbour("good", 80));
		const { objects, problems } = await readFolder(folder);
		assert.deepEqual(
			objects.map((object) => object.name),
			["good"],
		);
		assert.equal(problems.length, 1);
		assert.match(problems[0]!.problem, says);
		assert.equal(problems[0]!.file, join(folder, "bad.yaml"));
	});
