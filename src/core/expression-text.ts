import { createRequire } from "node:module";
import { describeError } from "./errors.ts";

/** An expression as a tree (`google.api.expr.v1alpha1.Expr`), or why the text is none. */
export type ParsedExpression =
	| { readonly ok: true; readonly expression: unknown }
	| { readonly ok: false; readonly problem: string };

type Parser = typeof import("@bufbuild/cel");
let parser: Parser | undefined;

/** Parses a text in the Common Expression Language. The parser is loaded with the first text, for few configurations have one. */
export function parseExpressionText(text: string): ParsedExpression {
	parser ??= createRequire(import.meta.url)("@bufbuild/cel") as Parser;
	try {
		return { ok: true, expression: parser.parse(text).expr };
	} catch (error) {
		return { ok: false, problem: describeError(error).replace(/^<input>:/, "") };
	}
}
