/** HTTPRoutes, tested by sending simulated requests through the route configurations that proxies are given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { XdsSnapshot } from "../../src/xds/server/index.ts";
import { application, parseObjects, type SimulatedMesh, simulateMesh } from "../support/control-mesh.ts";
import { describeRoute, findRoute } from "../support/simulate-request.ts";

const services = ["web", "reviews", "reviews-v1", "reviews-v2", "admin"].map((name) => application(name));

function route(
	name: string,
	rules: string,
	options: { readonly namespace?: string; readonly created?: string; readonly parent?: string } = {},
): string {
	const { namespace = "shop", created = "2026-01-01T00:00:00Z", parent = "reviews" } = options;
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}"}
spec:
  parentRefs: [{group: "", kind: Service, name: ${parent}, namespace: shop}]
  rules: ${rules}
`;
}

function open(...documents: string[]): SimulatedMesh {
	return simulateMesh(parseObjects(...services, ...documents));
}

const to = (backend: string, rest = ""): string =>
	`backendRefs: [{name: ${backend}, namespace: shop, port: 80${rest}}]`;
const prefix = (value: string): string => `path: {type: PathPrefix, value: ${value}}`;
const exact = (value: string): string => `path: {type: Exact, value: ${value}}`;

/** `GET /a?b=c {x: y}` against `reviews`, as `web` would send it. */
function send(
	snapshot: XdsSnapshot,
	path: string,
	options: { readonly method?: string; readonly headers?: Record<string, string>; readonly host?: string } = {},
): string {
	return describeRoute(findRoute(snapshot, "http_proxy", { host: "reviews", path, ...options }));
}

test("without a route everything goes to the service, under every name a client may use", () => {
	const snapshot = open(application("reviews", { namespace: "other", port: 8080 })).snapshot("web-0");
	for (const host of ["reviews", "reviews:80", "reviews.shop", "REVIEWS.shop.svc", "reviews.shop.svc.cluster.local:80"])
		assert.equal(send(snapshot, "/x", { host }), "reviews.shop:80", host);
	assert.equal(send(snapshot, "/", { host: "reviews.other:8080" }), "reviews.other:8080");
	assert.equal(send(snapshot, "/", { host: "reviews:8080" }), "502", "a short name means the client's namespace");
	assert.equal(send(snapshot, "/", { host: "reviews.other" }), "502", "without a port, port 80 is meant");
	assert.equal(send(snapshot, "", { host: "nowhere:443", method: "CONNECT" }), "502");
});

test("the loopback listener of a service has the same routes as the forward proxy", () => {
	const snapshot = open(route("r", `[{matches: [{${prefix("/v2")}}], ${to("reviews-v2")}}]`)).snapshot("web-0");
	const name = "reviews.shop.svc.cluster.local:80";
	for (const path of ["/v2", "/v2/x", "/v20", "/"])
		assert.equal(describeRoute(findRoute(snapshot, name, { host: "anything", path })), send(snapshot, path), path);
});

test("matches are tried in the order of the Gateway API, across routes", () => {
	const snapshot = open(
		route(
			"young",
			`[{matches: [{${exact("/a/b")}}], ${to("reviews-v2")}}, {matches: [{${prefix("/same")}}], ${to("reviews-v2")}}]`,
			{ created: "2026-02-01T00:00:00Z" },
		),
		route(
			"old",
			`[
    {matches: [{path: {type: RegularExpression, value: "/a/.*|/z"}}], ${to("admin")}},
    {matches: [{${prefix("/a")}}], ${to("reviews-v1")}},
    {matches: [{${prefix("/a")}, method: POST}], ${to("web")}},
    {matches: [{${prefix("/a")}, headers: [{name: X-One, value: a}]}], ${to("reviews")}},
    {matches: [{${prefix("/a")}, headers: [{name: x-one, value: a}, {name: x-two, value: b}]}], ${to("admin")}},
    {matches: [{${prefix("/a")}, queryParams: [{name: q, value: "1"}]}], ${to("reviews-v2")}},
    {matches: [{${prefix("/same")}}], ${to("reviews-v1")}}
  ]`,
		),
	).snapshot("web-0");
	assert.equal(send(snapshot, "/a/b"), "reviews-v2.shop:80", "exact before prefix");
	assert.equal(send(snapshot, "/a/c"), "reviews-v1.shop:80", "prefix before regular expression");
	assert.equal(send(snapshot, "/z"), "admin.shop:80");
	assert.equal(send(snapshot, "/ab"), "404", "a prefix means whole segments");
	assert.equal(
		send(snapshot, "/a", { method: "POST", headers: { "x-one": "a" } }),
		"web.shop:80",
		"method before headers",
	);
	assert.equal(send(snapshot, "/a?q=1", { headers: { "x-one": "a" } }), "reviews.shop:80", "headers before query");
	assert.equal(
		send(snapshot, "/a", { headers: { "x-one": "a", "x-two": "b" } }),
		"admin.shop:80",
		"more headers first",
	);
	assert.equal(send(snapshot, "/a?q=1"), "reviews-v2.shop:80");
	assert.equal(send(snapshot, "/same"), "reviews-v1.shop:80", "the older route first");
});

