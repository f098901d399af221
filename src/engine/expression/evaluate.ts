import type { StreamInfo } from "../format/index.ts";
import { readName } from "./attributes.ts";
import type { Expression } from "./expression.ts";
import { call } from "./functions.ts";
import { Failure, isFailure, isMap, type Value } from "./values.ts";

/** What an expression says of a stream. */
export function evaluate(expression: Expression, stream: StreamInfo): Value {
	switch (expression.kind) {
		case "constant":
			return expression.value;
		case "name":
			return readName(expression.name, stream) ?? new Failure(`no value with name ${expression.name}`);
		case "select":
			return select(expression, stream);
		case "call":
			return callFunction(expression.name, expression.args, stream);
		case "matches": {
			const text = evaluate(expression.operand, stream);
			if (typeof text === "string") return expression.regex.test(text);
			return isFailure(text) ? text : new Failure("no such overload");
		}
		case "list": {
			const values = expression.elements.map((one) => evaluate(one, stream));
			return values.find(isFailure) ?? values;
		}
		case "map":
			return makeMap(expression.entries, stream);
	}
}

/** Whether an expression is true of a stream; one that fails, or is no truth value, is not. */
export function matchesExpression(expression: Expression, stream: StreamInfo): boolean {
	return evaluate(expression, stream) === true;
}

function select(expression: Extract<Expression, { kind: "select" }>, stream: StreamInfo): Value {
	const { field, isTest } = expression;
	const operand = evaluate(expression.operand, stream);
	if (isFailure(operand)) return operand;
	if (!isMap(operand)) return new Failure(`no field ${field}`);
	const value = operand.get(field);
	if (isTest) return value !== undefined;
	return value ?? (value === null ? null : new Failure(`no such key: ${field}`));
}

function callFunction(name: string, args: readonly Expression[], stream: StreamInfo): Value {
	const value = (index: number): Value => evaluate(args[index]!, stream);
	switch (name) {
		case "_&&_":
		case "_||_":
			return decide(name === "_||_", value);
		case "_?_:_": {
			const condition = value(0);
			if (typeof condition !== "boolean") return isFailure(condition) ? condition : new Failure("no such overload");
			return value(condition ? 1 : 2);
		}
		default: {
			const values: Value[] = [];
			for (let index = 0; index < args.length; index++) {
				const argument = value(index);
				if (isFailure(argument)) return argument;
				values.push(argument);
			}
			return call(name, values);
		}
	}
}

/** `&&` and `||`: one side that decides makes an error of the other one not matter. */
function decide(decisive: boolean, value: (index: number) => Value): Value {
	const left = value(0);
	if (left === decisive) return decisive;
	const right = value(1);
	if (right === decisive) return decisive;
	if (left === !decisive && right === !decisive) return !decisive;
	return [left, right].find(isFailure) ?? new Failure("no such overload");
}

function makeMap(entries: readonly (readonly [Expression, Expression])[], stream: StreamInfo): Value {
	const made: (readonly [Value, Value])[] = [];
	for (const [key, value] of entries) {
		const entry = [evaluate(key, stream), evaluate(value, stream)] as const;
		const failure = entry.find(isFailure);
		if (failure !== undefined) return failure;
		made.push(entry);
	}
	return {
		get: (key) => made.find(([one]) => call("_==_", [one, key]) === true)?.[1],
		size: made.length,
		entries: () => made,
	};
}
