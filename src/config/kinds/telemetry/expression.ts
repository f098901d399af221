import { parseExpressionText } from "../../../core/index.ts";
import { quote } from "../../schema/scalars.ts";
import { findPatternFault } from "../http-route/regular-expression.ts";

/** Functions of proxies by how many values they take, receivers counted; those of operators are always there. */
export const proxyFunctions: Readonly<Record<string, readonly [min: number, max: number]>> = {
	...Object.fromEntries(
		["size", "timestamp", "duration", "int", "uint", "double", "bool", "dyn", "type"].map((name) => [name, [1, 1]]),
	),
	...Object.fromEntries(["contains", "startsWith", "endsWith", "matches"].map((name) => [name, [2, 2]])),
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
		].map((name) => [name, [1, 2]]),
	),
};

/** Why proxies would not take an expression; undefined when they would. `joinsTexts` allows `string()`, as Istio's metrics do. */
export function findExpressionProblem(text: string, joinsTexts: boolean): string | undefined {
	const parsed = parseExpressionText(text);
	if (!parsed.ok) return `${quote(text)} is no expression: ${parsed.problem}`;
	const problem = findIn(parsed.expression, joinsTexts);
	return problem === undefined ? undefined : `${quote(text)} cannot be evaluated by proxies: ${problem}`;
}

function findIn(node: unknown, joinsTexts: boolean): string | undefined {
	if (typeof node !== "object" || node === null) return undefined;
	const { case: kind, value } = node as { readonly case?: unknown; readonly value?: unknown };
	if (kind === "comprehensionExpr") return "there are no macros but has()";
	if (kind === "callExpr") {
		const {
			args,
			function: name,
			target,
		} = value as {
			readonly args: readonly unknown[];
			readonly function: string;
			readonly target?: unknown;
		};
		const count = args.length + (target === undefined ? 0 : 1);
		const bounds = joinsTexts && name === "string" ? [1, 1] : proxyFunctions[name];
		const isOperator = !/^[A-Za-z]/.test(name);
		if (!isOperator && bounds === undefined) return `there is no function ${name}`;
		if (bounds !== undefined && (count < bounds[0]! || count > bounds[1]!))
			return `there is no function ${name} that takes ${count} values`;
		const pattern = name === "matches" ? textOf(args[target === undefined ? 1 : 0]) : undefined;
		const fault = pattern === undefined ? undefined : findPatternFault(pattern);
		if (fault !== undefined) return `${quote(pattern ?? "")} is no pattern of RE2: ${fault}`;
	}
	for (const inner of Array.isArray(node) ? node : Object.values(node)) {
		const problem = findIn(inner, joinsTexts);
		if (problem !== undefined) return problem;
	}
	return undefined;
}

/** A text that stands in the expression as it is. */
function textOf(node: unknown): string | undefined {
	const { exprKind } = node as { readonly exprKind?: { readonly case?: unknown; readonly value?: unknown } };
	if (exprKind?.case !== "constExpr") return undefined;
	const { constantKind } = exprKind.value as {
		readonly constantKind: { readonly case?: unknown; readonly value?: unknown };
	};
	return constantKind.case === "stringValue" ? String(constantKind.value) : undefined;
}
