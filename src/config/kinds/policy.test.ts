import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDocument, readSpec } from "../../../test/support/config-document.ts";
import type { RequestAuthentication } from "../../model/index.ts";
import { parseDocuments } from "../index.ts";

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
	const none = { values: [], notValues: [] };
	assert.deepEqual(value?.rules, [
		{
			from: [
				{
					principals: { values: ["*/ns/shop/sa/web"], notValues: [] },
					namespaces: { values: [], notValues: ["shop"] },
					serviceAccounts: none,
					trustDomains: none,
					requestPrincipals: none,
					ipBlocks: none,
					remoteIpBlocks: none,
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
			when: [],
			path: "spec.rules[0]",
		},
		{ from: [], to: [], when: [], path: "spec.rules[1]" },
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
	const when = (fields: object): string => of({ rules: [{ when: [fields] }] });
	assert.match(when({ key: "source.ip", values: ["10.0.0.x"] }), /when\[0\]\.values\[0\]: '10\.0\.0\.x' is no address/);
	assert.match(when({ key: "destination.port", notValues: ["http"] }), /'http' is not a port/);
	assert.match(when({ key: "source.ip" }), /must have values or notValues/);
	assert.match(of({ action: "CUSTOM" }), /provider: is required for the action CUSTOM/);
	assert.match(of({ provider: { name: "a" } }), /belongs to the action CUSTOM, not to ALLOW/);
	assert.match(of({ action: "Allow" }), /did you mean 'ALLOW'/);
	assert.match(source({ ipBlocks: ["10.0.0.0/33"] }), /is no address and no CIDR block/);
	assert.match(source({ serviceAccounts: ["a/b/c"] }), /is not a service account/);
	assert.match(source({}), /must have at least one field/);
	assert.match(source({ principals: [] }), /must have at least 1 item/);
	assert.match(source({ principals: [""] }), /must not be empty/);
	assert.match(source({ principals: ["a*b"] }), /one '\*' is allowed, at the start or at the end/);
	assert.match(source({ principals: ["*a*"] }), /one '\*' is allowed/);
	assert.match(operation({ paths: ["/a/{id}"] }), /nothing else in braces/);
	assert.match(operation({ paths: ["/a/{**}/{*}"] }), /\{\*\} may not follow \{\*\*\}/);
	assert.match(operation({ paths: ["/a/x{*}"] }), /whole segments/);
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
	const unknown = readSpec("AuthorizationPolicy", { rules: [{ when: [{ key: "no.such", values: ["x"] }] }] });
	assert.match(
		unknown.problems[0]!,
		/^warning: .*when\[0\]\.key: 'no\.such' is no known attribute: the rule never matches/,
	);
});

test("an AuthorizationPolicy says its provider, its trial and what it is attached to", () => {
	const custom = readSpec("AuthorizationPolicy", { action: "CUSTOM", provider: { name: "authz" }, rules: [{}] }).value;
	assert.deepEqual([custom?.action, custom?.provider], ["CUSTOM", "authz"]);
	const tried = readSpec("AuthorizationPolicy", {}, { annotations: { "istio.io/dry-run": "true" } }).value;
	assert.equal(tried?.isDryRun, true);
	const attached = readSpec("AuthorizationPolicy", {
		targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "main" }],
	}).value;
	assert.deepEqual(attached?.targets, [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "main" }]);
});

const keySet =
	'{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}';

test("a RequestAuthentication becomes the model's", () => {
	const { value, problems } = readSpec("RequestAuthentication", {
		jwtRules: [
			{ issuer: "a", jwks: keySet, fromHeaders: [{ name: "x-jwt", prefix: "Tok " }], fromCookies: ["auth"] },
			{ issuer: "b", jwksUri: "https://b.example/keys", audiences: ["x"], forwardOriginalToken: true, timeout: "1s" },
		],
	});
	assert.deepEqual(problems, []);
	const [first, second] = value!.rules;
	assert.deepEqual(first!.keys, { kind: "inline", jwks: keySet });
	assert.deepEqual(first!.locations, [
		{ kind: "header", name: "x-jwt", prefix: "Tok " },
		{ kind: "cookie", name: "auth" },
	]);
	assert.deepEqual(second!.keys, { kind: "remote", uri: "https://b.example/keys" });
	assert.deepEqual([second!.audiences, second!.forwardOriginalToken, second!.timeoutMs], [["x"], true, 1000]);
});

test("a RequestAuthentication refuses keys that are none, and says when there are none", () => {
	const of = (rule: object): string => readSpec("RequestAuthentication", { jwtRules: [rule] }).problems[0]!;
	assert.match(of({ issuer: "a", jwks: "{" }), /jwks: is no JSON web key set/);
	assert.match(of({ issuer: "a", jwks: '{"keys":[]}' }), /it has no 'keys'/);
	assert.match(of({ issuer: "a", jwks: keySet, jwksUri: "http://a/k" }), /only one of jwks and jwksUri/);
	assert.match(of({ issuer: "a", jwksUri: "ftp://a" }), /is not an http or https URI/);
	for (const uri of ["http://a b/", "https://a:99999/", "http://a:0/", "http://a:/", "http://é.example/", "http://"])
		assert.match(of({ issuer: "a", jwksUri: uri }), /URI/, uri);
	assert.match(of({ issuer: "a" }), /^warning: .*no keys of 'a' are known/);
});

test("of a RequestAuthentication with rules that cannot be read no token of theirs passes, and the others' do", () => {
	const stand = (spec: object): RequestAuthentication | undefined =>
		parseDocuments(formatDocument("RequestAuthentication", spec), "it.yaml").objects[0]?.value as
			| RequestAuthentication
			| undefined;
	const value = stand({
		selector: { matchLabels: { app: "orders" } },
		jwtRules: [
			{ issuer: "a", jwks: "{" },
			{ issuer: "b", jwks: keySet },
			{ issuer: "c", fromHeaders: "x" },
			{ jwks: keySet },
		],
	});
	assert.deepEqual(value?.selector, { app: "orders" });
	assert.deepEqual(
		value?.rules.map(({ issuer, keys }) => [issuer, keys.kind]),
		[
			["a", "unknown"],
			["b", "inline"],
			["c", "unknown"],
		],
	);
	assert.equal(stand({ jwtRules: [{ jwks: keySet }] }), undefined);
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
