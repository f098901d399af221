import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Constant, ExprSchema } from "../../api/gen/google/api/expr/v1alpha1/syntax_pb.js";
import { evaluate, isFailure } from "../../engine/expression/index.ts";
import { readExpression } from "./expression.ts";
import { Scope } from "./scope.ts";

/** Constants ask for nothing of it. */
const noStream = {} as Parameters<typeof evaluate>[1];

type Kind = Constant["constantKind"];

/** What `constant.method()` is, as text or number. */
function callMethod(constantKind: Kind, method: string): unknown {
	const constant = create(ExprSchema, { exprKind: { case: "constExpr", value: { constantKind } } });
	const call = create(ExprSchema, {
		exprKind: { case: "callExpr", value: { function: method, target: constant, args: [] } },
	});
	const problems: never[] = [];
	const expression = readExpression(call, new Scope("", problems, {}));
	assert.deepEqual(problems, []);
	return evaluate(expression, noStream);
}

test("constants of binary configuration beyond their range are failures where they are used", () => {
	const time = (seconds: bigint): Kind => ({ case: "timestampValue", value: { seconds, nanos: 0 } }) as unknown as Kind;
	const duration = (seconds: bigint): Kind =>
		({ case: "durationValue", value: { seconds, nanos: 0 } }) as unknown as Kind;
	assert.equal(callMethod(time(0n), "getFullYear"), 1970n);
	assert.equal(callMethod(duration(7200n), "getHours"), 2n);
	for (const value of [time(9_000_000_000_000_000n), time(-9_000_000_000_000_000n)]) {
		assert.ok(isFailure(callMethod(value, "getFullYear") as never));
	}
	assert.ok(isFailure(callMethod(duration(400_000_000_000n), "getHours") as never));
});