test("weights are shares, a header goes past them", () => {
	const snapshot = open(
		route(
			"r",
			`[
    {matches: [{headers: [{name: x-canary, value: "yes"}]}], ${to("reviews-v2")}},
    {backendRefs: [{name: reviews-v1, port: 80, weight: 90}, {name: reviews-v2, port: 80, weight: 10}, {name: admin, port: 80, weight: 0}]}
  ]`,
		),
	).snapshot("web-0");
	assert.equal(send(snapshot, "/"), "reviews-v1.shop:80 90, reviews-v2.shop:80 10");
	assert.equal(send(snapshot, "/", { headers: { "x-canary": "yes" } }), "reviews-v2.shop:80");
});

test("what no backend can answer is 500: unknown backends by their share, no backend or zero weights wholly", () => {
	const snapshot = open(
		route(
			"r",
			`[
    {matches: [{${prefix("/some")}}], backendRefs: [{name: reviews-v1, port: 80, weight: 1}, {name: gone, port: 80, weight: 3}]},
    {matches: [{${prefix("/all")}}], backendRefs: [{name: gone, port: 80}]},
    {matches: [{${prefix("/port")}}], backendRefs: [{name: reviews-v1, port: 81}]},
    {matches: [{${prefix("/zero")}}], backendRefs: [{name: reviews-v1, port: 80, weight: 0}]}
  ]`,
		),
	).snapshot("web-0");
	const partly = findRoute(snapshot, "http_proxy", { host: "reviews", path: "/some" })!;
	assert.equal(describeRoute(partly), "reviews-v1.shop:80 1, gone.shop:80 3");
	assert.ok(
		partly.action.case === "route" && partly.action.value.clusterNotFoundResponseCode === 2,
		"500 for a missing cluster",
	);
	for (const path of ["/all", "/port", "/zero"]) assert.equal(send(snapshot, path), "500", path);
});

test("a consumer's route holds in its own namespace only, and there instead of the producer's", () => {
	const mesh = open(
		application("client", { namespace: "team" }),
		route("producer", `[{${to("reviews-v1")}}]`),
		route("consumer", `[{${to("reviews-v2")}}]`, { namespace: "team" }),
	);
	assert.equal(send(mesh.snapshot("web-0"), "/"), "reviews-v1.shop:80");
	assert.equal(send(mesh.snapshot("client-0"), "/", { host: "reviews.shop" }), "reviews-v2.shop:80");
});

test("a route of one port leaves the others alone", () => {
	const twoPorts = `
apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}, {name: http-alt, port: 81, targetPort: http}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: two, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: two, port: 81}], rules: [{${to("admin")}}]}
`;
	const snapshot = open(twoPorts).snapshot("web-0");
	assert.equal(send(snapshot, "/", { host: "two" }), "two.shop:80");
	assert.equal(send(snapshot, "/", { host: "two:81" }), "admin.shop:80");
});

