import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, forward, makeRoutes, makeRouteTable } from "../../../test/support/route-tables.ts";
import { computeRedirect, prepareRequest, resolveClusterName, rewriteHost } from "./index.ts";

const options = { insertOriginalPath: true };

function prepared(route: Record<string, unknown>, match: Record<string, unknown>, line: string, ...fields: string[]) {
	const { entry, request, stream } = decide(makeRoutes(forward(match, route)), line, fields);
	assert.ok(entry);
	prepareRequest(entry, request, stream, options);
	return request;
}

for (const [match, route, line, path] of [
	[{ prefix: "/pre/" }, { prefix_rewrite: "/" }, "GET /pre/x?q=1", "/x?q=1"],
	[{ prefix: "/api" }, { prefix_rewrite: "/v2" }, "GET /apiary/b", "/v2ary/b"],
	[{ path: "/one" }, { prefix_rewrite: "/two" }, "GET /one?q", "/two?q"],
	[{ path_separated_prefix: "/sp" }, { prefix_rewrite: "/other" }, "GET /sp/x", "/other/x"],
	[{ prefix: "/CASE", case_sensitive: false }, { prefix_rewrite: "/done" }, "GET /case/x", "/done/x"],
	[
		{ safe_regex: { regex: "/rex/.*" } },
		{ regex_rewrite: { pattern: { regex: "^/rex/([^/]+)/([^/?]+)" }, substitution: "/\\2/\\1" } },
		"GET /rex/a/b/c?d=e",
		"/b/a/c?d=e",
	],
	[
		{ prefix: "/" },
		{ regex_rewrite: { pattern: { regex: "a" }, substitution: "A" } },
		"GET /banana?a=a",
		"/bAnAnA?a=a",
	],
] as const) {
	test(`${line} is rewritten to ${path}`, () => {
		const request = prepared(route, match, line);
		assert.equal(request.path, path);
		assert.deepEqual(request.headers, ["x-envoy-original-path", line.slice(4)]);
	});
}

test("the host is rewritten from a literal, a header or the path", () => {
	assert.equal(prepared({ host_rewrite_literal: "l.test" }, { prefix: "/" }, "GET /").authority, "l.test");
	assert.equal(
		prepared({ host_rewrite_header: "X-Host" }, { prefix: "/" }, "GET /", "x-host: d.test").authority,
		"d.test",
	);
	assert.equal(prepared({ host_rewrite_header: "x-host" }, { prefix: "/" }, "GET /").authority, "host.test");
	const regex = { pattern: { regex: "^/hr/([^/]+)/.*$" }, substitution: "\\1.test" };
	assert.equal(
		prepared({ host_rewrite_path_regex: regex }, { prefix: "/" }, "GET /hr/abc/def?x").authority,
		"abc.test",
	);
});

test("the host before the rewrite is appended to x-forwarded-host when the route says so", () => {
	const route = { host_rewrite_literal: "l.test", append_x_forwarded_host: true };
	assert.deepEqual(prepared(route, { prefix: "/" }, "GET /").headers, [
		"x-envoy-original-host",
		"host.test",
		"x-forwarded-host",
		"host.test",
	]);
	assert.deepEqual(prepared(route, { prefix: "/" }, "GET /", "x-forwarded-host: before.test").headers, [
		"x-forwarded-host",
		"before.test,host.test",
		"x-envoy-original-host",
		"host.test",
	]);
});

test("an automatic host rewrite waits for the host", () => {
	const { entry, request, stream } = decide(makeRoutes(forward({ prefix: "/" }, { auto_host_rewrite: true })), "GET /");
	assert.ok(entry?.action.kind === "forward");
	prepareRequest(entry, request, stream, options);
	assert.equal(request.authority, "host.test");
	rewriteHost(entry.action, request, "endpoint.test", options);
	assert.equal(request.authority, "endpoint.test");
});

