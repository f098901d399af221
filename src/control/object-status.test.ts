import assert from "node:assert/strict";
import { test } from "node:test";
import type { LocatedProblem } from "../config/index.ts";
import { describeStatus } from "./object-status.ts";

interface Shown {
	readonly parents: readonly { readonly conditions: readonly { readonly type: string; readonly message: string }[] }[];
	readonly conditions: readonly object[];
}

const at = { file: "a.yaml", line: 7, severity: "error", kind: "HTTPRoute", namespace: "shop", name: "r" } as const;
const problemOf = (path: string, problem: string) => ({ ...at, path, problem }) as unknown as LocatedProblem;
const parentOf = (status: string) => ({
	controllerName: "amime.dev/gateway-controller",
	conditions: [{ type: "Accepted", status, reason: "x", message: "", observedGeneration: 4 }],
});
const status = { parents: [parentOf("True"), parentOf("False")] };

test("a route with broken rules is partially invalid for each parent that accepted it", () => {
	const dropped = problemOf("spec.rules[0].filters[0].type", "is not supported; this rule is left out");
	const shown = describeStatus(status, [dropped]) as Shown;
	assert.deepEqual(shown.parents[0]!.conditions[1], {
		type: "PartiallyInvalid",
		status: "True",
		reason: "UnsupportedValue",
		message: "Dropped Rule: spec.rules[0].filters[0].type: is not supported; this rule is left out",
		observedGeneration: 4,
	});
	assert.deepEqual(shown.parents[1], status.parents[1], "not where it is not accepted");
	assert.equal(shown.conditions.length, 1);

	const kept = describeStatus(status, [
		problemOf("spec.rules[1]", "is refused: the last good version serves"),
	]) as Shown;
	assert.match(kept.parents[0]!.conditions[1]!.message, /^Fall Back: spec\.rules\[1\]/);
});

test("what is wrong elsewhere says nothing of rules, and a good route nothing at all", () => {
	const elsewhere = describeStatus(status, [problemOf("spec.hostnames[0]", "is no name")]) as Shown;
	assert.deepEqual(elsewhere.parents, status.parents);
	assert.equal(describeStatus(status, []), status);
});