test("timeouts, retries, rewrites and header changes are on the route", () => {
	const snapshot = open(
		route(
			"r",
			`[{
      matches: [{${prefix("/old")}}],
      filters: [
        {type: URLRewrite, urlRewrite: {hostname: new.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}},
        {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value: "50%"}], add: [{name: x-b, value: b}], remove: [X-C]}},
        {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}
      ],
      timeouts: {request: 3s, backendRequest: 1s},
      retry: {codes: [503], attempts: 2},
      ${to("reviews-v1")}
    }, {
      matches: [{path: {type: PathPrefix, value: /any}}], retry: {attempts: 1}, ${to("reviews-v1")}
    }, {${to("reviews-v1")}}]`,
		),
	).snapshot("web-0");
	const found = findRoute(snapshot, "http_proxy", { host: "reviews", path: "/old/x" })!;
	assert.ok(found.action.case === "route");
	const action = found.action.value;
	assert.deepEqual([action.timeout?.seconds, action.retryPolicy?.perTryTimeout?.seconds], [3n, 1n]);
	assert.equal(
		"/old/x".replace(new RegExp(action.regexRewrite!.pattern!.regex), action.regexRewrite!.substitution),
		"/x",
	);
	assert.equal("/old".replace(new RegExp(action.regexRewrite!.pattern!.regex), action.regexRewrite!.substitution), "/");
	assert.deepEqual(action.hostRewriteSpecifier, { case: "hostRewriteLiteral", value: "new.example" });
	assert.deepEqual(
		found.requestHeadersToAdd.map(({ header }) => [header!.key, header!.value]),
		[
			["x-a", "50%%"],
			["x-b", "b"],
		],
	);
	assert.deepEqual(found.requestHeadersToRemove, ["x-c"]);
	const other = findRoute(snapshot, "http_proxy", { host: "reviews", path: "/" })!;
	assert.ok(other.action.case === "route");
	assert.equal(other.action.value.timeout?.seconds, 0n, "no timeout unless asked for");
	const safe = "connect-failure,refused-stream,reset-before-request,unavailable,cancelled,retriable-headers";
	assert.equal(other.action.value.retryPolicy!.retryOn, safe, "nothing that the application may have done is repeated");
	assert.equal(found.action.value.retryPolicy!.retryOn, `${safe},retriable-status-codes`);
	const any = findRoute(snapshot, "http_proxy", { host: "reviews", path: "/any" })!;
	assert.ok(any.action.case === "route");
	assert.equal(any.action.value.retryPolicy!.retryOn, `${safe},reset`, "what no code says");
});

test("a redirect carries scheme, host, port and path as the Gateway API says", () => {
	const redirect = (fields: string): string => `filters: [{type: RequestRedirect, requestRedirect: {${fields}}}]`;
	const snapshot = open(
		route(
			"r",
			`[
    {matches: [{${prefix("/tls")}}], ${redirect("scheme: https, statusCode: 301")}},
    {matches: [{${prefix("/host")}}], ${redirect("hostname: a.example, port: 8443, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}")}},
    {matches: [{${prefix("/")}}], ${redirect("path: {type: ReplaceFullPath, replaceFullPath: /home}")}}
  ]`,
		),
	).snapshot("web-0");
	const action = (path: string) => {
		const found = findRoute(snapshot, "http_proxy", { host: "reviews", path })!;
		assert.ok(found.action.case === "redirect");
		return found.action.value;
	};
	assert.deepEqual(
		[action("/tls").schemeRewriteSpecifier.value, action("/tls").portRedirect, action("/tls").responseCode],
		["https", 0, 0],
	);
	assert.deepEqual(
		[action("/host").hostRedirect, action("/host").portRedirect, action("/host").pathRewriteSpecifier.value],
		["a.example", 8443, "/new"],
	);
	assert.deepEqual([action("/x").portRedirect, action("/x").pathRewriteSpecifier.value], [0, "/home"]);
});

test("a match that Envoy would refuse is left out alone, and reported with its field", () => {
	const { mesh } = open(
		route(
			"r",
			`[{matches: [{path: {type: RegularExpression, value: "/x"}}, {${prefix("/ok")}}], ${to("reviews-v1")}}]`,
		),
	);
	const spoiled = {
		...mesh,
		httpRoutes: mesh.httpRoutes.map((item) => ({
			...item,
			rules: item.rules.map((rule) => ({
				...rule,
				matches: rule.matches.map((match) =>
					match.path.kind === "regex" ? { ...match, path: { kind: "regex" as const, value: "(?=x)" } } : match,
				),
			})),
		})),
	};
	const simulated = simulateMesh([]);
	simulated.store.apply(spoiled);
	assert.deepEqual(
		simulated.store.problems().map(({ name, path, problem }) => `${name} ${path}: ${problem}`),
		["r spec.rules[0].matches[0].path.value: RE2 has no lookahead in '(?=x)'; the match is left out"],
	);
});
