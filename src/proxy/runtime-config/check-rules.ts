import type { DescField, DescOneof } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { KnownRegex } from "../../api/gen/validate/validate_pb.js";
import {
	type DurationRules,
	type FieldRules,
	isChoiceRequired,
	type NumberRules,
	readFieldRules,
	type StringRules,
} from "../../api/index.ts";
import { type Problem, rememberByObject } from "../../core/index.ts";

const isRequired = rememberByObject(isChoiceRequired);
/** Fields whose rules Envoy has given up since the messages were published. */
const liftedRules: ReadonlySet<string> = new Set(["envoy.type.v3.TokenBucket.max_tokens"]);
/** The rules of a field, null when it has none. */
const rulesOf = rememberByObject((field: DescField): FieldRules | null =>
	liftedRules.has(`${field.parent.typeName}.${field.name}`) ? null : (readFieldRules(field) ?? null),
);

/** Reports a required choice that was not made. */
export function checkOneofRules(oneof: DescOneof, isSet: boolean, path: string, problems: Problem[]): void {
	if (isSet || !isRequired(oneof)) return;
	const choices = oneof.fields.map((field) => field.name).join(", ");
	problems.push({ path, problem: `one of ${choices} must be set` });
}

/** Reports what a field's `validate.rules` say against its value. Fields without presence are checked with their default. */
export function checkFieldRules(
	field: DescField,
	value: unknown,
	isSet: boolean,
	path: string,
	problems: Problem[],
): void {
	const rules = rulesOf(field);
	if (rules === null) return;
	if (rules.required && !isSet) problems.push({ path, problem: "this field is required" });
	const { type } = rules;
	if (type === undefined) return;
	const report = (problem: string | undefined): void => {
		if (problem !== undefined) problems.push({ path, problem });
	};
	if (type.case === "repeated") {
		checkRepeated(field, rules, value as unknown[], path, problems);
	} else if (type.case === "map") {
		report(checkMapSize(rules, Object.keys(value as object).length));
	} else if (type.case === "any" || type.case === "duration" || type.case === "timestamp") {
		if (isSet) report(checkValue(field, rules, value));
		else if (type.value.required) report("this field is required");
	} else if (isSet || field.fieldKind !== "message") {
		report(checkValue(field, rules, value));
	}
}

function checkRepeated(field: DescField, rules: FieldRules, list: unknown[], path: string, problems: Problem[]): void {
	if (rules.type?.case !== "repeated") return;
	const repeated = rules.type.value;
	const { minItems = 0, maxItems = 0 } = repeated;
	if (list.length < minItems) problems.push({ path, problem: `needs at least ${minItems} item(s)` });
	if (maxItems > 0 && list.length > maxItems) problems.push({ path, problem: `takes at most ${maxItems} item(s)` });
	if (repeated.unique && new Set(list).size !== list.length) problems.push({ path, problem: "items must be unique" });
	if (repeated.items === undefined) return;
	for (const [index, item] of list.entries()) {
		const problem = checkValue(field, repeated.items, item);
		if (problem !== undefined) problems.push({ path: `${path}[${index}]`, problem });
	}
}

function checkMapSize(rules: FieldRules, size: number): string | undefined {
	if (rules.type?.case !== "map") return undefined;
	const { minPairs = 0 } = rules.type.value;
	return size < minPairs ? `needs at least ${minPairs} entries` : undefined;
}

