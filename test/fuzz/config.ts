/** Feeds the parser of config documents with damaged ones: `node test/fuzz/config.ts [seed]` runs until it is stopped or finds
 *  something. The short run of the suite is config.test.ts. */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { buildMesh, type ConfigObject, parseDocuments } from "../../src/config/index.ts";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { makeDocument, pick } from "./random-document.ts";

const noise = [
	"\n",
	"  ",
	"- ",
	"? ",
	": ",
	"&a ",
	"*a",
	"<<: *a",
	"[",
	"]",
	"{",
	"}",
	'"',
	"'",
	"|",
	">",
	"#",
	"!!str ",
	"%",
	"---\n",
	"...\n",
	"\t",
	"\0",
	"\ufeff",
	"😀",
	"\\",
	"@",
];

/** One round: makes a text of damaged documents and checks what must hold of any text.
 *  @throws an assertion that holds the text */
export function fuzzConfig(random: Random): void {
	const documents = Array.from({ length: 1 + Math.floor(random.next() * 3) }, () => makeDocument(random));
	const texts = documents.map((document) => (random.next() < 0.3 ? JSON.stringify(document) : stringify(document)));
	const text = damage(random, texts.join("\n---\n"));
	try {
		checkText(text);
	} catch (error) {
		throw new Error(`this text breaks the parser:\n${text}`, { cause: error });
	}
}

function checkText(text: string): void {
	const { objects, problems } = parseDocuments(text, "fuzz.yaml");
	const lines = text.split("\n").length;
	for (const problem of problems) {
		assert.ok(problem.line >= 0 && problem.line <= lines, `line ${problem.line} of ${lines}`);
		assert.match(problem.problem, /^\S.*[^.]$/s);
	}
	for (const object of objects) {
		assert.match(object.name, /^[a-z0-9]/);
		checkAgain(object);
	}
	const { mesh } = buildMesh(objects, []);
	// A ServiceEntry is a service a host.
	const hosts = objects.reduce((sum, { value }) => sum + ("hosts" in value ? (value.hosts as unknown[]).length : 1), 0);
	assert.ok(mesh.services.length <= hosts, `${mesh.services.length} services of ${hosts} hosts`);
}

/** What an object was read from, written as JSON, reads the same. */
function checkAgain(object: ConfigObject): void {
	const again = parseDocuments(JSON.stringify(object.document), object.source.file);
	const [read] = again.objects;
	assert.ok(read !== undefined, JSON.stringify(again.problems));
	assert.deepEqual(withoutPlaces(read.value), withoutPlaces(object.value));
}

/** A value without where its parts stand, which is elsewhere in every text. */
function withoutPlaces(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(withoutPlaces);
	if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
	const parts = Object.entries(value).filter(([name, part]) => name !== "source" || !isPlace(part));
	return Object.fromEntries(parts.map(([name, part]) => [name, withoutPlaces(part)]));
}

function isPlace(value: unknown): boolean {
	return typeof value === "object" && value !== null && "file" in value && "line" in value;
}

function damage(random: Random, text: string): string {
	let damaged = text;
	for (let count = Math.floor(random.next() * 4); count > 0; count--) {
		const at = Math.floor(random.next() * damaged.length);
		const length = Math.floor(random.next() * (random.next() < 0.2 ? 200 : 5));
		const insert = random.next() < 0.7 ? pick(random, noise) : damaged.slice(at, at + 40);
		damaged = damaged.slice(0, at) + insert + damaged.slice(at + length);
	}
	return damaged;
}

if (import.meta.main) {
	for (let seed = Number(process.argv[2] ?? 1); ; seed++) {
		const random = createSeededRandom(seed);
		for (let round = 0; round < 1000; round++) fuzzConfig(random);
		process.stdout.write(`seed ${seed}: 1000 texts\n`);
	}
}
