import type { DescField, DescOneof } from "@bufbuild/protobuf";
import { getOption, ScalarType } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { type FieldRules, KnownRegex, required, rules as rulesOption } from "../../api/gen/validate/validate_pb.js";
import type { Problem } from "../../core/index.ts";

/** The rules of fields that were asked for, null for those that have none: reading them from a descriptor takes longer than everything that is
 *  done with them, and they never change. */
const knownRules = new WeakMap<DescField, FieldRules | null>();
const knownRequired = new WeakMap<DescOneof, boolean>();

function isRequired(oneof: DescOneof): boolean {
	let known = knownRequired.get(oneof);
	if (known === undefined) {
		known = getOption(oneof, required);
		knownRequired.set(oneof, known);
	}
	return known;
}

function rulesOf(field: DescField): FieldRules | null {
	let known = knownRules.get(field);
	if (known === undefined) {
		const read = getOption(field, rulesOption);
		known = read.type.case === undefined && read.message === undefined ? null : read;
		knownRules.set(field, known);
	}
	return known;
}

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
	if (rules.message?.required && !isSet) problems.push({ path, problem: "this field is required" });
	const type = rules.type;
	if (type.case === undefined) return;
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
	if (rules.type.case !== "repeated") return;
	const repeated = rules.type.value;
	if (list.length < Number(repeated.minItems))
		problems.push({ path, problem: `needs at least ${repeated.minItems} item(s)` });
	if (repeated.maxItems > 0n && list.length > Number(repeated.maxItems)) {
		problems.push({ path, problem: `takes at most ${repeated.maxItems} item(s)` });
	}
	if (repeated.unique && new Set(list).size !== list.length) problems.push({ path, problem: "items must be unique" });
	if (repeated.items === undefined) return;
	for (const [index, item] of list.entries()) {
		const problem = checkValue(field, repeated.items, item);
		if (problem !== undefined) problems.push({ path: `${path}[${index}]`, problem });
	}
}

function checkMapSize(rules: FieldRules, size: number): string | undefined {
	if (rules.type.case !== "map") return undefined;
	if (size < Number(rules.type.value.minPairs)) return `needs at least ${rules.type.value.minPairs} entries`;
	return undefined;
}

function checkValue(field: DescField, rules: FieldRules, value: unknown): string | undefined {
	const { type } = rules;
	switch (type.case) {
		case "string":
			return checkString(type.value, value as string);
		case "bytes": {
			const { length } = value as Uint8Array;
			if (length < Number(type.value.minLen)) return `needs at least ${type.value.minLen} byte(s)`;
			return type.value.maxLen > 0n && length > Number(type.value.maxLen)
				? `takes at most ${type.value.maxLen} bytes`
				: undefined;
		}
		case "bool":
			return type.value.const && value !== true ? "must be true" : undefined;
		case "enum": {
			const number = value as number;
			if (type.value.notIn.includes(number)) return `value ${number} is not allowed`;
			if (type.value.in.length > 0 && !type.value.in.includes(number)) return `value ${number} is not allowed`;
			const desc = "enum" in field ? field.enum : undefined;
			if (type.value.definedOnly && desc !== undefined && desc.value[number] === undefined)
				return `${number} is no value of this enum`;
			return undefined;
		}
		case "duration":
			return checkDuration(type.value, value as Duration);
		case "uint32":
		case "uint64":
		case "int32":
		case "int64":
		case "double":
		case "float":
		case "sint32":
		case "sint64":
			return checkNumber(type.value, Number(value), isUnsetDefault(field, value));
		default:
			return undefined;
	}
}

interface StringBounds {
	readonly const: string;
	readonly minLen: bigint;
	readonly maxLen: bigint;
	readonly minBytes: bigint;
	readonly maxBytes: bigint;
	readonly pattern: string;
	readonly prefix: string;
	readonly suffix: string;
	readonly contains: string;
	readonly in: readonly string[];
	readonly notIn: readonly string[];
	readonly ignoreEmpty: boolean;
	readonly strict: boolean;
	readonly wellKnown: { readonly case: string | undefined; readonly value?: unknown };
}

