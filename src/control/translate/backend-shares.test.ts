import assert from "node:assert/strict";
import { test } from "node:test";
import { FractionalPercent_DenominatorType as Denominator } from "../../api/gen/envoy/type/v3/percent_pb.js";
import type { BackendRef, RouteRule } from "../../model/index.ts";
import { listDestinations, splitByBackend } from "./backend-shares.ts";

const backend = (name: string, weight: number, filters?: BackendRef["filters"]): BackendRef => ({
	destination: { kind: "host", host: name },
	weight,
	...(filters !== undefined && { filters }),
});
const rule = (...backends: BackendRef[]): RouteRule => ({ matches: [], backends, path: "spec.rules[0]" });

test("a rule whose backends have no filters of their own stays one route", () => {
	const one = rule(backend("a", 1), backend("b", 2));
	assert.deepEqual(splitByBackend(one), [{ rule: one, match: {} }]);
});

test("each backend takes the requests between the shares before it and its own", () => {
	const shares = splitByBackend(
		rule(backend("a", 1, { rewrite: { hostname: "x" } }), backend("none", 0), backend("b", 2), backend("c", 1)),
	);
	assert.deepEqual(
		shares.map(({ rule: { backends, rewrite }, match }) => [
			backends.map(({ destination }) => destination.kind === "host" && destination.host),
			rewrite?.hostname,
			match.runtimeFraction?.defaultValue,
		]),
		[
			[["a"], "x", { numerator: 250_000, denominator: Denominator.MILLION }],
			[["b"], undefined, { numerator: 750_000, denominator: Denominator.MILLION }],
			[["c"], undefined, undefined],
		],
	);
});

test("what a backend says holds in place of what the rule says, its mirrors beside the rule's", () => {
	const mirror = (host: string) => ({ destination: { kind: "host", host }, percent: 100 }) as const;
	const [share] = splitByBackend({
		...rule(backend("a", 1, { rewrite: { hostname: "own" }, mirrors: [mirror("m2")] })),
		rewrite: { hostname: "of the rule" },
		mirrors: [mirror("m1")],
	});
	assert.equal(share?.rule.rewrite?.hostname, "own");
	assert.deepEqual(share?.rule.mirrors, [mirror("m1"), mirror("m2")]);
});

test("mirrors of backends count as destinations", () => {
	const hosts = listDestinations(
		rule(backend("a", 1, { mirrors: [{ destination: { kind: "host", host: "m" }, percent: 1 }] })),
	);
	assert.deepEqual(hosts, [
		{ kind: "host", host: "a" },
		{ kind: "host", host: "m" },
	]);
});
