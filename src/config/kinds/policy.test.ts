import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../test/support/config-document.ts";

test("an AuthorizationPolicy with everything becomes the model's", () => {
	const { value, problems } = readSpec("AuthorizationPolicy", {
		selector: { matchLabels: { app: "orders" } },
		action: "DENY",
		rules: [
			{
				from: [{ source: { principals: ["*/ns/shop/sa/web"], notNamespaces: ["shop"] } }],
				to: [
					{
						operation: {
							hosts: ["orders.*"],
							ports: ["8080"],
							methods: ["GET", "P*"],
							paths: ["/orders*"],
							notPaths: ["*/healthz"],
						},
					},
				],
			},
			{},
		],
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.selector, { app: "orders" });
	assert.equal(value?.action, "DENY");
	assert.deepEqual(value?.rules, [
		{
			from: [
				{
					principals: { values: ["*/ns/shop/sa/web"], notValues: [] },
					namespaces: { values: [], notValues: ["shop"] },
				},
			],
			to: [
				{
					hosts: { values: ["orders.*"], notValues: [] },
					ports: { values: ["8080"], notValues: [] },
					methods: { values: ["GET", "P*"], notValues: [] },
					paths: { values: ["/orders*"], notValues: ["*/healthz"] },
				},
			],
			path: "spec.rules[0]",
		},
		{ from: [], to: [], path: "spec.rules[1]" },
	]);
});

test("an empty spec allows nothing, without a selector and with an empty one for the whole namespace", () => {
	for (const spec of [{}, { selector: {} }, { selector: { matchLabels: {} } }]) {
		const { value, problems } = readSpec("AuthorizationPolicy", spec);
		assert.deepEqual(problems, []);
		assert.deepEqual([value?.action, value?.rules, value?.selector], ["ALLOW", [], undefined]);
	}
});

test("what would be ignored at the cost of safety is refused", () => {
	const of = (spec: object): string => {
		const { value, problems } = readSpec("AuthorizationPolicy", spec);
		assert.equal(value, undefined);
		assert.equal(problems.length, 1, problems.join("\n"));
		return problems[0]!;
	};
	const source = (fields: object): string => of({ rules: [{ from: [{ source: fields }] }] });
	const operation = (fields: object): string => of({ rules: [{ to: [{ operation: fields }] }] });
	assert.match(
		of({ rules: [{ when: [{ key: "source.ip", values: ["10.0.0.1"] }] }] }),
		/rules\[0\]\.when: is not supported/,
	);
	assert.match(of({ action: "AUDIT" }), /'AUDIT' is not supported/);
	assert.match(of({ action: "CUSTOM" }), /'CUSTOM' is not supported/);
	assert.match(of({ action: "Allow" }), /did you mean 'ALLOW'/);
	assert.match(source({ ipBlocks: ["10.0.0.0/8"] }), /source\.ipBlocks: is not supported/);
	assert.match(source({ requestPrincipals: ["*"] }), /JSON web tokens are not read/);
	assert.match(source({}), /must have at least one field/);
	assert.match(source({ principals: [] }), /must have at least 1 item/);
	assert.match(source({ principals: [""] }), /must not be empty/);
	assert.match(source({ principals: ["a*b"] }), /one '\*' is allowed, at the start or at the end/);
	assert.match(source({ principals: ["*a*"] }), /one '\*' is allowed/);
	assert.match(operation({ paths: ["/a/{*}"] }), /path templates are not supported/);
	assert.match(operation({ ports: ["http"] }), /'http' is not a port from 1 to 65535/);
	assert.match(operation({ ports: [8080] }), /put it in quotes, "8080"/);
	assert.match(of({ rules: [{ from: [] }] }), /must have at least 1 item/);
});

test("a null rule or field is refused rather than read as everything", () => {
	assert.match(readSpec("AuthorizationPolicy", { rules: null }).problems[0]!, /spec\.rules: has no value/);
	assert.match(readSpec("AuthorizationPolicy", { rules: [{ from: null }] }).problems[0]!, /from: has no value/);
	assert.match(readSpec("AuthorizationPolicy", { selector: null }).problems[0]!, /selector: has no value/);
	assert.match(readSpec("AuthorizationPolicy", { rules: [null] }).problems[0]!, /rules\[0\]: must be a map, not empty/);
});

test("values that never match are mentioned", () => {
	const { value, problems } = readSpec("AuthorizationPolicy", {
		rules: [
			{
				from: [{ source: { principals: ["spiffe://cluster.local/ns/a/sa/b"] } }],
				to: [{ operation: { paths: ["orders"], methods: ["post"] } }],
			},
		],
	});
	assert.ok(value !== undefined);
	assert.deepEqual(problems.map((problem) => problem.replace(/ never matches.*/, "")).sort(), [
		"warning: spec.rules[0].from[0].source.principals[0]: 'spiffe://cluster.local/ns/a/sa/b'",
		"warning: spec.rules[0].to[0].operation.methods[0]: 'post'",
		"warning: spec.rules[0].to[0].operation.paths[0]: 'orders'",
	]);
	assert.match(readSpec("AuthorizationPolicy", { action: "DENY" }).problems[0]!, /denies nothing/);
});

test("a PeerAuthentication becomes the model's", () => {
	const { value, problems } = readSpec("PeerAuthentication", {
		selector: { matchLabels: { app: "legacy" } },
		mtls: { mode: "PERMISSIVE" },
		portLevelMtls: { 8080: { mode: "DISABLE" }, 9090: {} },
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(
		[value?.selector, value?.mode, value?.portModes],
		[{ app: "legacy" }, "PERMISSIVE", { 8080: "DISABLE", 9090: "UNSET" }],
	);
	assert.equal(readSpec("PeerAuthentication", {}).value?.mode, "UNSET");
});

test("a PeerAuthentication refuses unknown modes, bad ports, and ports without a selector", () => {
	const of = (spec: object): string => readSpec("PeerAuthentication", spec).problems[0]!;
	assert.match(of({ mtls: { mode: "STRCIT" } }), /did you mean 'STRICT'/);
	assert.match(
		of({ selector: { matchLabels: { a: "b" } }, portLevelMtls: { 70000: {} } }),
		/is not a port from 1 to 65535/,
	);
	assert.match(of({ portLevelMtls: { 80: {} } }), /needs a selector/);
	assert.match(of({ selector: { matchLabel: {} } }), /did you mean 'matchLabels'/);
	assert.match(of({ selector: { matchLabels: { "-a": "b" } } }), /is not a label key/);
	assert.match(of({ selector: { matchLabels: { a: "b c" } } }), /is not a label value/);
	assert.deepEqual(readSpec("PeerAuthentication", { mtls: { mode: "STRICT" } }, { name: "a.b" }).problems, []);
});
