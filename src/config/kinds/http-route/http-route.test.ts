import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";

const parentRefs = [{ group: "", kind: "Service", name: "reviews" }];
const backend = { name: "reviews-v1", port: 80 };
const route = (...rules: object[]) => readSpec("HTTPRoute", { parentRefs, rules });
/** Problems of a single rule, without the note on what happens to it. */
const faults = (rule: object): string[] =>
	route(rule, { backendRefs: [backend] }).problems.map((problem) =>
		problem.replace("spec.rules[0].", "").replace("; this rule is left out, the other rules are served", ""),
	);

test("a rule with everything becomes the model's rule", () => {
	const { value, problems } = route({
		name: "all",
		matches: [
			{
				path: { type: "Exact", value: "/a" },
				headers: [
					{ name: "X-User", value: "jo" },
					{ name: "x-id", type: "RegularExpression", value: "[0-9]+" },
				],
				queryParams: [{ name: "Q", value: "1" }],
				method: "POST",
			},
			{ path: { value: "/b" } },
			{},
		],
		filters: [
			{ type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "X-A", value: "1" }], remove: ["x-b"] } },
			{ type: "ResponseHeaderModifier", responseHeaderModifier: { add: [{ name: "x-c", value: "" }] } },
			{
				type: "URLRewrite",
				urlRewrite: { hostname: "new.example", path: { type: "ReplaceFullPath", replaceFullPath: "/new" } },
			},
		],
		backendRefs: [
			{ ...backend, weight: 90 },
			{
				...backend,
				namespace: "other",
				weight: 0,
				filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { add: [{ name: "x-v", value: "2" }] } }],
			},
		],
		timeouts: { request: "10s", backendRequest: "1m30s".replace("1m30s", "500ms") },
		retry: { codes: [503], attempts: 3, backoff: "100ms" },
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.rules, [
		{
			name: "all",
			matches: [
				{
					path: { kind: "exact", value: "/a" },
					headers: [
						{ name: "x-user", value: { kind: "exact", value: "jo" } },
						{ name: "x-id", value: { kind: "regex", value: "[0-9]+" } },
					],
					queryParams: [{ name: "Q", value: { kind: "exact", value: "1" } }],
					method: "POST",
				},
				{ path: { kind: "prefix", value: "/b" }, headers: [], queryParams: [] },
				{ path: { kind: "prefix", value: "/" }, headers: [], queryParams: [] },
			],
			backends: [
				{ destination: { kind: "service", service: { namespace: "shop", name: "reviews-v1" } }, port: 80, weight: 90 },
				{
					destination: { kind: "service", service: { namespace: "other", name: "reviews-v1" } },
					port: 80,
					weight: 0,
					requestHeaders: { set: [], add: [["x-v", "2"]], remove: [] },
				},
			],
			requestHeaders: { set: [["x-a", "1"]], add: [], remove: ["x-b"] },
			responseHeaders: { set: [], add: [["x-c", ""]], remove: [] },
			rewrite: { hostname: "new.example", path: { kind: "full", value: "/new" } },
			timeoutMs: 10_000,
			backendTimeoutMs: 500,
			retry: { codes: [503], attempts: 3, backoffMs: 100 },
			path: "spec.rules[0]",
		},
	]);
	assert.deepEqual(value?.parents, [
		{ group: "", kind: "Service", namespace: "shop", name: "reviews", written: parentRefs[0] },
	]);
	assert.deepEqual(
		value?.references.map(({ namespace, name, port, path }) => [namespace, name, port, path]),
		[
			["shop", "reviews-v1", 80, "spec.rules[0].backendRefs[0]"],
			["other", "reviews-v1", 80, "spec.rules[0].backendRefs[1]"],
		],
	);
});

