import type { AccessLogFilter, StatusComparison } from "../../../model/index.ts";

/** Reads the expressions that every proxy can judge: `response.code >= 400`, several joined by `&&` or by `||`. Undefined for any other
 *  (Common Expression Language). */
export function parseLogFilter(text: string): AccessLogFilter | undefined {
	const hasAll = text.includes("&&");
	const hasAny = text.includes("||");
	if (hasAll && hasAny) return undefined;
	const comparisons = text.split(hasAny ? "||" : "&&").map(parseComparison);
	if (comparisons.includes(undefined)) return undefined;
	return { combine: hasAny ? "any" : "all", comparisons: comparisons as readonly StatusComparison[] };
}

function parseComparison(text: string): StatusComparison | undefined {
	const [, operator, digits] = /^\(*\s*response\.code\s*(>=|<=|==|!=|>|<)\s*(\d{1,3})\s*\)*$/.exec(text.trim()) ?? [];
	const status = Number(digits);
	switch (operator) {
		case ">":
			return { operator: ">=", status: status + 1 };
		case "<":
			return { operator: "<=", status: status - 1 };
		case ">=":
		case "<=":
		case "==":
		case "!=":
			return { operator, status };
		default:
			return undefined;
	}
}
