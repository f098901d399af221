import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDocument } from "../../test/fuzz/random-document.ts";
import { formatDocument } from "../../test/support/config-document.ts";
import { createSeededRandom, type Random } from "../core/index.ts";
import type { ConfigObject } from "./config-object.ts";
import { listKindNames } from "./kinds/index.ts";
import { buildMesh } from "./mesh/build-mesh.ts";
import { parseDocuments } from "./parse-documents.ts";

const rounds = 60;

/** Documents without a fault, each object once. */
function makeGoodDocuments(random: Random): string[] {
	const documents = new Map<string, string>();
	for (let tries = 0; tries < 120; tries++) {
		const text = JSON.stringify(makeDocument(random));
		const { objects, problems } = parseDocuments(text, "a.yaml");
		const [object] = objects;
		if (object === undefined || problems.length > 0) continue;
		documents.set(`${object.kind}/${object.namespace}/${object.name}`, text);
	}
	return [...documents.values()];
}

function shuffle<T>(random: Random, values: readonly T[]): T[] {
	return values
		.map((value) => ({ value, order: random.next() }))
		.sort((left, right) => left.order - right.order)
		.map(({ value }) => value);
}

/** Without places, which differ by the order of documents. */
function withoutPlaces(value: unknown): unknown {
	return JSON.parse(JSON.stringify(value, (key, field) => (key === "source" ? undefined : field)));
}

const parse = (documents: readonly string[]): readonly ConfigObject[] =>
	parseDocuments(documents.join("\n---\n"), "a.yaml").objects;

test("any order of documents makes the same mesh and the same problems", () => {
	const random = createSeededRandom(1);
	let compared = 0;
	for (let round = 0; round < rounds; round++) {
		const documents = makeGoodDocuments(random);
		const first = buildMesh(parse(documents), []);
		const second = buildMesh(parse(shuffle(random, documents)), []);
		assert.deepEqual(withoutPlaces(second.mesh), withoutPlaces(first.mesh));
		const told = (problems: typeof first.problems): string[] =>
			problems
				.map(
					(item) =>
						`${item.kind}/${item.namespace}/${item.name} ${item.path} ${item.problem.replace(/a\.yaml:\d+/, "")}`,
				)
				.sort();
		assert.deepEqual(told(second.problems), told(first.problems));
		compared += documents.length;
	}
	assert.ok(compared > 5 * rounds, `only ${compared} documents were good`);
});

test("a single bad document changes nothing of the others", () => {
	const random = createSeededRandom(2);
	const bad = [
		// Of these objects of Kubernetes only what concerns the mesh is read.
		...listKindNames()
			.filter((kind) => !["Namespace", "Node", "Pod"].includes(kind))
			.map((kind) => formatDocument(kind, { nonsense: true }, { name: "bad" })),
		"kind: [",
		": : :",
		"{",
		"- a",
		"a: &a *b",
		'"',
		"\tx",
		"apiVersion: v1\nkind: Sevice",
	];
	for (let round = 0; round < rounds; round++) {
		const documents = makeGoodDocuments(random);
		const at = Math.floor(random.next() * (documents.length + 1));
		const spoilt = documents.toSpliced(at, 0, bad[round % bad.length]!);
		const { objects, problems } = parseDocuments(spoilt.join("\n---\n"), "a.yaml");
		assert.deepEqual(
			// A policy fails closed: something stands for it.
			objects.filter(({ isStandIn }) => !isStandIn).map((object) => withoutPlaces(object.value)),
			parse(documents).map((object) => withoutPlaces(object.value)),
		);
		assert.ok(problems.some((problem) => problem.severity === "error"));
	}
});
