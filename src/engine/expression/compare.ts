import { Instant, isFailure, isList, isMap, Span, Unsigned, type Value } from "./values.ts";

/** Whether two values are equal; numbers of different types are compared by what they stand for, other types are never equal. */
export function equals(left: Value, right: Value): boolean {
	const numbers = asNumbers(left, right);
	// biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number of one size are equal
	if (numbers !== undefined) return numbers[0] == numbers[1];
	if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0;
	if (left instanceof Instant && right instanceof Instant) return left.nanos === right.nanos;
	if (left instanceof Span && right instanceof Span) return left.nanos === right.nanos;
	if (left === null || right === null || isFailure(left) || isFailure(right)) return left === right;
	if (isList(left) && isList(right)) {
		return left.length === right.length && left.every((one, index) => equals(one, right[index]!));
	}
	if (isMap(left) && isMap(right)) {
		if (left.size === undefined || left.size !== right.size) return false;
		return [...left.entries()].every(([key, value]) => {
			const other = right.get(key);
			return other !== undefined && equals(value, other);
		});
	}
	return left === right;
}

/** Below, equal or above 0; undefined for values that have no order. */
export function compareValues(left: Value, right: Value): number | undefined {
	const numbers = asNumbers(left, right);
	if (numbers !== undefined) return order(...numbers);
	if (typeof left === "string" && typeof right === "string") {
		return Buffer.compare(Buffer.from(left), Buffer.from(right));
	}
	if (typeof left === "boolean" && typeof right === "boolean") return order(Number(left), Number(right));
	if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
	if (left instanceof Instant && right instanceof Instant) return order(left.nanos, right.nanos);
	if (left instanceof Span && right instanceof Span) return order(left.nanos, right.nanos);
	return undefined;
}

type Numeric = bigint | number;

function order(left: Numeric, right: Numeric): number | undefined {
	if (left < right) return -1;
	if (left > right) return 1;
	return Number.isNaN(Number(left)) || Number.isNaN(Number(right)) ? undefined : 0;
}

function asNumbers(left: Value, right: Value): [Numeric, Numeric] | undefined {
	const first = asNumber(left);
	const second = asNumber(right);
	return first === undefined || second === undefined ? undefined : [first, second];
}

function asNumber(value: Value): Numeric | undefined {
	if (typeof value === "bigint" || typeof value === "number") return value;
	return value instanceof Unsigned ? value.value : undefined;
}
