import type { Constant, Expr } from "../../api/gen/google/api/expr/v1alpha1/syntax_pb.js";
import { parseExpressionText } from "../../core/index.ts";
import {
	compilePattern,
	type Expression,
	findFunction,
	instantOf,
	spanOf,
	Unsigned,
	type Value,
} from "../../engine/expression/index.ts";
import type { Scope } from "./scope.ts";

const nothing: Expression = { kind: "constant", value: null };

/** Translates a parsed expression. Comprehensions, messages and functions that Envoy does not have are problems. `joinsTexts` allows
 *  conversions to text and joining of texts and lists. */
export function readExpression(message: Expr | undefined, scope: Scope, joinsTexts = false): Expression {
	const kind = message?.exprKind;
	switch (kind?.case) {
		case "constExpr":
			return { kind: "constant", value: readConstant(kind.value) };
		case "identExpr":
			return { kind: "name", name: kind.value.name };
		case "selectExpr": {
			const at = scope.at("select_expr");
			const { field, operand, testOnly } = kind.value;
			return {
				kind: "select",
				operand: readExpression(operand, at.at("operand"), joinsTexts),
				field,
				isTest: testOnly,
			};
		}
		case "callExpr":
			return readCall(kind.value, scope.at("call_expr"), joinsTexts);
		case "listExpr": {
			const at = scope.at("list_expr");
			return {
				kind: "list",
				elements: kind.value.elements.map((one, index) => readExpression(one, at.at("elements", index), joinsTexts)),
			};
		}
		case "structExpr":
			return readMap(kind.value, scope.at("struct_expr"), joinsTexts);
		case "comprehensionExpr":
			scope.at("comprehension_expr").report("comprehensions are not allowed in expressions");
			return nothing;
		default:
			scope.report("an expression must be of some kind");
			return nothing;
	}
}

/** Translates the text of an expression, in the Common Expression Language. */
export function readExpressionText(text: string, scope: Scope, joinsTexts = false): Expression {
	const parsed = parseExpressionText(text);
	if (parsed.ok) return readExpression(parsed.expression as Expr | undefined, scope, joinsTexts);
	scope.report(`${JSON.stringify(text)} is no expression: ${parsed.problem}`);
	return nothing;
}

type Kind<Case extends string> = Extract<Expr["exprKind"], { case: Case }>["value"];

function readCall(message: Kind<"callExpr">, scope: Scope, joinsTexts: boolean): Expression {
	const { args, target } = message;
	const name = message.function;
	const all = [
		...(target === undefined ? [] : [readExpression(target, scope.at("target"), joinsTexts)]),
		...args.map((one, index) => readExpression(one, scope.at("args", index), joinsTexts)),
	];
	const known = findFunction(name, all.length, joinsTexts);
	if (known === undefined) {
		scope.at("function").report(`there is no function ${name} that takes ${all.length} values`);
		return nothing;
	}
	const pattern = name === "matches" ? all[1] : undefined;
	if (pattern?.kind === "constant" && typeof pattern.value === "string") {
		const regex = compilePattern(pattern.value);
		if (regex !== undefined) return { kind: "matches", operand: all[0]!, regex };
		scope.at("args").report(`${JSON.stringify(pattern.value)} is no pattern of RE2`);
	}
	return { kind: "call", name: known, args: all };
}

function readMap(message: Kind<"structExpr">, scope: Scope, joinsTexts: boolean): Expression {
	if (message.messageName !== "") scope.at("message_name").report("messages are not supported in expressions");
	return {
		kind: "map",
		entries: message.entries.map((entry, index) => {
			const at = scope.at("entries", index);
			const key = entry.keyKind;
			return [
				key.case === "mapKey"
					? readExpression(key.value, at.at("map_key"), joinsTexts)
					: { kind: "constant", value: key.value ?? "" },
				readExpression(entry.value, at.at("value"), joinsTexts),
			];
		}),
	};
}

/** Binary configuration can hold times and durations out of range: such a constant is a failure when it is evaluated. */
function readConstant({ constantKind: kind }: Constant): Value {
	switch (kind.case) {
		case "uint64Value":
			return new Unsigned(kind.value);
		case "durationValue":
			return spanOf(nanosOf(kind.value));
		case "timestampValue":
			return instantOf(nanosOf(kind.value));
		case "boolValue":
		case "int64Value":
		case "doubleValue":
		case "stringValue":
		case "bytesValue":
			return kind.value;
		default:
			return null;
	}
}

function nanosOf({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): bigint {
	return seconds * 1_000_000_000n + BigInt(nanos);
}