for (const [redirect, line, fields, location] of [
	[{ https_redirect: true }, "GET /a?q=1", [], "https://host.test/a?q=1"],
	[{ scheme_redirect: "ftp" }, "GET /", [], "ftp://host.test/"],
	[{ host_redirect: "new.test" }, "GET /a?b", [], "http://new.test/a?b"],
	[{ port_redirect: 8443 }, "GET /", ["host: h.test:80"], "http://h.test:8443/"],
	[{ path_redirect: "/new" }, "GET /path?keep=1", [], "http://host.test/new?keep=1"],
	[{ path_redirect: "/new?x=1" }, "GET /path?drop=1", [], "http://host.test/new?x=1"],
	[{ path_redirect: "new/%PREFIX()%" }, "GET /path?keep=1", [], "http://host.test/new/%PREFIX()%?keep=1"],
	[{ path_redirect: "/new", strip_query: true }, "GET /path?gone=1", [], "http://host.test/new"],
	[{ path_redirect: "/n" }, "GET /p", ["host: h.test:8080"], "http://h.test:8080/n"],
	[{ https_redirect: true }, "GET /", ["host: h.test:80"], "https://h.test/"],
	[{ https_redirect: true }, "GET /", ["host: h.test:81"], "https://h.test:81/"],
	[{ https_redirect: true }, "GET /", ["host: [::1]"], "https://[::1]/"],
	[{ https_redirect: true }, "GET /", ["host: [::1]:80"], "https://[::1]/"],
	[{ prefix_rewrite: "/p2/" }, "GET /pre/tail?q", [], "http://host.test/p2/tail?q"],
	[
		{ regex_rewrite: { pattern: { regex: "^/re/(.*)$" }, substitution: "/x/\\1/y" } },
		"GET /re/mid?q=2",
		[],
		"http://host.test/x/mid/y?q=2",
	],
	[
		{ https_redirect: true, host_redirect: "n.test", port_redirect: 444, path_redirect: "/z" },
		"GET /all",
		[],
		"https://n.test:444/z",
	],
] as const) {
	test(`${JSON.stringify(redirect)} sends ${line} ${fields.join()} to ${location}`, () => {
		const prefix = "prefix_rewrite" in redirect ? "/pre/" : "/";
		const { entry, request, stream } = decide(makeRoutes({ match: { prefix }, redirect }), line, fields);
		assert.ok(entry?.action.kind === "redirect");
		assert.equal(computeRedirect(entry.action, request, stream, options), location);
	});
}

test("redirects carry the status they were given", () => {
	for (const [code, status] of Object.entries({
		FOUND: 302,
		SEE_OTHER: 303,
		TEMPORARY_REDIRECT: 307,
		PERMANENT_REDIRECT: 308,
	})) {
		const { entry } = decide(makeRoutes({ match: { prefix: "/" }, redirect: { response_code: code } }), "GET /");
		assert.ok(entry?.action.kind === "redirect");
		assert.equal(entry.action.status, status);
	}
});

test("weighted clusters take their shares, a header picks for sure", () => {
	const clusters = [
		{ name: "c1", weight: 20 },
		{ name: "c2", weight: 30 },
		{ name: "c3", weight: 50 },
	];
	const table = makeRoutes(forward({ prefix: "/" }, { weighted_clusters: { clusters, header_name: "x-pick" } }));
	const clusterAt = (random: number, ...fields: string[]) => {
		const { entry, request } = decide(table, "GET /", fields, random);
		assert.ok(entry?.action.kind === "forward");
		return resolveClusterName(entry.action, request);
	};
	assert.deepEqual(
		[0, 0.199, 0.2, 0.499, 0.5, 0.999].map((random) => clusterAt(random)),
		["c1", "c1", "c2", "c2", "c3", "c3"],
	);
	assert.deepEqual(
		["0", "19", "20", "49", "50", "99", "100", "12345678901"].map((pick) => clusterAt(0, `x-pick: ${pick}`)),
		["c1", "c1", "c2", "c2", "c3", "c3", "c1", "c1"],
	);
	assert.equal(clusterAt(0.9, "x-pick: none"), "c3");
});

