import { describeKinds, type Json, type TypeDescription } from "../../src/config/index.ts";
import type { Random } from "../../src/core/index.ts";

const words = [
	"a",
	"web",
	"reviews",
	"v1",
	"http",
	"grpc-api",
	"/",
	"/api",
	"/a/*",
	"*",
	"app",
	"10s",
	"500ms",
	"80",
	"8080",
	"GET",
	"x-user",
	"shop",
	"cluster.local/ns/shop/sa/web",
	"[0-9]+",
	"(a",
	"é",
	"",
	"Web",
	"a b",
	"example.com",
	"yes",
	"null",
	"0",
	"-1",
	"a".repeat(80),
	"{*}",
	"\n",
];
const keys = ["app", "version", "80", "LOG", "a/b", "__proto__", "a.b", ""];

/** A document of some kind, made from its description: most of it well formed, some of it not. */
export function makeDocument(random: Random): Json {
	const kinds = describeKinds();
	const kind = pick(random, kinds);
	const metadata: Record<string, Json> = { name: pick(random, words) };
	if (random.next() < 0.5) metadata.namespace = pick(random, words);
	if (random.next() < 0.3) metadata.labels = { app: pick(random, words) };
	return {
		apiVersion: pick(random, kind.apiVersions),
		kind: kind.documentKind,
		metadata,
		spec: makeValue(random, kind.spec, 0),
	};
}

/** One of some values. */
export function pick<T>(random: Random, values: readonly T[]): T {
	return values[Math.floor(random.next() * values.length)]!;
}

function makeValue(random: Random, type: TypeDescription, depth: number): Json {
	if (random.next() < 0.02) return pick<Json>(random, [null, 1.5, "x", true, [], {}, -1]);
	switch (type.type) {
		case "string":
			return type.values !== undefined && random.next() < 0.95 ? pick(random, type.values) : pick(random, words);
		case "integer":
		case "number": {
			const { minimum = 0, maximum = 100 } = type;
			return pick(random, [minimum, maximum, minimum + 1, Math.floor((minimum + maximum) / 2), maximum + 1]);
		}
		case "integer or string":
			return random.next() < 0.5 ? 8080 : pick(random, words);
		case "boolean":
			return random.next() < 0.5;
		case "list": {
			const length = type.minItems + Math.floor(random.next() * (depth > 6 ? 1 : 3));
			return Array.from({ length }, () => makeValue(random, type.items, depth + 1));
		}
		case "map": {
			const length = Math.floor(random.next() * 3);
			return Object.fromEntries(
				Array.from({ length }, () => [pick(random, keys), makeValue(random, type.values, depth + 1)]),
			);
		}
		case "object": {
			const object: Record<string, Json> = {};
			for (const field of type.fields) {
				const chance = { required: 0.98, optional: 0.4, ignored: 0.02, refused: 0.01 }[field.support];
				if (random.next() < chance) object[field.name] = makeValue(random, field.type, depth + 1);
			}
			return object;
		}
		case "any":
			return {};
	}
}
