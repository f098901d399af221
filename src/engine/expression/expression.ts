import type { Value } from "./values.ts";

/** A parsed expression: `google.api.expr.v1alpha1.Expr` without comprehensions and messages. */
export type Expression =
	| { readonly kind: "constant"; readonly value: Value }
	| { readonly kind: "name"; readonly name: string }
	/** `operand.field`, or with `isTest` whether there is such a field. */
	| { readonly kind: "select"; readonly operand: Expression; readonly field: string; readonly isTest: boolean }
	/** The receiver, if any, is the first argument. */
	| { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
	/** `matches` with a pattern that is known beforehand. */
	| { readonly kind: "matches"; readonly operand: Expression; readonly regex: RegExp }
	| { readonly kind: "list"; readonly elements: readonly Expression[] }
	| { readonly kind: "map"; readonly entries: readonly (readonly [Expression, Expression])[] };