test("the runtime shifts weights", () => {
	const weighted_clusters = {
		clusters: [
			{ name: "c1", weight: 100 },
			{ name: "c2", weight: 0 },
		],
		runtime_key_prefix: "shift",
	};
	const virtual_hosts = [{ name: "v", domains: ["*"], routes: [forward({ prefix: "/" }, { weighted_clusters })] }];
	const table = makeRouteTable({ virtual_hosts }, { "shift.c1": 0, "shift.c2": 100 });
	const { entry, request } = decide(table, "GET /");
	assert.ok(entry?.action.kind === "forward");
	assert.equal(resolveClusterName(entry.action, request), "c2");
});

test("a weighted cluster brings its own host, metadata, headers and filter configs", () => {
	const cluster = {
		name: "c1",
		weight: 1,
		host_rewrite_literal: "w.test",
		metadata_match: { filter_metadata: { "envoy.lb": { version: "2" } } },
		request_headers_to_add: [{ header: { key: "x-w", value: "1" } }],
	};
	const metadata_match = { filter_metadata: { "envoy.lb": { stage: "prod" } } };
	const { entry, request, stream } = decide(
		makeRoutes(forward({ prefix: "/" }, { weighted_clusters: { clusters: [cluster] }, metadata_match })),
		"GET /",
	);
	assert.ok(entry?.action.kind === "forward");
	prepareRequest(entry, request, stream, options);
	assert.equal(request.authority, "w.test");
	assert.deepEqual(request.headers, ["x-w", "1"]);
	assert.deepEqual(entry.action.metadataMatch, { stage: "prod", version: "2" });
});

test("a cluster header names the cluster, and nothing when it is absent", () => {
	const table = makeRoutes(forward({ prefix: "/" }, { cluster_header: "X-Cluster" }));
	const nameOf = (...fields: string[]) => {
		const { entry, request } = decide(table, "GET /", fields);
		assert.ok(entry?.action.kind === "forward");
		return resolveClusterName(entry.action, request);
	};
	assert.equal(nameOf("x-cluster: c2"), "c2");
	assert.equal(nameOf(), "");
});

test("policies of the virtual host and of the table hold where the route has none", () => {
	const mirror = (cluster: string) => [{ cluster }];
	const table = makeRouteTable({
		request_mirror_policies: mirror("of-table"),
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				retry_policy: { retry_on: "5xx", num_retries: 4 },
				request_mirror_policies: mirror("of-host"),
				routes: [
					forward({ prefix: "/own" }, { retry_policy: { retry_on: "reset" }, request_mirror_policies: mirror("own") }),
					forward({ prefix: "/" }),
				],
			},
		],
	});
	const actionOf = (line: string) => {
		const action = decide(table, line).entry?.action;
		assert.ok(action?.kind === "forward");
		return action;
	};
	assert.equal(actionOf("GET /own").retryPolicy?.numRetries, 1);
	assert.equal(actionOf("GET /").retryPolicy?.numRetries, 4);
	assert.equal(actionOf("GET /own").mirrorPolicies[0]?.cluster, "own");
	assert.equal(actionOf("GET /").mirrorPolicies[0]?.cluster, "of-host");
});

test("what a peer put into a formatted path, host or location ends no line", () => {
	const hostile = "/a\r\nx-evil: 1\0";
	const rewrite = { path_rewrite: "%FILTER_STATE(said:PLAIN)%", host_rewrite: "h%FILTER_STATE(said:PLAIN)%" };
	const { entry, request, stream } = decide(makeRoutes(forward({ prefix: "/" }, rewrite)), "GET /p?q", []);
	Object.assign(stream, { filterState: new Map([["said", hostile]]) });
	prepareRequest(entry!, request, stream, options);
	assert.equal(request.path, "/a__x-evil: 1_?q");
	assert.equal(request.authority, "h/a__x-evil: 1_");
	const redirect = decide(
		makeRoutes({ match: { prefix: "/" }, redirect: { path_rewrite: "%FILTER_STATE(said:PLAIN)%" } }),
		"GET /p",
		[],
	);
	Object.assign(redirect.stream, { filterState: new Map([["said", hostile]]) });
	const action = redirect.entry!.action;
	assert.ok(action.kind === "redirect");
	assert.match(
		computeRedirect(action, redirect.request, redirect.stream, options),
		/^https?:\/\/[^/]*\/a__x-evil: 1_$/,
	);
});
