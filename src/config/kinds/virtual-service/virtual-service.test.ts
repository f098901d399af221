import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";

const route = [{ destination: { host: "web" } }];
const vs = (...http: object[]) => readSpec("VirtualService", { hosts: ["web"], http });
const note = "; this rule is left out, the other rules are served";
/** Problems of a rule beside a good one, without the note on what happens to it. */
const faults = (rule: object): string[] =>
	vs(rule, { route }).problems.map((problem) => problem.replace("spec.http[0].", "").replace(note, ""));

test("a rule with everything becomes the model's rule", () => {
	const { value, problems } = vs({
		name: "all",
		match: [
			{
				uri: { prefix: "/A" },
				ignoreUriCase: true,
				method: { exact: "POST" },
				headers: { "X-User": { exact: "jo" }, "x-any": {} },
				withoutHeaders: { "x-no": { regex: "[0-9]+" } },
				queryParams: { q: { prefix: "1" } },
				port: 80,
				sourceLabels: { app: "web" },
				gateways: ["mesh", "edge/in"],
			},
		],
		route: [
			{ destination: { host: "web", subset: "v1", port: { number: 80 } }, weight: 90 },
			{ destination: { host: "web" }, weight: 10, headers: { response: { add: { "x-b": "2" } } } },
		],
		rewrite: { uri: "/b" },
		headers: { request: { set: { host: "h", "X-A": "1" }, remove: ["x-c"] } },
		timeout: "1.5s",
		retries: { attempts: 3, retryOn: "5xx,429", perTryTimeout: "0.2s" },
		fault: { delay: { fixedDelay: "1s", percentage: { value: 0.5 } }, abort: { grpcStatus: "UNAVAILABLE" } },
		mirror: { host: "pay" },
		mirrorPercentage: { value: 10 },
		corsPolicy: { allowOrigins: [{ exact: "https://a" }], allowMethods: ["GET"], maxAge: "1h" },
	});
	assert.deepEqual(problems, []);
	const { path: _, hasMatches: __, ...rule } = value!.http[0]!;
	assert.deepEqual(rule, {
		name: "all",
		matches: [
			{
				path: { kind: "startsWith", value: "/A", ignoresCase: true },
				headers: [
					{ name: "x-any", value: { kind: "present" } },
					{ name: "x-user", value: { kind: "exact", value: "jo" } },
					{ name: "x-no", value: { kind: "regex", value: "[0-9]+" }, isNegated: true },
					{ name: ":method", value: { kind: "exact", value: "POST" } },
				],
				queryParams: [{ name: "q", value: { kind: "prefix", value: "1" } }],
				scope: { port: 80, sourceLabels: { app: "web" }, gateways: ["mesh", "edge/in"] },
			},
		],
		backends: [
			{ destination: { kind: "host", host: "web" }, subset: "v1", port: 80, weight: 90 },
			{
				destination: { kind: "host", host: "web" },
				weight: 10,
				responseHeaders: { set: [], add: [["x-b", "2"]], remove: [], isFormat: true },
			},
		],
		requestHeaders: { set: [["x-a", "1"]], add: [], remove: ["x-c"], isFormat: true },
		rewrite: { hostname: "h", path: { kind: "startsWith", value: "/b" } },
		timeoutMs: 1500,
		backendTimeoutMs: 200,
		retry: { codes: [429], attempts: 3, on: ["5xx"] },
		mirrors: [{ destination: { kind: "host", host: "pay" }, percent: 10 }],
		fault: { delay: { durationMs: 1000, percent: 0.5 }, abort: { grpcStatus: 14, percent: 0 } },
		cors: {
			allowOrigins: [{ kind: "exact", value: "https://a" }],
			allowMethods: ["GET"],
			allowHeaders: [],
			exposeHeaders: [],
			maxAgeMs: 3_600_000,
			forwardsUnmatchedPreflights: true,
		},
	});
});

test("a body in base64 stays bytes", () => {
	const { value } = vs({ directResponse: { status: 200, body: { bytes: "aGVsbG8=" } } });
	assert.deepEqual(value?.http[0]?.directResponse, { status: 200, body: new Uint8Array(Buffer.from("hello")) });
});

test("a bad rule is left out, and the others keep their numbers", () => {
	const { value, problems } = vs({ match: [{ uri: { regex: "(" } }], route }, { route });
	assert.deepEqual(
		value?.http.map(({ path }) => path),
		["spec.http[1]"],
	);
	assert.equal(problems.length, 1);
	assert.match(problems[0]!, /^spec\.http\[0\]\.match\[0\]\.uri\.regex: '\(' is no RE2 regular expression/);
});

const several = [{ destination: { host: "a" } }, { destination: { host: "b" } }];
const bad: readonly (readonly [what: string, rule: object, problem: RegExp])[] = [
	["no action", { match: [{ uri: { exact: "/" } }] }, /must have one of route, redirect, directResponse and delegate/],
	["two actions", { route, redirect: { uri: "/" } }, /must have one action, not route and redirect/],
	["several destinations without weights", { route: several }, /^route: has several destinations and no weight/],
	["a percent sign that is no format", { route, headers: { request: { set: { a: "50%" } } } }, /write '%%'/],
	[
		"a group that is not there",
		{ route, rewrite: { uriRegexRewrite: { match: "/(a)", rewrite: "/\\2" } } },
		/no group/,
	],
	["two words in a match", { match: [{ uri: { exact: "/", prefix: "/" } }], route }, /not exact and prefix/],
	["a fault of both kinds", { route, fault: { abort: { httpStatus: 500, grpcStatus: "OK" } } }, /must have one of/],
	["an unknown field", { route, retry: {} }, /unknown field/],
	["a destination of any host", { route: [{ destination: { host: "*" } }] }, /must be the host of a service/],
];
for (const [what, rule, problem] of bad)
	test(`${what} is refused with its place`, () => {
		const problems = faults(rule);
		assert.equal(problems.length, 1);
		assert.match(problems[0]!, problem);
	});

test("an unknown retry condition is told and has no effect, the others hold", () => {
	const { value, problems } = readSpec("VirtualService", {
		hosts: ["web"],
		http: [{ route, retries: { attempts: 1, retryOn: "5xxx,reset,503" } }],
	});
	assert.match(problems[0]!, /^warning: .*'5xxx' is no condition/);
	assert.deepEqual(value?.http[0]?.retry, { codes: [503], attempts: 1, on: ["reset"] });
});

test("a delegate has no hosts and no gateways", () => {
	assert.deepEqual(readSpec("VirtualService", { http: [{ route }] }).problems, []);
	assert.match(readSpec("VirtualService", { gateways: ["g"], http: [{ route }] }).problems[0]!, /absent in a delegate/);
});
