import {
	create,
	type DescEnum,
	type DescField,
	type DescMessage,
	fromJson,
	type JsonValue,
	type Message,
} from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { apiRegistry, packAny } from "../../api/index.ts";
import type { Problem } from "../../core/index.ts";
import { describeJsonType, parseScalar } from "./scalar.ts";

/** A field's value in the form messages have it in memory. */
type Slot = Record<string, unknown>;

const unknownField = "unknown field of";

/** Whether a problem is a field that the message does not have. */
export function isUnknownField({ problem }: Problem): boolean {
	return problem.startsWith(unknownField);
}

const wrappers = /^google\.protobuf\.(?:Bool|Bytes|Double|Float|Int32|Int64|String|UInt32|UInt64)Value$/;
const customJson = new Set([
	"google.protobuf.Duration",
	"google.protobuf.Timestamp",
	"google.protobuf.Value",
	"google.protobuf.ListValue",
	"google.protobuf.FieldMask",
]);

/** Reads a message from JSON as Envoy does: field names in snake_case or camelCase, enums by name or number, extensions by `@type`.
 *  Unlike a plain protobuf parser it goes on after a fault: every unknown field and every wrong type is reported with its path. */
export function readMessage(schema: DescMessage, json: unknown, path: string, problems: Problem[]): Message {
	const message = create(schema);
	if (typeof json !== "object" || json === null || Array.isArray(json)) {
		problems.push({ path, problem: `must be an object, not ${describeJsonType(json)}` });
		return message;
	}
	readFields(schema, message, Object.entries(json), path, problems);
	return message;
}

function readFields(
	schema: DescMessage,
	message: Message,
	entries: readonly [string, unknown][],
	path: string,
	problems: Problem[],
): void {
	const seen = new Map<string, string>();
	for (const [key, value] of entries) {
		const field = schema.fields.find((one) => one.name === key || one.jsonName === key);
		const at = join(path, field?.name ?? key);
		if (field === undefined) {
			problems.push({ path: at, problem: `${unknownField} ${schema.typeName}${suggest(schema, key)}` });
			continue;
		}
		if (value === null && field.message?.typeName !== "google.protobuf.Value") continue;
		const group = field.oneof?.name ?? field.name;
		const before = seen.get(group);
		if (before !== undefined) {
			problems.push({
				path: at,
				problem: before === field.name ? "set twice" : `${before} is set as well, only one of them may be`,
			});
			continue;
		}
		seen.set(group, field.name);
		readField(field, message as unknown as Slot, value, at, problems);
	}
}

function readField(field: DescField, slot: Slot, json: unknown, path: string, problems: Problem[]): void {
	if (field.fieldKind === "list") {
		// As in Envoy, what stands alone is a list of one.
		slot[field.localName] = Array.isArray(json)
			? json.map((one, index) => readElement(field, one, `${path}[${index}]`, problems))
			: [readElement(field, json, path, problems)];
		return;
	}
	if (field.fieldKind === "map") {
		if (typeof json !== "object" || json === null || Array.isArray(json)) {
			problems.push({ path, problem: `must be an object, not ${describeJsonType(json)}` });
			return;
		}
		const map: Slot = {};
		for (const [key, value] of Object.entries(json)) {
			map[key] = readElement(field, value, `${path}[${JSON.stringify(key)}]`, problems);
		}
		slot[field.localName] = map;
		return;
	}
	const value = readElement(field, json, path, problems);
	if (value === undefined) return;
	if (field.oneof === undefined) slot[field.localName] = value;
	else slot[field.oneof.localName] = { case: field.localName, value: inOneof(field, value) };
}

/** Wrapper messages are plain values everywhere but in a choice. */
function inOneof(field: DescField, value: unknown): unknown {
	if (field.message === undefined || !wrappers.test(field.message.typeName)) return value;
	return create(field.message, { value } as never);
}