function checkValue(field: DescField, rules: FieldRules, value: unknown): string | undefined {
	const { type } = rules;
	switch (type?.case) {
		case "string":
			return checkString(type.value, value as string);
		case "bytes": {
			const { length } = value as Uint8Array;
			const { minLen = 0, maxLen = 0 } = type.value;
			if (length < minLen) return `needs at least ${minLen} byte(s)`;
			return maxLen > 0 && length > maxLen ? `takes at most ${maxLen} bytes` : undefined;
		}
		case "bool":
			return type.value.const && value !== true ? "must be true" : undefined;
		case "enum": {
			const number = value as number;
			const { in: allowed, notIn } = type.value;
			if (notIn?.includes(number) === true) return `value ${number} is not allowed`;
			if (allowed?.includes(number) === false) return `value ${number} is not allowed`;
			const desc = "enum" in field ? field.enum : undefined;
			if (type.value.definedOnly && desc !== undefined && desc.value[number] === undefined)
				return `${number} is no value of this enum`;
			return undefined;
		}
		case "duration":
			return checkDuration(type.value, value as Duration);
		case "number":
			return checkNumber(type.value, Number(value), isUnsetDefault(field, value));
		default:
			return undefined;
	}
}

function checkString(rules: StringRules, text: string): string | undefined {
	if (rules.ignoreEmpty === true && text === "") return undefined;
	const { minLen = 0, maxLen = 0, minBytes = 0, maxBytes = 0, prefix = "", suffix = "", contains = "" } = rules;
	if (text.length < minLen) return `must have at least ${minLen} character(s)`;
	if (minBytes > 0 && Buffer.byteLength(text) < minBytes) return `must have at least ${minBytes} byte(s)`;
	if (maxLen > 0 && text.length > maxLen) return `must have at most ${maxLen} characters`;
	if (maxBytes > 0 && Buffer.byteLength(text) > maxBytes) return `must have at most ${maxBytes} bytes`;
	if (!text.startsWith(prefix)) return `must start with '${prefix}'`;
	if (!text.endsWith(suffix)) return `must end with '${suffix}'`;
	if (!text.includes(contains)) return `must contain '${contains}'`;
	if (rules.in?.includes(text) === false) return `must be one of ${rules.in.join(", ")}`;
	if (rules.notIn?.includes(text) === true) return `'${text}' is not allowed`;
	const { pattern } = rules;
	if (pattern !== undefined && !new RegExp(pattern).test(text)) return `'${text}' does not have the form ${pattern}`;
	return rules.wellKnownRegex === undefined ? undefined : checkWellKnown(rules, text);
}

function checkWellKnown(rules: StringRules, text: string): string | undefined {
	if (rules.strict === false) return /[\0\r\n]/.test(text) ? "must not have line ends or NUL" : undefined;
	if (rules.wellKnownRegex === KnownRegex.HTTP_HEADER_NAME) {
		return /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/.test(text) ? undefined : `'${text}' is no header name`;
	}
	return /[\0-\x08\x0a-\x1f\x7f]/.test(text) ? "must not have control characters" : undefined;
}

function checkNumber(rules: NumberRules, value: number, isDefault: boolean): string | undefined {
	if (rules.ignoreEmpty === true && isDefault) return undefined;
	const { lt, lte, gt, gte } = rules;
	if (gt !== undefined && !(value > gt)) return `must be greater than ${gt}`;
	if (gte !== undefined && !(value >= gte)) return `must be at least ${gte}`;
	if (lt !== undefined && !(value < lt)) return `must be less than ${lt}`;
	if (lte !== undefined && !(value <= lte)) return `must be at most ${lte}`;
	if (rules.in?.includes(value) === false) return `must be one of ${rules.in.join(", ")}`;
	return undefined;
}

function checkDuration({ lt, lte, gt, gte }: DurationRules, value: Duration): string | undefined {
	const ms = toMs(value);
	if (gt !== undefined && !(ms > gt)) return `must be longer than ${gt} ms`;
	if (gte !== undefined && !(ms >= gte)) return `must be at least ${gte} ms`;
	if (lt !== undefined && !(ms < lt)) return `must be shorter than ${lt} ms`;
	if (lte !== undefined && !(ms <= lte)) return `must be at most ${lte} ms`;
	return undefined;
}

function toMs(duration: Duration): number {
	return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

function isUnsetDefault(field: DescField, value: unknown): boolean {
	return field.fieldKind === "scalar" && field.scalar !== ScalarType.STRING && Number(value) === 0;
}
