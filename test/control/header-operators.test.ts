/** Operators of header values: what configuration lets through is what proxies know. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOperatorFault, headerOperators } from "../../src/config/kinds/istio/header-operators.ts";
import { compileTextFormat } from "../../src/engine/format/index.ts";

const parameters = ["", "(x)", "(x:y)", "(ROUTE:x)", "(DS_RX_BEG:DS_TX_END:us)", '({"operators":["PROTOCOL"]})'];

test("every operator that a header value may have is known to proxies", () => {
	const takes = (name: string): boolean =>
		parameters.some((text) => {
			const value = `before %${name}${text}% behind`;
			return findOperatorFault(value) === undefined && compileTextFormat(value).ok;
		});
	assert.deepEqual(
		headerOperators.filter((name) => !takes(name)),
		[],
	);
});

const good = [
	"",
	"50%% off",
	"%REQ(X-ID?:PATH):12%",
	"%START_TIME(%s.%3f)%",
	"%PROTOCOL%%ROUTE_NAME%",
	"%DYNAMIC_METADATA(a:b)%",
];
const bad = [
	"50% off",
	"%FOO%",
	"%FOO(x)%",
	"%REQ%",
	"%REQ()%",
	"%PROTOCOL(x)%",
	"%PROTOCOL:3%",
	"%protocol%",
	"%%%",
	"%REQ(x%",
];

test("what no proxy would take is refused before, with a word why", () => {
	assert.deepEqual(
		good.filter((value) => findOperatorFault(value) !== undefined || !compileTextFormat(value).ok),
		[],
	);
	assert.deepEqual(
		bad.filter((value) => findOperatorFault(value) === undefined || compileTextFormat(value).ok),
		[],
	);
	assert.match(findOperatorFault("a %FOO% b") ?? "", /^%FOO%: there is no operator FOO; write '%%'/);
	assert.match(findOperatorFault("%REQ%") ?? "", /needs parameters, as in %REQ\(x-name\)%/);
});
