import { Failure, Instant, instantOf, Span, spanOf, Unsigned, type Value } from "./values.ts";

export type Operator = "+" | "-" | "*" | "/" | "%";

/** Calculates with two values of one type, or with times; undefined where there is no such calculation. */
export function arithmetic(operator: Operator, left: Value, right: Value): Value | undefined {
	if (typeof left === "bigint" && typeof right === "bigint") {
		return inRange(calculate(operator, left, right), -(2n ** 63n), 2n ** 63n - 1n);
	}
	if (typeof right === "number" && operator !== "%") {
		// The sign of a double: zero minus it.
		if (left === 0n && operator === "-") return -right;
		return typeof left === "number" ? ofDoubles(operator, left, right) : undefined;
	}
	if (left instanceof Unsigned && right instanceof Unsigned) {
		const result = inRange(calculate(operator, left.value, right.value), 0n, 2n ** 64n - 1n);
		return typeof result === "bigint" ? new Unsigned(result) : result;
	}
	return operator === "+" || operator === "-" ? ofTimes(operator, left, right) : undefined;
}

function calculate(operator: Operator, left: bigint, right: bigint): bigint | Failure {
	switch (operator) {
		case "+":
			return left + right;
		case "-":
			return left - right;
		case "*":
			return left * right;
		case "/":
			return right === 0n ? new Failure("divide by zero") : left / right;
		case "%":
			return right === 0n ? new Failure("modulus by zero") : left % right;
	}
}

function inRange(value: bigint | Failure, min: bigint, max: bigint): bigint | Failure {
	return typeof value === "bigint" && (value < min || value > max) ? new Failure("integer overflow") : value;
}

function ofDoubles(operator: Exclude<Operator, "%">, left: number, right: number): number {
	switch (operator) {
		case "+":
			return left + right;
		case "-":
			return left - right;
		case "*":
			return left * right;
		case "/":
			return left / right;
	}
}

function ofTimes(operator: "+" | "-", left: Value, right: Value): Value | undefined {
	const sign = operator === "+" ? 1n : -1n;
	if (right instanceof Span) {
		if (left instanceof Span) return spanOf(left.nanos + sign * right.nanos);
		return left instanceof Instant ? instantOf(left.nanos + sign * right.nanos) : undefined;
	}
	if (!(right instanceof Instant)) return undefined;
	if (left instanceof Span && operator === "+") return instantOf(left.nanos + right.nanos);
	return left instanceof Instant && operator === "-" ? spanOf(left.nanos - right.nanos) : undefined;
}
