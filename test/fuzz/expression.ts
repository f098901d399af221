/** Evaluates random CEL expressions over hostile values: `node test/fuzz/expression.ts [seed]` runs until it is stopped or finds
 *  something. The short run of the suite is expression.test.ts. */
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import {
	type Expression,
	evaluate,
	formatValue,
	toJson,
	Unsigned,
	type Value,
} from "../../src/engine/expression/index.ts";
import { makeStream } from "../support/streams.ts";
import { pick } from "./random-document.ts";

const stream = makeStream();

const values: readonly Value[] = [
	null,
	true,
	0n,
	-1n,
	2n ** 63n - 1n,
	-(2n ** 63n),
	9_000_000_000_000_000n,
	new Unsigned(2n ** 64n - 1n),
	0,
	1e300,
	Number.NaN,
	Number.POSITIVE_INFINITY,
	"",
	"constructor",
	"-9223372036854775808",
	"1e999",
	`${"9".repeat(400)}s`,
	"99999999999h",
	"-0.5ns",
	"0000-01-01T00:00:00Z",
	"9999-12-31T23:59:59.999999999Z",
	"Europe/Berlin",
	"+99:99",
	"(a",
	Buffer.of(0xff),
	[],
	[1n, "a"],
];

const functions: readonly (readonly [string, number])[] = [
	...["!_", "-_", "size", "timestamp", "duration", "int", "uint", "double", "type"].map((name) => [name, 1] as const),
	...["_+_", "_-_", "_*_", "_/_", "_%_", "_==_", "_<_", "_[_]", "@in", "matches"].map((name) => [name, 2] as const),
	...["getFullYear", "getDayOfYear", "getHours", "getMilliseconds"].flatMap((name) => [
		[name, 1] as const,
		[name, 2] as const,
	]),
];

/** One round: whatever the values are, an expression has a value, or a failure that is one, and both can be told.
 *  @throws an error that holds the expression */
export function fuzzExpression(random: Random): void {
	const expression = makeExpression(random, 4);
	try {
		const value = evaluate(expression, stream);
		formatValue(value);
		toJson(value);
	} catch (error) {
		const text = JSON.stringify(expression, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
		throw new Error(`this expression throws: ${text}`, { cause: error });
	}
}

function makeExpression(random: Random, depth: number): Expression {
	if (depth === 0 || random.next() < 0.3) return { kind: "constant", value: pick(random, values) };
	const [name, count] = pick(random, functions);
	return { kind: "call", name, args: Array.from({ length: count }, () => makeExpression(random, depth - 1)) };
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	for (;;) fuzzExpression(random);
}
