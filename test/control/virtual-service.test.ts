/** VirtualServices, as requests through what proxies are given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CapturedClient, captureClient, clientPod, clusterService } from "../support/captured-client.ts";

const world = [
	clusterService("web", 1, {
		ports: "[{name: http, port: 80, targetPort: 8080}, {name: http-alt, port: 8081, targetPort: 8081}]",
	}),
	clusterService("pay", 2),
	clusterService("raw", 3, { ports: "[{name: tcp, port: 7000}]" }),
	clusterService("web", 4, { namespace: "partner" }),
	clientPod,
];

function rule(spec: string, metadata = "{name: web, namespace: shop}"): string {
	return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: ${metadata}\nspec: ${spec.replace(/\s*\n\s*/g, " ")}`;
}

/** The client's proxy under one VirtualService of the host `web`. */
function under(http: string, more = ""): CapturedClient {
	return captureClient([...world, rule(`{hosts: [web], http: ${http}${more}}`)]);
}

/** The name of the rule that takes a request. */
const named = (client: CapturedClient, line: string, ...fields: string[]): string | undefined =>
	client.request(line, ...fields)?.entry.name;

const toWeb = "route: [{destination: {host: web}}]";

test("the first match of path, header, query and method wins, else nothing is left of the service's own route", () => {
	const client = under(`[
		{name: exact, match: [{uri: {exact: /e}}], ${toWeb}},
		{name: prefix, match: [{uri: {prefix: /P}, ignoreUriCase: true}], ${toWeb}},
		{name: regex, match: [{uri: {regex: "/r/[0-9]+"}}], ${toWeb}},
		{name: header, match: [{headers: {X-A: {exact: "1"}}, withoutHeaders: {x-b: {}}}], ${toWeb}},
		{name: query, match: [{queryParams: {q: {prefix: a}}}], ${toWeb}},
		{name: method, match: [{method: {regex: "P.*"}}], ${toWeb}},
		{name: authority, match: [{authority: {prefix: web.shop}, uri: {prefix: /x}}], ${toWeb}}]`);
	assert.equal(named(client, "GET web/e?x=1"), "exact");
	assert.equal(named(client, "GET web/pRe"), "prefix");
	assert.equal(named(client, "GET web/r/12"), "regex");
	assert.equal(named(client, "GET web/r/12a"), undefined);
	assert.equal(named(client, "GET web/", "x-a: 1"), "header");
	assert.equal(named(client, "GET web/", "x-a: 1", "x-b: any"), undefined);
	assert.equal(named(client, "GET web/?q=abc"), "query");
	assert.equal(named(client, "POST web/"), "method");
	assert.equal(named(client, "GET web.shop:80/x"), "authority");
	assert.equal(named(client, "GET web/x"), undefined);
});

test("a rule is for some ports, clients and gateways only", () => {
	const documents = [
		...world,
		rule(`{hosts: [web.shop.svc.cluster.local], gateways: [mesh, edge/g], http: [
			{name: port, match: [{port: 8081}], ${toWeb}},
			{name: front, match: [{sourceLabels: {tier: front}, uri: {prefix: /l}}], ${toWeb}},
			{name: partner, match: [{sourceNamespace: partner}], ${toWeb}},
			{name: gateway, match: [{gateways: [edge/g]}], ${toWeb}},
			{name: else, ${toWeb}}]}`),
	];
	const client = captureClient(documents);
	const visitor = captureClient(documents, "visitor.partner");
	assert.equal(named(client, "GET web:8081/l"), "port");
	assert.equal(named(client, "GET web/l"), "front");
	assert.equal(named(client, "GET web/"), "else");
	assert.equal(named(visitor, "GET web.shop/l"), "partner");
	assert.equal(named(visitor, "GET web/"), "default", "its own web is another service");
});

test("paths, hosts and headers are changed as Istio changes them", () => {
	const client = under(`[
		{match: [{uri: {prefix: /old/}}], rewrite: {uri: /new/}, ${toWeb}},
		{match: [{uri: {exact: /ex}}], rewrite: {uri: /other, authority: h.example}, ${toWeb}},
		{match: [{uri: {prefix: /re/}}], rewrite: {uriRegexRewrite: {match: "/re/([^/]+)/(.*)", rewrite: '/\\2/\\1'}}, ${toWeb}},
		{match: [{uri: {prefix: /h}}], headers: {request: {set: {x-a: "1", host: set.example}, add: {x-b: "2"}, remove: [x-c]}}, ${toWeb}}]`);
	assert.equal(client.request("GET web/old/a?b=c")?.path, "/new/a?b=c");
	const exact = client.request("GET web/ex");
	assert.deepEqual([exact?.path, exact?.host], ["/other", "h.example"]);
	assert.equal(client.request("GET web/re/a/b")?.path, "/b/a");
	const headers = client.request("GET web/h", "x-a: 0", "x-b: 1", "x-c: 1");
	assert.equal(headers?.host, "set.example");
	assert.deepEqual(headers?.headers, ["x-a", "1", "x-b", "1", "x-b", "2"]);
});

test("redirects and direct answers need no backend", () => {
	const client = under(`[
		{match: [{uri: {prefix: /go}}], redirect: {uri: /there, authority: new.example, scheme: https, redirectCode: 308}},
		{match: [{uri: {prefix: /p/}}], redirect: {prefixRewrite: /q/}},
		{match: [{uri: {prefix: /port}}], redirect: {authority: a.example, port: 8443}},
		{directResponse: {status: 418, body: {string: teapot}}}]`);
	assert.equal(client.request("GET web/go?x=1")?.location, "https://new.example/there?x=1");
	assert.equal(client.request("GET web/p/a")?.location, "http://web/q/a");
	assert.equal(client.request("GET web/port")?.location, "http://a.example:8443/port");
	assert.equal(client.request("GET web/")?.status, 418);
});

test("destinations: by weight, subset and port; without a port that of the request", () => {
	const documents = [
		...world,
		"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: shop}\nspec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}",
		rule(`{hosts: [web], http: [
			{match: [{uri: {prefix: /half}}], route: [{destination: {host: web, subset: v1}, weight: 1}, {destination: {host: web, subset: v2}, weight: 99}]},
			{match: [{uri: {prefix: /alt}}], route: [{destination: {host: web, port: {number: 8081}}}]},
			{match: [{uri: {prefix: /zero}}], route: [{destination: {host: pay}, weight: 0}, {destination: {host: web}, weight: 5}]},
			{route: [{destination: {host: pay}}]}]}`),
	];
	const client = captureClient(documents);
	assert.equal(client.request("GET web/half")?.cluster, "outbound|80|v2|web.shop.svc.cluster.local");
	assert.equal(client.request("GET web/alt")?.cluster, "outbound|8081||web.shop.svc.cluster.local");
	assert.equal(client.request("GET web/zero")?.cluster, "outbound|80||web.shop.svc.cluster.local");
	assert.equal(client.request("GET web/")?.cluster, "outbound|80||pay.shop.svc.cluster.local");
	assert.equal(client.request("GET web:8081/")?.cluster, "outbound|8081||pay.shop.svc.cluster.local");
	assert.equal(client.cluster("outbound|8081||pay.shop.svc.cluster.local"), undefined, "503 NC, as in Istio");
	assert.deepEqual(client.endpoints("outbound|80|v2|web.shop.svc.cluster.local"), [["10.1.1.2:8080"]]);
});

test("time limits, retries, faults, mirrors and CORS reach the proxy", () => {
	const client = under(`[{timeout: 2s,
		retries: {attempts: 3, retryOn: "5xx,429", perTryTimeout: 500ms, retryIgnorePreviousHosts: false},
		fault: {abort: {httpStatus: 555, percentage: {value: 12.5}}},
		mirrors: [{destination: {host: pay}, percentage: {value: 50}}, {destination: {host: nosuch}}],
		corsPolicy: {allowOrigins: [{exact: "https://a.example"}]}, ${toWeb}}]`);
	const entry = client.request("GET web/")!.entry;
	assert.ok(entry.action.kind === "forward");
	assert.equal(entry.action.timeoutMs, 2000);
	assert.equal(entry.action.retryPolicy?.numRetries, 3);
	assert.equal(entry.action.retryPolicy?.perTryTimeoutMs, 500);
	assert.deepEqual(
		entry.action.mirrorPolicies.map(({ cluster }) => cluster),
		["outbound|80||pay.shop.svc.cluster.local"],
	);
	assert.deepEqual(Object.keys(Object.fromEntries(entry.filterConfigs)).sort(), [
		"envoy.filters.http.cors",
		"envoy.filters.http.fault",
	]);
	const off = under(`[{retries: {attempts: 0}, ${toWeb}}]`).request("GET web/")!.entry;
	assert.ok(off.action.kind === "forward");
	assert.equal(off.action.retryPolicy, undefined);
});

test("hosts: the closest name, the oldest of equals, and a private rule before a public one", () => {
	const direct = (status: number): string => `http: [{directResponse: {status: ${status}}}]`;
	const client = captureClient([
		...world,
		rule(`{hosts: ["*.shop.svc.cluster.local"], ${direct(210)}}`, "{name: wild, namespace: shop}"),
		rule(`{hosts: [pay], ${direct(211)}}`, '{name: old, namespace: shop, creationTimestamp: "2020-01-01T00:00:00Z"}'),
		rule(`{hosts: [pay], ${direct(212)}}`, '{name: a-new, namespace: shop, creationTimestamp: "2021-01-01T00:00:00Z"}'),
		rule(`{hosts: [only.example], ${direct(213)}}`, "{name: only, namespace: shop}"),
		rule(
			`{hosts: [only.example], exportTo: ["."], ${direct(214)}}`,
			'{name: private, namespace: shop, creationTimestamp: "2022-01-01T00:00:00Z"}',
		),
		rule(`{hosts: [hidden.example], exportTo: [elsewhere], ${direct(215)}}`, "{name: hidden, namespace: partner}"),
	]);
	assert.equal(client.request("GET web/")?.status, 210);
	assert.equal(client.request("GET pay/")?.status, 211);
	assert.equal(client.request("GET only.example/")?.status, 214);
	assert.equal(client.request("GET hidden.example/")?.cluster, "PassthroughCluster");
});

test("a Service that is only another name has rules of its own, and leads to the cluster of the name behind it", () => {
	const alias = (name: string, host: string): string =>
		`apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: {type: ExternalName, externalName: ${host}, ports: [{name: http, port: 80}]}`;
	const documents = [
		...world,
		alias("inner", "pay.shop.svc.cluster.local"),
		alias("outer", "outer.example"),
		alias("plain", "pay.shop.svc.cluster.local"),
		rule(`{hosts: [inner, outer], http: [{name: named, match: [{uri: {prefix: /n}}], route: [{destination: {host: inner}}]},
			{name: else, route: [{destination: {host: outer}}]}]}`),
	];
	const client = captureClient(documents);
	assert.equal(named(client, "GET inner/n"), "named");
	assert.equal(client.request("GET inner.shop/n")?.cluster, "outbound|80||pay.shop.svc.cluster.local");
	assert.equal(named(client, "GET pay/n"), "default");
	assert.equal(client.request("GET plain/n")?.cluster, "outbound|80||pay.shop.svc.cluster.local");
	assert.equal(client.request("GET outer/")?.cluster, "outbound|80||outer.example");
	const visitor = captureClient(documents, "visitor.partner");
	assert.equal(named(visitor, "GET outer.shop/"), "else");
});

test("a delegate's rules stand in the place of the rule that names it, narrowed by its matches", () => {
	const client = captureClient([
		...world,
		rule(`{hosts: [web], http: [
			{match: [{uri: {prefix: /pay}}], delegate: {name: pay, namespace: partner}, headers: {request: {set: {x-root: "1"}}}},
			{${toWeb}}]}`),
		rule(
			`{http: [
			{name: inner, match: [{uri: {prefix: /pay/in}}], route: [{destination: {host: web}}]},
			{name: outside, match: [{uri: {prefix: /other}}], route: [{destination: {host: web}}]},
			{name: rest, route: [{destination: {host: pay.shop.svc.cluster.local}}]}]}`,
			"{name: pay, namespace: partner}",
		),
	]);
	const inner = client.request("GET web/pay/in");
	assert.equal(inner?.entry.name, "inner");
	assert.equal(
		inner?.cluster,
		"outbound|80||web.partner.svc.cluster.local",
		"short names are of the delegate's namespace",
	);
	assert.deepEqual(inner?.headers, ["x-root", "1"]);
	assert.equal(named(client, "GET web/pay/x"), "rest");
	assert.equal(client.request("GET web/other")?.cluster, "outbound|80||web.shop.svc.cluster.local");
});

test("rules for TCP and TLS choose clusters by client and server name", () => {
	const client = captureClient([
		...world,
		clusterService("sec", 5, { ports: "[{name: tls, port: 443}]" }),
		rule(
			`{hosts: [raw], tcp: [
			{match: [{sourceLabels: {app: nobody}}], route: [{destination: {host: pay, port: {number: 80}}}]},
			{match: [{port: 7000}], route: [{destination: {host: raw}, weight: 1}, {destination: {host: pay, port: {number: 80}}, weight: 1}]}]}`,
			"{name: raw, namespace: shop}",
		),
		rule(
			`{hosts: [sec], tls: [{match: [{sniHosts: [sec.shop.svc.cluster.local]}], route: [{destination: {host: pay, port: {number: 80}}}]}]}`,
			"{name: sec, namespace: shop}",
		),
	]);
	assert.deepEqual(client.connect("10.0.0.3", 7000), [
		"outbound|7000||raw.shop.svc.cluster.local",
		"outbound|80||pay.shop.svc.cluster.local",
	]);
	assert.deepEqual(client.connect("10.0.0.5", 443, "sec.shop.svc.cluster.local"), [
		"outbound|80||pay.shop.svc.cluster.local",
	]);
	assert.deepEqual(client.connect("10.0.0.5", 443, "other"), ["PassthroughCluster"]);
	assert.deepEqual(client.connect("10.7.7.7", 9999), ["virtualOutbound"]);
});
