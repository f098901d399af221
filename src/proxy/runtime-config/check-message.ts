import type { DescField, DescMessage, DescOneof, Message } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import type { Any, Duration } from "@bufbuild/protobuf/wkt";
import { apiRegistry, findAnyProblem, unpackAny } from "../../api/index.ts";
import type { Problem } from "../../core/index.ts";
import { checkFieldRules, checkOneofRules } from "./check-rules.ts";
import { supportOf } from "./support-table.ts";

/** Walks a message and everything in it, extensions included, and reports every set field that is not supported and every value
 *  that breaks the protobuf's own validation rules. */
export function checkMessage(schema: DescMessage, message: Message, path: string, problems: Problem[]): void {
	for (const oneof of schema.oneofs) checkOneofRules(oneof, readOneof(message, oneof) !== undefined, path, problems);
	for (const field of schema.fields) {
		const isSet = isFieldSet(message, field);
		const at = path === "" ? field.name : `${path}.${field.name}`;
		const value = isSet || field.oneof === undefined ? readField(message, field) : undefined;
		const isSupported = !isSet || supportOf(schema.typeName, field.name) !== "refused";
		if (!isSupported) problems.push({ path: at, problem: "this field is not supported" });
		if (isSupported && (isSet || field.oneof === undefined)) checkFieldRules(field, value, isSet, at, problems);
		if (!isSet) continue;
		const support = supportOf(schema.typeName, field.name);
		if (support === "works") descend(field, value, at, problems);
		else if (support === "ignored")
			forEachMessage(field, value, at, (inner, one, place) => findRuleProblems(inner, one, place, problems));
	}
}

/** Reports what breaks the rules that the protobuf itself states, extensions left out: Envoy judges these before anything else, and
 *  refuses all that came in one piece with it. */
export function findRuleProblems(schema: DescMessage, message: Message, path: string, problems: Problem[]): void {
	for (const oneof of schema.oneofs) checkOneofRules(oneof, readOneof(message, oneof) !== undefined, path, problems);
	for (const field of schema.fields) {
		const isSet = isFieldSet(message, field);
		if (!isSet && field.oneof !== undefined) continue;
		const at = path === "" ? field.name : `${path}.${field.name}`;
		const value = readField(message, field);
		checkFieldRules(field, value, isSet, at, problems);
		if (isSet) forEachMessage(field, value, at, (inner, one, place) => findRuleProblems(inner, one, place, problems));
	}
}

function forEachMessage(
	field: DescField,
	value: unknown,
	path: string,
	visit: (schema: DescMessage, message: Message, path: string) => void,
): void {
	const visitOwn = (schema: DescMessage, message: Message, at: string): void => {
		if (!schema.typeName.startsWith("google.protobuf.")) visit(schema, message, at);
	};
	if (field.fieldKind === "message") visitOwn(field.message, value as Message, path);
	else if (field.fieldKind === "list" && field.listKind === "message") {
		for (const [index, element] of (value as Message[]).entries())
			visitOwn(field.message, element, `${path}[${index}]`);
	} else if (field.fieldKind === "map" && field.mapKind === "message") {
		for (const [key, element] of Object.entries(value as Record<string, Message>)) {
			visitOwn(field.message, element, `${path}[${JSON.stringify(key)}]`);
		}
	}
}

function descend(field: DescField, value: unknown, path: string, problems: Problem[]): void {
	if (field.fieldKind === "message") {
		descendInto(field.message, value as Message, path, problems);
	} else if (field.fieldKind === "list" && field.listKind === "message") {
		for (const [index, element] of (value as Message[]).entries()) {
			descendInto(field.message, element, `${path}[${index}]`, problems);
		}
	} else if (field.fieldKind === "map" && field.mapKind === "message") {
		for (const [key, element] of Object.entries(value as Record<string, Message>)) {
			descendInto(field.message, element, `${path}[${JSON.stringify(key)}]`, problems);
		}
	}
}

function descendInto(schema: DescMessage, message: Message, path: string, problems: Problem[]): void {
	if (schema.typeName === "google.protobuf.Any") {
		const unpacked = unpackAny(message as Any);
		const problem = findAnyProblem(message as Any);
		if (problem !== undefined) problems.push({ path, problem });
		const inner = unpacked === undefined ? undefined : apiRegistry.getMessage(unpacked.$typeName);
		// An unknown type is for the translation to judge: it knows which extensions are optional.
		if (unpacked !== undefined && inner !== undefined) checkMessage(inner, unpacked, path, problems);
	} else if (schema.typeName === "google.protobuf.Duration") {
		const { seconds, nanos } = message as Duration;
		if (seconds < 0n || nanos < 0) problems.push({ path, problem: "a duration must not be negative" });
	} else if (!schema.typeName.startsWith("google.protobuf.")) {
		checkMessage(schema, message, path, problems);
	}
}

function readField(message: Message, field: DescField): unknown {
	const fields = message as unknown as Record<string, unknown>;
	if (field.oneof === undefined) return fields[field.localName];
	const chosen = readOneof(message, field.oneof);
	return chosen?.case === field.localName ? chosen.value : undefined;
}

function readOneof(message: Message, oneof: DescOneof): { readonly case: string; readonly value: unknown } | undefined {
	const chosen = (message as unknown as Record<string, { case: string | undefined; value: unknown }>)[oneof.localName];
	return chosen?.case === undefined ? undefined : (chosen as { case: string; value: unknown });
}
