import type { Problem } from "../../core/index.ts";
import { evaluate, formatValue, isFailure, toJson } from "../../engine/expression/index.ts";
import type { FormatEnvironment } from "../../engine/format/index.ts";
import { readExpressionText } from "./expression.ts";
import { Scope } from "./scope.ts";

/** What the formats of a place may ask for: the process, and expressions about the stream (`%CEL(…)%`). */
export function formatEnvironmentOf({ environment }: Scope): FormatEnvironment {
	return {
		hostname: environment.hostname,
		environment: (name) => environment.environment(name),
		compileExpression(text) {
			const problems: Problem[] = [];
			const expression = readExpressionText(text, new Scope("", problems, {}));
			const problem = problems[0]?.problem;
			if (problem !== undefined) return { ok: false, problem };
			return {
				ok: true,
				value: {
					text(stream) {
						const value = evaluate(expression, stream);
						return isFailure(value) ? undefined : formatValue(value);
					},
					json: (stream) => toJson(evaluate(expression, stream)),
				},
			};
		},
	};
}
