import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { apiRegistry } from "../../src/api/index.ts";
import type { Random } from "../../src/core/index.ts";
import { supportOf, supportTable } from "../../src/proxy/runtime-config/support-table.ts";
import { below } from "./damage.ts";
import { pick } from "./random-document.ts";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const words = [
	"",
	"a",
	"/",
	"/a/{b}/*",
	"/a{/{b:c}/\n*",
	"{",
	"*",
	"*.a",
	"a.*",
	"127.0.0.1",
	"::",
	"1.2.3.4::",
	"x-a",
	":path",
	":status",
	"host",
	"X A",
	"%REQ(",
	"%REQ(a)%",
	"%%",
	"%DYNAMIC_METADATA(a:b)%",
	"(",
	"(a+)+$",
	"[a-z]*",
	"\\1",
	"\n",
	"\0",
	"é",
	"__proto__",
	"constructor",
	"1s",
	"100%",
	"envoy.lb",
	"a".repeat(300),
	"https://a/b?c",
	"spiffe://a/b",
	"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
	'{"keys":[]}',
	"🙂",
];
const numbers = [0, 1, 2, 100, 65_535, 65_536, 2 ** 31 - 1, 2 ** 32 - 1];
const whole = new Set([
	ScalarType.INT64,
	ScalarType.UINT64,
	ScalarType.SINT64,
	ScalarType.FIXED64,
	ScalarType.SFIXED64,
]);
/** Messages that may stand in an Any: what a table of support knows and is no part of another one. */
const anyTypes = Object.keys(supportTable).filter((name) => /\.v\d\w*\.\w+$/.test(name));

/** A message in its JSON form, made from its descriptor: hostile words and numbers in most of the fields that the proxy reads. */
export function makeMessage(random: Random, schema: DescMessage, depth = 0): Json {
	const known = makeWellKnown(random, schema, depth);
	if (known !== undefined) return known;
	const message: { [name: string]: Json } = {};
	const chance = depth < 2 ? 0.5 : depth < 5 ? 0.35 : depth < 9 ? 0.12 : 0;
	const choices = new Map(schema.oneofs.map((oneof) => [oneof, pick(random, oneof.fields)]));
	for (const field of schema.fields) {
		const isChosen = field.oneof === undefined ? random.next() < chance : choices.get(field.oneof) === field;
		if (!isChosen || (field.oneof !== undefined && random.next() < 0.05)) continue;
		if (field.oneof !== undefined && depth >= 9) continue;
		if (supportOf(schema.typeName, field.name) !== "works" && random.next() < 0.95) continue;
		message[field.jsonName] = makeField(random, field, depth + 1);
	}
	return message;
}

function makeField(random: Random, field: DescField, depth: number): Json {
	switch (field.fieldKind) {
		case "list": {
			const length = below(3, random) + (depth < 4 && random.next() < 0.6 ? 1 : 0);
			return Array.from({ length }, () =>
				field.listKind === "message"
					? makeMessage(random, field.message, depth)
					: field.listKind === "enum"
						? pick(random, field.enum.values).number
						: makeScalar(random, field.scalar),
			);
		}
		case "map":
			return Object.fromEntries(
				Array.from({ length: below(3, random) }, () => [
					field.mapKey === ScalarType.STRING ? pick(random, words) : "1",
					field.mapKind === "message"
						? makeMessage(random, field.message, depth)
						: field.mapKind === "enum"
							? 0
							: makeScalar(random, field.scalar),
				]),
			);
		case "message":
			return makeMessage(random, field.message, depth);
		case "enum":
			return random.next() < 0.05 ? 99 : pick(random, field.enum.values).number;
		case "scalar":
			return makeScalar(random, field.scalar);
	}
}

function makeScalar(random: Random, type: ScalarType): Json {
	if (type === ScalarType.STRING) return pick(random, words);
	if (type === ScalarType.BYTES) return Buffer.from(pick(random, words)).toString("base64");
	if (type === ScalarType.BOOL) return random.next() < 0.5;
	if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT)
		return pick<Json>(random, [0, -1, 0.5, 100, 1e300, "NaN", "Infinity"].slice(0, type === ScalarType.FLOAT ? 4 : 7));
	if (whole.has(type)) return pick(random, ["0", "1", "9223372036854775807", "65536"]);
	return pick(random, numbers.slice(0, type === ScalarType.INT32 || type === ScalarType.SINT32 ? 7 : 8));
}

function makeWellKnown(random: Random, { typeName, fields }: DescMessage, depth: number): Json | undefined {
	switch (typeName) {
		case "google.protobuf.Any":
			return makeAny(random, depth);
		case "google.protobuf.Duration":
			return pick(random, ["0s", "0.001s", "1s", "-1s", "0.000000001s", "315576000000s", "86400s"]);
		case "google.protobuf.Timestamp":
			return "2026-01-01T00:00:00Z";
		case "google.protobuf.Struct":
			return { a: pick<Json>(random, words), "b.c": { __proto: 1 }, list: [null, 1e300] };
		case "google.protobuf.Value":
			return pick<Json>(random, [null, 1, "a", [], {}, true]);
		case "google.protobuf.ListValue":
			return [1, "a"];
		case "google.protobuf.FieldMask":
			return "a,b.c";
		default:
			return /^google\.protobuf\.\w+Value$/.test(typeName) ? makeField(random, fields[0]!, depth) : undefined;
	}
}

function makeAny(random: Random, depth: number): Json {
	const name = pick(random, anyTypes);
	const schema = apiRegistry.getMessage(name);
	const fields = schema === undefined ? {} : makeMessage(random, schema, depth + 1);
	return { "@type": `type.googleapis.com/${name}`, ...(fields as object) };
}