function checkString(rules: StringBounds, text: string): string | undefined {
	if (rules.ignoreEmpty && text === "") return undefined;
	if (rules.minLen > 0n && text.length < Number(rules.minLen)) return `must have at least ${rules.minLen} character(s)`;
	if (rules.minBytes > 0n && Buffer.byteLength(text) < Number(rules.minBytes))
		return `must have at least ${rules.minBytes} byte(s)`;
	if (rules.maxLen > 0n && text.length > Number(rules.maxLen)) return `must have at most ${rules.maxLen} characters`;
	if (rules.maxBytes > 0n && Buffer.byteLength(text) > Number(rules.maxBytes))
		return `must have at most ${rules.maxBytes} bytes`;
	if (rules.prefix !== "" && !text.startsWith(rules.prefix)) return `must start with '${rules.prefix}'`;
	if (rules.suffix !== "" && !text.endsWith(rules.suffix)) return `must end with '${rules.suffix}'`;
	if (rules.contains !== "" && !text.includes(rules.contains)) return `must contain '${rules.contains}'`;
	if (rules.in.length > 0 && !rules.in.includes(text)) return `must be one of ${rules.in.join(", ")}`;
	if (rules.notIn.includes(text)) return `'${text}' is not allowed`;
	if (rules.pattern !== "" && !new RegExp(rules.pattern).test(text))
		return `'${text}' does not have the form ${rules.pattern}`;
	if (rules.wellKnown.case === "wellKnownRegex") return checkWellKnown(rules, text);
	return undefined;
}

function checkWellKnown(rules: StringBounds, text: string): string | undefined {
	if (!rules.strict) return /[\0\r\n]/.test(text) ? "must not have line ends or NUL" : undefined;
	if (rules.wellKnown.value === KnownRegex.HTTP_HEADER_NAME) {
		return /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/.test(text) ? undefined : `'${text}' is no header name`;
	}
	return /[\0-\x08\x0a-\x1f\x7f]/.test(text) ? "must not have control characters" : undefined;
}

interface Bounds {
	readonly const?: number | bigint;
	readonly lt: number | bigint;
	readonly lte: number | bigint;
	readonly gt: number | bigint;
	readonly gte: number | bigint;
	readonly in: readonly (number | bigint)[];
	readonly notIn: readonly (number | bigint)[];
	readonly ignoreEmpty?: boolean;
}

/** protobuf's proto2 defaults hide whether a bound is set: an own property says it. */
function checkNumber(rules: Bounds, value: number, isDefault: boolean): string | undefined {
	if (rules.ignoreEmpty && isDefault) return undefined;
	const has = (name: keyof Bounds): boolean => Object.hasOwn(rules, name);
	if (has("gt") && !(value > Number(rules.gt))) return `must be greater than ${rules.gt}`;
	if (has("gte") && !(value >= Number(rules.gte))) return `must be at least ${rules.gte}`;
	if (has("lt") && !(value < Number(rules.lt))) return `must be less than ${rules.lt}`;
	if (has("lte") && !(value <= Number(rules.lte))) return `must be at most ${rules.lte}`;
	if (rules.in.length > 0 && !rules.in.some((one) => Number(one) === value))
		return `must be one of ${rules.in.join(", ")}`;
	return undefined;
}

interface DurationBounds {
	readonly lt?: Duration | undefined;
	readonly lte?: Duration | undefined;
	readonly gt?: Duration | undefined;
	readonly gte?: Duration | undefined;
}

function checkDuration(rules: DurationBounds, value: Duration): string | undefined {
	const ms = toMs(value);
	if (rules.gt !== undefined && !(ms > toMs(rules.gt))) return `must be longer than ${toMs(rules.gt)} ms`;
	if (rules.gte !== undefined && !(ms >= toMs(rules.gte))) return `must be at least ${toMs(rules.gte)} ms`;
	if (rules.lt !== undefined && !(ms < toMs(rules.lt))) return `must be shorter than ${toMs(rules.lt)} ms`;
	if (rules.lte !== undefined && !(ms <= toMs(rules.lte))) return `must be at most ${toMs(rules.lte)} ms`;
	return undefined;
}

function toMs(duration: Duration): number {
	return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

function isUnsetDefault(field: DescField, value: unknown): boolean {
	return field.fieldKind === "scalar" && field.scalar !== ScalarType.STRING && Number(value) === 0;
}