function readElement(field: DescField, json: unknown, path: string, problems: Problem[]): unknown {
	if (field.message !== undefined) return readInner(field.message, json, path, problems);
	if (field.enum !== undefined) return readEnum(field.enum, json, path, problems);
	const parsed = parseScalar(field.scalar!, json);
	if (parsed.ok) return parsed.value;
	problems.push({ path, problem: parsed.problem });
	return undefined;
}

function readInner(schema: DescMessage, json: unknown, path: string, problems: Problem[]): unknown {
	if (schema.typeName === "google.protobuf.Any") return readAny(json, path, problems);
	if (schema.typeName === "google.protobuf.Struct") {
		if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
		problems.push({ path, problem: `must be an object, not ${describeJsonType(json)}` });
		return undefined;
	}
	if (wrappers.test(schema.typeName)) {
		const parsed = parseScalar(schema.fields[0]!.scalar!, json);
		if (parsed.ok) return parsed.value;
		problems.push({ path, problem: parsed.problem });
		return undefined;
	}
	if (customJson.has(schema.typeName)) return readCustom(schema, json, path, problems);
	return readMessage(schema, json, path, problems);
}

function readCustom(schema: DescMessage, json: unknown, path: string, problems: Problem[]): Message | undefined {
	try {
		return fromJson(schema, json as JsonValue);
	} catch {
		const example = schema.typeName === "google.protobuf.Duration" ? ", such as 1.5s" : "";
		problems.push({ path, problem: `${JSON.stringify(json)} is no ${schema.name.toLowerCase()}${example}` });
		return undefined;
	}
}

/** Extensions: the type is looked up, and an unknown one kept by its name alone, for the translation may know that it is optional. */
function readAny(json: unknown, path: string, problems: Problem[]): Any | undefined {
	if (typeof json !== "object" || json === null || Array.isArray(json)) {
		problems.push({ path, problem: `must be an object with @type, not ${describeJsonType(json)}` });
		return undefined;
	}
	const { "@type": typeUrl, ...fields } = json as Record<string, unknown>;
	if (typeof typeUrl !== "string") {
		if (Object.keys(json).length > 0) problems.push({ path, problem: "@type is missing" });
		return create(AnySchema);
	}
	const schema = apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
	if (schema === undefined) return create(AnySchema, { typeUrl });
	const isWellKnown = schema.typeName.startsWith("google.protobuf.") && schema.typeName !== "google.protobuf.Empty";
	if (!isWellKnown) return packAny(schema, readMessage(schema, fields, path, problems));
	const value = readCustom(schema, fields["value"], `${path}.value`, problems);
	return value && packAny(schema, value);
}

function readEnum(schema: DescEnum, json: unknown, path: string, problems: Problem[]): number | undefined {
	if (typeof json === "number" && Number.isInteger(json)) return json;
	if (typeof json === "string") {
		if (/^-?\d{1,10}$/.test(json)) return Number(json);
		// As Envoy's reader: the case does not matter.
		const name = json.toUpperCase();
		const value =
			schema.values.find((one) => one.name === json) ?? schema.values.find((one) => one.name.toUpperCase() === name);
		if (value !== undefined) return value.number;
	}
	const names = schema.values.map((one) => one.name).join(", ");
	problems.push({ path, problem: `${JSON.stringify(json)} is none of ${names}` });
	return undefined;
}

function join(path: string, name: string): string {
	return path === "" ? name : `${path}.${name}`;
}

/** The nearest known field, when it is near enough to be meant. */
function suggest(schema: DescMessage, key: string): string {
	let best = "";
	let least = Math.max(2, Math.floor(key.length / 3)) + 1;
	for (const { name } of schema.fields) {
		const distance = editDistance(name, key.toLowerCase());
		if (distance < least) {
			least = distance;
			best = name;
		}
	}
	return best === "" ? "" : `, did you mean ${best}`;
}

function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_value, index) => index);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const cost = a[i - 1] === b[j - 1] ? 0 : 1;
			next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost));
		}
		row = next;
	}
	return row[b.length]!;
}