test("a rule without matches matches everything, a redirect has 302 by default", () => {
	const { value, problems } = route({
		filters: [
			{
				type: "RequestRedirect",
				requestRedirect: { scheme: "https", path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/x" } },
			},
		],
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.rules[0]?.matches, [{ path: { kind: "prefix", value: "/" }, headers: [], queryParams: [] }]);
	assert.deepEqual(value?.rules[0]?.redirect, {
		scheme: "https",
		path: { kind: "prefix", value: "/x" },
		statusCode: 302,
	});
});

test("a bad rule is left out, keeps the numbers of the others, and says so", () => {
	const { value, problems } = route(
		{ backendRefs: [{ ...backend, weight: -1 }] },
		{ backendRefs: [backend] },
		{ matches: [{ method: "get" }] },
	);
	assert.deepEqual(
		value?.rules.map((rule) => rule.path),
		["spec.rules[1]"],
	);
	assert.deepEqual(problems, [
		"spec.rules[0].backendRefs[0].weight: must be a whole number from 0 to 1000000, not -1; this rule is left out, the other rules are served",
		"spec.rules[2].matches[0].method: must be GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH, not 'get' (did you mean 'GET'?); this rule is left out, the other rules are served",
	]);
});

test("a route whose rules are all bad is not taken over", () => {
	const { value, problems } = route({ backendRefs: [{ name: "x" }] });
	assert.equal(value, undefined);
	assert.equal(problems.length, 1);
});

const bad: readonly (readonly [what: string, rule: object, problems: readonly RegExp[]])[] = [
	[
		"a path without a slash",
		{ matches: [{ path: { value: "a" } }] },
		[/^matches\[0\]\.path\.value: 'a' must start with '\/'$/],
	],
	["a path with an escaped slash", { matches: [{ path: { value: "/a%2fb" } }] }, [/must not contain '%2f'/]],
	["a path with dots", { matches: [{ path: { type: "Exact", value: "/a/../b" } }] }, [/must not contain '\/\.\.\/'/]],
	["a path with a space", { matches: [{ path: { value: "/a b" } }] }, [/must be percent-encoded/]],
	[
		"a broken expression",
		{ matches: [{ path: { type: "RegularExpression", value: "/(a" } }] },
		[/no RE2 regular expression: a '\(' is not closed/],
	],
	[
		"an expression RE2 lacks",
		{ matches: [{ headers: [{ name: "a", type: "RegularExpression", value: "(?=x)" }] }] },
		[/matches\[0\]\.headers\[0\]\.value: .*looking ahead/],
	],
	["a bad header name", { matches: [{ headers: [{ name: "a b", value: "1" }] }] }, [/is not an HTTP header name/]],
	[
		"a header value with a line break",
		{
			filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "a", value: "x\r\ny: z" }] } }],
		},
		[/not a header value/],
	],
	[
		"a filter without settings",
		{ filters: [{ type: "URLRewrite" }] },
		[/filters\[0\]\.urlRewrite: is required with type URLRewrite/],
	],
	[
		"settings of another filter",
		{ filters: [{ type: "URLRewrite", urlRewrite: {}, requestRedirect: {} }] },
		[/requestRedirect: must not be set with type URLRewrite/],
	],
	[
		"a filter twice",
		{
			filters: [
				{ type: "URLRewrite", urlRewrite: {} },
				{ type: "URLRewrite", urlRewrite: {} },
			],
		},
		[/is there twice: merge it with item 0/],
	],
	[
		"a mirror without a backend",
		{ filters: [{ type: "RequestMirror", requestMirror: {} }] },
		[/requestMirror\.backendRef: is required/],
	],
	[
		"a mirror of two shares",
		{
			filters: [
				{
					type: "RequestMirror",
					requestMirror: { backendRef: backend, percent: 5, fraction: { numerator: 1 } },
				},
			],
		},
		[/requestMirror\.fraction: percent and fraction exclude each other/],
	],
	[
		"a wildcard beside other origins",
		{ filters: [{ type: "CORS", cors: { allowOrigins: ["*", "https://a.example"] } }] },
		[/cors\.allowOrigins: '\*' must be alone/],
	],
	[
		"a redirect with backends",
		{ filters: [{ type: "RequestRedirect", requestRedirect: {} }], backendRefs: [backend] },
		[/must have no backendRefs/],
	],
	[
		"a redirect and a rewrite",
		{
			filters: [
				{ type: "RequestRedirect", requestRedirect: {} },
				{ type: "URLRewrite", urlRewrite: {} },
			],
		},
		[/exclude each other/],
	],
	[
		"a redirect of a status between",
		{ filters: [{ type: "RequestRedirect", requestRedirect: { statusCode: 304 } }] },
		[/must be 301, 302, 303, 307 or 308, not 304/],
	],
	[
		"a prefix replaced of two matches",
		{
			matches: [{}, {}],
			filters: [{ type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" } } }],
		},
		[/needs exactly one match, with a path of type PathPrefix/],
	],
	[
		"a rewrite without its value",
		{ filters: [{ type: "URLRewrite", urlRewrite: { path: { type: "ReplaceFullPath", replacePrefixMatch: "/" } } }] },
		[/replaceFullPath: is required/, /replacePrefixMatch: must not be set/],
	],
	[
		"a prefix replaced in a backend of two matches",
		{
			matches: [{}, {}],
			backendRefs: [
				{
					...backend,
					filters: [
						{ type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" } } },
					],
				},
			],
		},
		[/backendRefs\[0\]\.filters: ReplacePrefixMatch needs exactly one match/],
	],
	[
		"an authorizer of two protocols",
		{
			filters: [{ type: "ExternalAuth", externalAuth: { protocol: "HTTP", backendRef: backend, grpc: {} } }],
		},
		[/externalAuth\.grpc: must not be set with protocol HTTP/],
	],
	[
		"an authorizer asked beside its path",
		{
			filters: [
				{ type: "ExternalAuth", externalAuth: { protocol: "HTTP", backendRef: backend, http: { path: "/a/%2e." } } },
			],
		},
		[/externalAuth\.http\.path: must not have the segments/],
	],
	["a backend without port", { backendRefs: [{ name: "x" }] }, [/backendRefs\[0\]\.port: is required/]],
	["a duration of another form", { timeouts: { request: "1.5s" } }, [/timeouts\.request: '1\.5s' is not a duration/]],
	[
		"a try longer than the whole",
		{ timeouts: { request: "1s", backendRequest: "2s" } },
		[/must be at most the request timeout/],
	],
	["a retry of success", { retry: { codes: [200] } }, [/from 400 to 599, not 200/]],
	[
		"a session that ends when it is idle",
		{ sessionPersistence: { idleTimeout: "5m" } },
		[/sessionPersistence.idleTimeout: is not supported/],
	],
	[
		"a permanent cookie without an end",
		{ sessionPersistence: { cookieConfig: { lifetimeType: "Permanent" } } },
		[/sessionPersistence.absoluteTimeout: is required with lifetimeType Permanent/],
	],
	[
		"a session cookie with an end",
		{ sessionPersistence: { absoluteTimeout: "5m" } },
		[/sessionPersistence.absoluteTimeout: is for Permanent cookies/],
	],
	[
		"a cookie of a header",
		{ sessionPersistence: { type: "Header", cookieConfig: {} } },
		[/sessionPersistence.cookieConfig: must not be set with type Header/],
	],
	[
		"a header over several backends",
		{
			sessionPersistence: { type: "Header" },
			backendRefs: [
				{ name: "a", port: 80 },
				{ name: "b", port: 80 },
			],
		},
		[/sessionPersistence.type: a session of several backends needs a cookie/],
	],
];

for (const [what, rule, expected] of bad) {
	test(`a rule with ${what} is refused`, () => {
		const found = faults({ ...rule });
		assert.equal(found.length, expected.length, found.join("\n"));
		for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern);
	});
}

test("of several entries of a header or query parameter the first counts", () => {
	const twice = ["A", "a"].map((name, index) => ({ name, value: String(index) }));
	const queryParams = ["q", "q"].map((name, index) => ({ name, value: String(index) }));
	const { value, problems } = route({ matches: [{ headers: twice, queryParams }], backendRefs: [backend] });
	const [match] = value!.rules[0]!.matches;
	assert.deepEqual(match!.headers, [{ name: "a", value: { kind: "exact", value: "0" } }]);
	assert.deepEqual(match!.queryParams, [{ name: "q", value: { kind: "exact", value: "0" } }]);
	assert.equal(problems.length, 2);
	assert.match(problems[0]!, /headers\[1\]\.name: 'a' is there twice, first as item 0: this one is ignored/);
});

test("of several entries of a header in a filter the first counts", () => {
	const set = ["A", "b", "a"].map((name, index) => ({ name, value: String(index) }));
	const filter = { type: "RequestHeaderModifier", requestHeaderModifier: { set, remove: ["c", "C"] } };
	const { value, problems } = route({ filters: [filter], backendRefs: [backend] });
	const pairs = [
		["a", "0"],
		["b", "1"],
	];
	assert.deepEqual(value!.rules[0]!.requestHeaders, { set: pairs, add: [], remove: ["c"] });
	assert.deepEqual(
		problems.map((problem) => problem.replace(/^.*requestHeaderModifier\./, "")),
		["set[2].name", "remove[1]"].map(
			(path, at) => `${path}: '${["a", "c"][at]}' is there twice, first as item 0: this one is ignored`,
		),
	);
});

test("a route without rules has one for every request, and no backend", () => {
	const { value, problems } = readSpec("HTTPRoute", { parentRefs });
	assert.deepEqual(
		[problems, value?.rules.map(({ matches, backends }) => [matches.length, backends.length])],
		[[], [[1, 0]]],
	);
	const grpc = readSpec("GRPCRoute", { parentRefs });
	assert.deepEqual([grpc.problems, grpc.value?.rules], [[], []]);
});

test("origins: without a port that of the scheme, a wildcard is hosts, and neither ports nor users", () => {
	const matcher = (origin: string) =>
		route({ filters: [{ type: "CORS", cors: { allowOrigins: [origin] } }] }).value!.rules[0]!.cors!.allowOrigins[0]!;
	const takes = (configured: string, origin: string): boolean => {
		const { kind, value } = matcher(configured) as { readonly kind: string; readonly value: string };
		return kind === "exact" ? value === origin : new RegExp(`^(?:${value})$`).test(origin);
	};
	const cases: readonly (readonly [configured: string, origin: string, expected: boolean])[] = [
		["https://a.example", "https://a.example", true],
		["https://a.example:443", "https://a.example", true],
		["http://a.example:80", "http://a.example", true],
		["https://a.example:80", "https://a.example", false],
		["https://a.example", "https://a.example:8443", false],
		["HTTPS://A.example", "https://a.example", true],
		["https://*.a.example", "https://b.c.a.example", true],
		["https://*.a.example", "https://a.example", false],
		["https://*.a.example", "https://b.a.example:8443", false],
		["https://*.a.example:8443", "https://b.a.example:8443", true],
		["https://*.a.example:443", "https://b.a.example", true],
		["https://*.a.example", "https://evil:1@b.a.example", false],
		["https://*", "https://a.example", true],
		["https://*", "https://a.example:8443", false],
		["https://*:8443", "https://a.example:8443", true],
		["https://*", "https://[::1]", true],
		["https://*", "http://a.example", false],
		["*", "http://a.example:8080", true],
	];
	for (const [configured, origin, expected] of cases)
		assert.equal(takes(configured, origin), expected, `${configured} ${origin}`);
});

test("with credentials '*' exposes no headers", () => {
	const exposed = (allowCredentials: boolean) =>
		route({ filters: [{ type: "CORS", cors: { exposeHeaders: ["*", "x-a"], allowCredentials } }] }).value!.rules[0]!
			.cors!.exposeHeaders;
	assert.deepEqual([exposed(true), exposed(false)], [["x-a"], ["*", "x-a"]]);
});

test("a parent is a Gateway, or a Service that says so", () => {
	const of = (parent: object) => {
		const { value, problems } = readSpec("HTTPRoute", { parentRefs: [parent], rules: [{ backendRefs: [backend] }] });
		return problems[0] ?? value?.parents.map(({ group, kind, namespace, name }) => [group, kind, namespace, name]);
	};
	assert.deepEqual(of({ name: "gw" }), [["gateway.networking.k8s.io", "Gateway", "shop", "gw"]]);
	assert.deepEqual(of({ name: "a", kind: "Service", port: 80 }), [["", "Service", "shop", "a"]]);
	assert.match(String(of({ name: "a", kind: "Service", group: "gateway.networking.k8s.io" })), /write group: ""/);
	assert.match(String(of({ name: "a", group: "networking.istio.io" })), /write a VirtualService/);
	assert.match(String(of({ name: "a", kind: "Ingress" })), /^warning: .*is not known here/);
});

test("hosts of a route are one-label wildcards at most, and no addresses", () => {
	const of = (hostname: string) =>
		readSpec("HTTPRoute", { parentRefs, hostnames: [hostname], rules: [{}] }).problems.length;
	assert.deepEqual(["a.example", "*.example.com", "localhost"].map(of), [0, 0, 0]);
	assert.deepEqual(
		["A.example", "a.example:80", "a.*.example", "*", "10.0.0.1", "*a.example"].map(of),
		[1, 1, 1, 1, 1, 1],
	);
});

test("mirrors, CORS and filters of others become the model's", () => {
	const { value, problems } = route(
		{
			filters: [
				{ type: "RequestMirror", requestMirror: { backendRef: { name: "copy", port: 81 } } },
				{
					type: "RequestMirror",
					requestMirror: { backendRef: { name: "copy", port: 82 }, fraction: { numerator: 1, denominator: 8 } },
				},
				{
					type: "CORS",
					cors: { allowOrigins: ["https://*.example.com"], allowMethods: ["PUT"], allowCredentials: true },
				},
			],
			backendRefs: [backend],
		},
		{ filters: [{ type: "ExtensionRef", extensionRef: { group: "a.example", kind: "Fancy", name: "f" } }] },
		{ backendRefs: [{ group: "a.example", kind: "Bucket", name: "b" }] },
	);
	assert.deepEqual(problems, [
		"warning: spec.rules[1].filters[0].extensionRef: there is no filter a.example/Fancy here: requests of this rule are answered with 500",
	]);
	const service = (name: string) => ({ kind: "service", service: { namespace: "shop", name } });
	assert.deepEqual(value?.rules[0]?.mirrors, [
		{ destination: service("copy"), port: 81, percent: 100 },
		{ destination: service("copy"), port: 82, percent: 12.5 },
	]);
	assert.deepEqual(value?.rules[0]?.cors, {
		allowOrigins: [{ kind: "regex", value: "https://[^/\\s?#@:]*\\.example\\.com" }],
		allowMethods: ["PUT"],
		allowHeaders: [],
		exposeHeaders: [],
		maxAgeMs: 5000,
		allowCredentials: true,
		forwardsUnmatchedPreflights: false,
	});
	assert.deepEqual(value?.rules[1]?.directResponse, { status: 500 });
	assert.equal(value?.rules[2]?.backends[0]?.destination.kind, "unusable");
	assert.deepEqual(
		value?.references.map(({ kind, name }) => `${kind} ${name}`),
		["Service reviews-v1", "Service copy", "Service copy", "Fancy f", "Bucket b"],
	);
});
