import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescField, getOption } from "@bufbuild/protobuf";
import { type Duration, FieldOptionsSchema } from "@bufbuild/protobuf/wkt";
import {
	type FieldRules as LibraryRules,
	required,
	rules as rulesOption,
	type StringRules,
} from "./gen/validate/validate_pb.js";
import { apiRegistry, type FieldRules, isChoiceRequired, readFieldRules } from "./index.ts";

const numbers = new Set(["float", "double", "int32", "int64", "uint32", "uint64", "sint32", "sint64"]);
/** What nobody asks for. */
const passedOver = new Set(["$typeName", "const", "ignoreEmpty", "noSparse", "keys", "values", "unique"]);

test("the rules of a field are what the library reads", () => {
	let compared = 0;
	for (const type of apiRegistry) {
		if (type.kind !== "message") continue;
		for (const field of type.fields) {
			const own = readFieldRules(field);
			if (field.proto.options === undefined) assert.equal(own, undefined);
			else assert.deepEqual(own && show(own), showLibrary(getOption(field, rulesOption)), String(field));
			if (own !== undefined) compared++;
		}
		for (const oneof of type.oneofs) assert.equal(isChoiceRequired(oneof), getOption(oneof, required), String(oneof));
	}
	assert.ok(compared > 500, `${compared} fields`);
});

test("rules of descriptors that the library made are read as well", () => {
	const bytes = Uint8Array.of(6, 0x72, 4, 0x10, 1, 0x18, 9);
	const options = { $typeName: FieldOptionsSchema.typeName, $unknown: [{ no: 1071, wireType: 2, data: bytes }] };
	const field = { proto: { options } } as unknown as DescField;
	assert.deepEqual(readFieldRules(field), {
		required: false,
		type: { case: "string", value: { minLen: 1, maxLen: 9 } },
	});
});

type Shown = Readonly<Record<string, unknown>>;

function show({ required: isRequired, type }: FieldRules): Shown {
	const value = Object.entries(type?.value ?? {}).filter(([name]) => !passedOver.has(name));
	return {
		required: isRequired,
		case: type?.case,
		...Object.fromEntries(value.map(([name, one]) => [name, name === "items" ? show(one as FieldRules) : one])),
	};
}

function showLibrary({ message, type }: LibraryRules): Shown {
	const shown: Record<string, unknown> = {
		required: message?.required === true,
		case: type.case !== undefined && numbers.has(type.case) ? "number" : type.case,
	};
	for (const [name, value] of Object.entries((type.value ?? {}) as unknown as Shown)) {
		if (passedOver.has(name) || (Array.isArray(value) && value.length === 0)) continue;
		if (type.case === "duration" && typeof value === "object") {
			const { seconds, nanos } = value as Duration;
			shown[name] = Number(seconds) * 1000 + nanos / 1e6;
		} else if (name === "wellKnown") {
			const known = value as StringRules["wellKnown"];
			if (known.case === "wellKnownRegex") shown["wellKnownRegex"] = known.value;
		} else if (name === "items") shown[name] = showLibrary(value as LibraryRules);
		else shown[name] = typeof value === "bigint" ? Number(value) : value;
	}
	return shown;
}
