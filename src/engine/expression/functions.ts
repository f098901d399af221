import { translateRe2 } from "../matcher/index.ts";
import { arithmetic } from "./arithmetic.ts";
import { compareValues, equals } from "./compare.ts";
import { convert, readTimePart } from "./time-functions.ts";
import { Failure, formatValue, isList, isMap, typeName, type Value } from "./values.ts";

const noOverload = new Failure("no such overload");

/** Applies a function to values that are no failures. */
export function call(name: string, args: readonly Value[]): Value {
	const known = functions[name];
	return known === undefined || args.length < known.min || args.length > known.max ? noOverload : known.run(args);
}

/** The name by which {@link call} knows a function that takes so many arguments; undefined when there is none. `joinsTexts` adds what
 *  Envoy leaves out and Istio's metrics have: conversions to text, and joining of texts and lists. */
export function findFunction(name: string, count: number, joinsTexts: boolean): string | undefined {
	if (joinsTexts && name === "string") return count === 1 ? toText : undefined;
	if (!isKnownFunction(name, count)) return undefined;
	return joinsTexts && name === "_+_" ? join : name;
}

const toText = "string";
const join = "join";

function isKnownFunction(name: string, count: number): boolean {
	if (name === toText || name === join) return false;
	if (name === "_&&_" || name === "_||_") return count === 2;
	if (name === "_?_:_") return count === 3;
	const known = functions[name];
	return known !== undefined && count >= known.min && count <= known.max;
}

interface KnownFunction {
	readonly min: number;
	readonly max: number;
	run(args: readonly Value[]): Value;
}

const unary = (run: (value: Value) => Value): KnownFunction => ({ min: 1, max: 1, run: ([value]) => run(value!) });
const binary = (run: (left: Value, right: Value) => Value): KnownFunction => ({
	min: 2,
	max: 2,
	run: ([left, right]) => run(left!, right!),
});
const ofTexts = (run: (text: string, other: string) => Value): KnownFunction =>
	binary((left, right) => (typeof left === "string" && typeof right === "string" ? run(left, right) : noOverload));
const ordered = (holds: (order: number) => boolean): KnownFunction =>
	binary((left, right) => {
		const order = compareValues(left, right);
		return order === undefined ? noOverload : holds(order);
	});
const timePart = (name: string): KnownFunction => ({
	min: 1,
	max: 2,
	run: ([value, zone]) => readTimePart(name, value!, zone) ?? noOverload,
});

const isIn = binary((value, container) => {
	if (isList(container)) return container.some((one) => equals(one, value));
	if (isMap(container)) return container.get(value) !== undefined;
	return noOverload;
});

/** Envoy's set: the standard definitions without conversions to text and joining of texts and lists. */
const functions: Readonly<Record<string, KnownFunction>> = {
	"!_": unary((value) => (typeof value === "boolean" ? !value : noOverload)),
	"-_": unary((value) => arithmetic("-", 0n, value) ?? noOverload),
	"_==_": binary(equals),
	"_!=_": binary((left, right) => !equals(left, right)),
	"_<_": ordered((order) => order < 0),
	"_<=_": ordered((order) => order <= 0),
	"_>_": ordered((order) => order > 0),
	"_>=_": ordered((order) => order >= 0),
	"_+_": binary((left, right) => arithmetic("+", left, right) ?? noOverload),
	"_-_": binary((left, right) => arithmetic("-", left, right) ?? noOverload),
	"_*_": binary((left, right) => arithmetic("*", left, right) ?? noOverload),
	"_/_": binary((left, right) => arithmetic("/", left, right) ?? noOverload),
	"_%_": binary((left, right) => arithmetic("%", left, right) ?? noOverload),
	"_[_]": binary((container, key) => {
		if (isMap(container)) return container.get(key) ?? new Failure("key not found in map");
		if (!isList(container) || typeof key !== "bigint") return noOverload;
		return container[Number(key)] ?? new Failure("index error");
	}),
	"@in": isIn,
	in: isIn,
	_in_: isIn,
	size: unary((value) => {
		if (typeof value === "string") return BigInt([...value].length);
		if (value instanceof Uint8Array || isList(value)) return BigInt(value.length);
		return isMap(value) && value.size !== undefined ? BigInt(value.size) : noOverload;
	}),
	contains: ofTexts((text, part) => text.includes(part)),
	startsWith: ofTexts((text, part) => text.startsWith(part)),
	endsWith: ofTexts((text, part) => text.endsWith(part)),
	matches: ofTexts(matchesPattern),
	timestamp: unary((value) => convert("timestamp", value) ?? noOverload),
	duration: unary((value) => convert("duration", value) ?? noOverload),
	int: unary((value) => convert("int", value) ?? noOverload),
	uint: unary((value) => convert("uint", value) ?? noOverload),
	double: unary((value) => convert("double", value) ?? noOverload),
	bool: unary((value) => (typeof value === "boolean" ? value : noOverload)),
	dyn: unary((value) => value),
	type: unary(typeName),
	[toText]: unary((value) => {
		if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
		return value === null || isList(value) || isMap(value) ? noOverload : formatValue(value);
	}),
	[join]: binary((left, right) => {
		if (typeof left === "string" && typeof right === "string") return left + right;
		if (isList(left) && isList(right)) return [...left, ...right];
		return arithmetic("+", left, right) ?? noOverload;
	}),
	...Object.fromEntries(
		[
			"getFullYear",
			"getMonth",
			"getDayOfYear",
			"getDayOfMonth",
			"getDate",
			"getDayOfWeek",
			"getHours",
			"getMinutes",
			"getSeconds",
			"getMilliseconds",
		].map((name) => [name, timePart(name)]),
	),
};

/** `matches`: a part of the text is enough. */
function matchesPattern(text: string, pattern: string): Value {
	const regex = compilePattern(pattern);
	return regex === undefined ? new Failure("invalid pattern") : regex.test(text);
}

/** A pattern in RE2's syntax that may match anywhere; undefined when it is none. */
export function compilePattern(pattern: string): RegExp | undefined {
	const translated = translateRe2(pattern);
	return translated.ok ? new RegExp(translated.source, translated.flags) : undefined;
}
