import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../config/index.ts";
import { joinFiles } from "./join-files.ts";

const service = (name: string): string =>
	`kind: Service\napiVersion: v1\nmetadata: { name: ${name} }\nspec: { ports: [{ port: 80 }] }`;

test("files are one text of all their documents, and a line of it is found in its file again", () => {
	const joined = joinFiles([
		{ path: "a.yaml", text: `${service("a")}\n---\n${service("a2")}` },
		{
			path: "b.json",
			text: JSON.stringify({
				kind: "Service",
				apiVersion: "v1",
				metadata: { name: "b" },
				spec: { ports: [{ port: 81 }] },
			}),
		},
		{ path: "c.yaml", text: `%YAML 1.2\n---\n${service("c")}\n` },
		{ path: "d.yaml", text: `---\n${service("d")}\nbroken: true\n` },
	]);
	const { objects, problems } = parseDocuments(joined.text, "api");
	assert.deepEqual(
		objects.map(({ name, source }) => [name, joined.locate(source.line)]),
		[
			["a", { file: "a.yaml", line: 1 }],
			["a2", { file: "a.yaml", line: 6 }],
			["b", { file: "b.json", line: 1 }],
			["c", { file: "c.yaml", line: 3 }],
		],
	);
	assert.deepEqual(
		problems.map(({ line }) => joined.locate(line)),
		[{ file: "d.yaml", line: 6 }],
	);
	assert.deepEqual(joined.locate(0), { file: "a.yaml", line: 0 });
});
