/** EnvoyFilter: every place and operation changes what a proxy is given, and a bad patch changes nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { createPatchedSource } from "../../src/control/envoy-filter/index.ts";
import { clusterType, listenerType, routeType } from "../../src/xds/server/index.ts";
import { application, nodeIdOf, parseObjects, simulateMesh } from "../support/control-mesh.ts";
import { listJson, validateWithEnvoy } from "../support/envoy-validate.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const documents = `${application("web")}---${application("reviews")}`;

const filter = (patches: string, extra = "", metadata = "{ name: f, namespace: shop }"): string =>
	`---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: ${metadata}\nspec: { ${extra} configPatches: [${patches}] }\n`;
const patch = (applyTo: string, match: string, operation: string, value?: string): string =>
	`{ applyTo: ${applyTo}, match: ${match}, patch: { operation: ${operation}${value === undefined ? "" : `, value: ${value}`} } }`;

function desk(text: string, kind: "amime" | "envoy" = "envoy", metadata: Record<string, string> = {}) {
	const simulated = simulateMesh(parseObjects(documents + text));
	const source = createPatchedSource(simulated.store, () => simulated.store.index());
	const node = create(NodeSchema, { id: nodeIdOf(simulated.instance("web-0")), userAgentName: kind, metadata });
	const snapshot = () => source.get(node)!;
	const json = (type: "listeners" | "routes" | "clusters"): string =>
		JSON.stringify(
			listJson(
				snapshot(),
				{ listeners: listenerType, routes: routeType, clusters: clusterType }[type] as Parameters<typeof listJson>[1],
			),
		);
	return { source, node, snapshot, json, base: () => simulated.store.get(node)! };
}

const manager = "filter: { name: envoy.filters.network.http_connection_manager";
const inbound = (sub = "", more = ""): string =>
	`{ context: SIDECAR_INBOUND, listener: { ${more} filterChain: { ${manager}${sub === "" ? "" : `, subFilter: { name: ${sub} }`} } } } }`;
const buffer = (bytes: number, name = "own"): string =>
	`{ name: ${name}, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: ${bytes} } }`;
const host = "reviews.shop.svc.cluster.local";
const vhost = `{ context: SIDECAR_OUTBOUND, routeConfiguration: { name: http_proxy, vhost: { name: "${host}:80" } } }`;

/** Names of the HTTP filters of the inbound listener. */
function httpFilters(text: string, kind?: "amime" | "envoy"): string[] {
	const [listener] = JSON.parse(desk(text, kind).json("listeners")).filter(({ name }: { name: string }) =>
		name.startsWith("inbound_"),
	);
	const chain = listener.filterChains[0];
	return chain.filters.at(-1).typedConfig.httpFilters.map(({ name }: { name: string }) => name);
}

test("HTTP filters are put first, before, after, at the end, merged, replaced and removed", () => {
	const router = "envoy.filters.http.router";
	const of = (operation: string, sub?: string, value = buffer(7)) =>
		httpFilters(filter(patch("HTTP_FILTER", inbound(sub), operation, value)));
	assert.deepEqual(of("INSERT_FIRST"), ["own", router]);
	assert.deepEqual(of("INSERT_BEFORE", router), ["own", router]);
	assert.deepEqual(of("ADD"), ["own", router]);
	assert.deepEqual(of("INSERT_AFTER", router), ["own", router]);
	assert.deepEqual(of("INSERT_BEFORE", "nothing"), [router]);
	assert.deepEqual(of("REPLACE", router), ["own"]);
	const both = patch("HTTP_FILTER", inbound(), "INSERT_FIRST", buffer(7));
	assert.deepEqual(httpFilters(filter(`${both}, ${patch("HTTP_FILTER", inbound("own"), "REMOVE")}`)), [router]);
	const merged = desk(filter(`${both}, ${patch("HTTP_FILTER", inbound("own"), "MERGE", buffer(9))}`)).json("listeners");
	assert.match(merged, /"maxRequestBytes":9/);
	assert.doesNotMatch(merged, /"maxRequestBytes":7/);
});

test("what Istio puts into every connection manager is found where it would be, and filters go only by name", () => {
	const router = "envoy.filters.http.router";
	const cors = "envoy.filters.http.cors";
	const fault = "envoy.filters.http.fault";
	const put = (operation: string, sub: string, name = "own"): string =>
		patch("HTTP_FILTER", inbound(sub), operation, buffer(7, name));
	assert.deepEqual(httpFilters(filter(put("INSERT_BEFORE", cors))), ["own", cors, router]);
	assert.deepEqual(httpFilters(filter(`${put("INSERT_AFTER", cors)}, ${put("INSERT_BEFORE", fault, "early")}`)), [
		...["early", fault, cors, "own", router],
	]);
	assert.deepEqual(httpFilters(filter(patch("HTTP_FILTER", inbound(), "REMOVE"))), [router]);
	assert.deepEqual(httpFilters(filter(patch("HTTP_FILTER", inbound(), "REPLACE", buffer(7)))), [router]);
});

test("what is there is changed before anything is added, lists are replaced on demand", () => {
	const more = "{ name: more, domains: [more.example], response_headers_to_remove: [x-kept] }";
	const everywhere = "{ context: SIDECAR_OUTBOUND, routeConfiguration: { name: http_proxy } }";
	const merge = patch("VIRTUAL_HOST", everywhere, "MERGE", "{ request_headers_to_remove: [x-gone] }");
	const routes = JSON.parse(desk(filter(`${patch("VIRTUAL_HOST", everywhere, "ADD", more)}, ${merge}`)).json("routes"));
	const hosts = routes.find(({ name }: { name: string }) => name === "http_proxy").virtualHosts;
	assert.deepEqual(
		hosts
			.filter(
				({ requestHeadersToRemove }: { requestHeadersToRemove?: string[] }) => requestHeadersToRemove === undefined,
			)
			.map(({ name }: { name: string }) => name),
		["more"],
	);
	const lists = patch("VIRTUAL_HOST", vhost, "MERGE_AND_REPLACE_LIST", `{ domains: [only.example] }`);
	assert.match(desk(filter(lists)).json("routes"), /"domains":\["only\.example"\]/);
});

test("inbound clusters and virtual hosts are found by the Service that leads there", () => {
	const of = (service: string): string =>
		desk(
			filter(
				patch(
					"CLUSTER",
					`{ context: SIDECAR_INBOUND, cluster: { service: ${service} } }`,
					"MERGE",
					"{ connect_timeout: 3s }",
				),
			),
		).json("clusters");
	assert.match(of("web.shop.svc.cluster.local"), /"connectTimeout":"3s"/);
	assert.doesNotMatch(of(host), /"connectTimeout":"3s"/);
});

test("priority, then the root namespace, then age decide the order; selectors and the proxy's metadata decide for whom", () => {
	const first = (bytes: number, name: string): string =>
		patch("HTTP_FILTER", inbound(), "INSERT_FIRST", buffer(bytes, name));
	const router = "envoy.filters.http.router";
	const three =
		filter(first(1, "late"), "priority: 5,", "{ name: a, namespace: shop }") +
		filter(first(2, "own"), "", "{ name: b, namespace: shop }") +
		filter(first(3, "root"), "", "{ name: c, namespace: amime-system }");
	assert.deepEqual(httpFilters(three), ["late", "own", "root", router]);
	assert.deepEqual(httpFilters(filter(first(1, "x"), "workloadSelector: { labels: { app: reviews } },")), [router]);
	assert.deepEqual(httpFilters(filter(first(1, "x"), "", "{ name: a, namespace: other }")), [router]);
	const proxied = filter(
		patch(
			"HTTP_FILTER",
			`{ context: SIDECAR_INBOUND, proxy: { proxyVersion: '^1\\.2.*', metadata: { env: test } } }`,
			"INSERT_FIRST",
			buffer(7),
		),
	);
	assert.match(desk(proxied, "envoy", { ISTIO_VERSION: "1.29.0", env: "test" }).json("listeners"), /"own"/);
	assert.doesNotMatch(desk(proxied, "envoy", { ISTIO_VERSION: "1.30.0", env: "test" }).json("listeners"), /"own"/);
	assert.doesNotMatch(desk(proxied, "envoy", { ISTIO_VERSION: "1.29.0" }).json("listeners"), /"own"/);
});

/** A patch, the type it changes, and what must be there after it. */
const changes: readonly (readonly [
	name: string,
	text: string,
	type: "listeners" | "routes" | "clusters",
	expected: RegExp,
])[] = [
	[
		"a listener is merged",
		patch("LISTENER", "{ context: SIDECAR_INBOUND }", "MERGE", "{ per_connection_buffer_limit_bytes: 4096 }"),
		"listeners",
		/"perConnectionBufferLimitBytes":4096/,
	],
	[
		"a listener is added",
		patch(
			"LISTENER",
			"{ context: ANY }",
			"ADD",
			`{ name: more, address: { socket_address: { address: 127.0.0.1, port_value: 9 } }, filter_chains: [{}] }`,
		),
		"listeners",
		/"name":"more"/,
	],
	[
		"a chain is merged",
		patch(
			"FILTER_CHAIN",
			"{ context: SIDECAR_INBOUND, listener: { filterChain: { transportProtocol: raw_buffer } } }",
			"MERGE",
			"{ transport_socket_connect_timeout: 3s }",
		),
		"listeners",
		/"transportSocketConnectTimeout":"3s"/,
	],
	[
		"a network filter is inserted",
		patch(
			"NETWORK_FILTER",
			`{ context: SIDECAR_INBOUND, listener: { filterChain: { ${manager} } } } }`,
			"INSERT_BEFORE",
			`{ name: first, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, stat_prefix: x } }`,
		),
		"listeners",
		/"name":"first"/,
	],
	[
		"a connection manager is merged",
		patch(
			"NETWORK_FILTER",
			`{ context: SIDECAR_INBOUND, listener: { filterChain: { ${manager} } } } }`,
			"MERGE",
			`{ name: envoy.filters.network.http_connection_manager, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, request_timeout: 11s } }`,
		),
		"listeners",
		/"requestTimeout":"11s"/,
	],
	[
		"a listener filter is removed",
		patch(
			"LISTENER_FILTER",
			"{ context: SIDECAR_INBOUND, listener: { listenerFilter: envoy.filters.listener.tls_inspector } }",
			"REMOVE",
		),
		"listeners",
		/^(?!.*tls_inspector)/,
	],
	[
		"inline routes of what comes in are patched",
		patch(
			"HTTP_ROUTE",
			"{ context: SIDECAR_INBOUND, routeConfiguration: { vhost: { route: { action: ROUTE } } } }",
			"MERGE",
			"{ route: { timeout: 5s } }",
		),
		"listeners",
		/"timeout":"5s"/,
	],
	[
		"a route configuration is merged",
		patch(
			"ROUTE_CONFIGURATION",
			"{ context: SIDECAR_OUTBOUND, routeConfiguration: { name: http_proxy } }",
			"MERGE",
			"{ request_headers_to_remove: [x-gone] }",
		),
		"routes",
		/"requestHeadersToRemove":\["x-gone"\]/,
	],
	[
		"a virtual host is merged",
		patch("VIRTUAL_HOST", vhost, "MERGE", "{ request_headers_to_remove: [x-gone] }"),
		"routes",
		/"requestHeadersToRemove":\["x-gone"\]/,
	],
	[
		"a virtual host is added",
		patch(
			"VIRTUAL_HOST",
			"{ context: SIDECAR_OUTBOUND, routeConfiguration: { name: http_proxy } }",
			"ADD",
			"{ name: more, domains: [more.example] }",
		),
		"routes",
		/"more\.example"/,
	],
	[
		"a virtual host is removed",
		patch("VIRTUAL_HOST", vhost, "REMOVE"),
		"routes",
		/"name":"http_proxy","virtualHosts":\[(?!\{"name":"reviews).*\]/,
	],
	[
		"a route is put first",
		patch(
			"HTTP_ROUTE",
			vhost,
			"INSERT_FIRST",
			"{ name: more, match: { path: /more }, direct_response: { status: 418 } }",
		),
		"routes",
		/"routes":\[\{"match":\{"path":"\/more"/,
	],
	[
		"a route is merged",
		patch(
			"HTTP_ROUTE",
			`{ context: SIDECAR_OUTBOUND, routeConfiguration: { vhost: { name: "${host}:80", route: { name: default } } } }`,
			"MERGE",
			"{ route: { timeout: 9s } }",
		),
		"routes",
		/"timeout":"9s"/,
	],
	[
		"clusters of a service are merged",
		patch(
			"CLUSTER",
			`{ context: SIDECAR_OUTBOUND, cluster: { service: ${host}, portNumber: 80 } }`,
			"MERGE",
			"{ connect_timeout: 2s, lb_policy: RANDOM }",
		),
		"clusters",
		/"name":"outbound\|80\|\|reviews.*"connectTimeout":"2s"/,
	],
	[
		"a cluster is added",
		patch("CLUSTER", "{ context: ANY }", "ADD", "{ name: more, connect_timeout: 1s, type: STATIC }"),
		"clusters",
		/"name":"more"/,
	],
	[
		"a cluster is removed",
		patch("CLUSTER", `{ context: SIDECAR_OUTBOUND, cluster: { name: "outbound|80||${host}" } }`, "REMOVE"),
		"clusters",
		/^(?!.*"name":"outbound\|80\|\|reviews)/,
	],
];

for (const [name, text, type, expected] of changes)
	test(`EnvoyFilter: ${name}`, () => {
		const before = desk("").json(type);
		const after = desk(filter(text)).json(type);
		assert.match(after, expected);
		assert.notEqual(after, before);
	});

const skip = skipWithout("Envoy", findEnvoy());

test("Envoy takes all of it together", { skip }, async () => {
	const text = changes
		.filter(([name]) => !/listener filter is removed|cluster is removed|virtual host is removed/.test(name))
		.map(([, one]) => one);
	await validateWithEnvoy(
		findEnvoy()!,
		desk(filter([...text, patch("HTTP_FILTER", inbound(), "INSERT_FIRST", buffer(7))].join(", "))).snapshot(),
	);
});

test("an extension that only Envoy knows goes to Envoys as they read it, and not to amime's proxies", () => {
	const lua = `{ name: lua, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: { inline_string: "x" } } }`;
	const text = filter(patch("HTTP_FILTER", inbound(), "INSERT_FIRST", lua));
	assert.match(desk(text).json("listeners"), /TypedStruct.*filters\.http\.lua\.v3\.Lua/);
	assert.doesNotMatch(desk(text, "amime").json("listeners"), /lua/);
});

test("a patch that is no message is left out alone and told with its field", () => {
	const bad = patch("CLUSTER", "{ context: ANY }", "MERGE", "{ conect_timeout: 1s }");
	const good = patch("HTTP_FILTER", inbound(), "INSERT_FIRST", buffer(7));
	const { source, json } = desk(filter(`${bad}, ${good}`));
	assert.match(json("listeners"), /"own"/);
	const [problem] = source.problems();
	assert.deepEqual(
		[problem?.kind, problem?.name, problem?.path],
		["EnvoyFilter", "f", "spec.configPatches[0].patch.value"],
	);
	assert.match(problem!.problem, /conect_timeout/);
});

test("a patch that a proxy refuses is held back from it, the others and other types stay", () => {
	const { source, node, json, snapshot, base } = desk(
		filter(
			`${patch("HTTP_FILTER", inbound(), "INSERT_FIRST", buffer(7))}, ${patch("HTTP_FILTER", inbound(), "INSERT_FIRST", buffer(8, "other"))}`,
		),
	);
	assert.equal(snapshot().resources.get(routeType), base().resources.get(routeType));
	assert.equal(snapshot(), snapshot());
	const names = [...snapshot().resources.get(listenerType)!.keys()];
	assert.equal(source.refuse(node, listenerType, "inbound_80: filter 'other' is bad", names), true);
	assert.match(json("listeners"), /"own"/);
	assert.doesNotMatch(json("listeners"), /"other"/);
	assert.deepEqual(
		source.problems().map(({ path, code }) => [path, code]),
		[["spec.configPatches[1]", "PROXY_REFUSED"]],
	);
	assert.equal(source.refuse(node, clusterType, "a: bad", ["a"]), false);
	source.gone(node);
	assert.deepEqual(source.problems(), []);
});

test("of the patches of one type, those of the refused resource alone are held back", () => {
	const added = (name: string): string =>
		patch("CLUSTER", "{ context: ANY }", "ADD", `{ name: ${name}, type: STATIC }`);
	const { source, node, base, json } = desk(
		filter(
			`${added("first")}, ${added("second")}, ${patch("CLUSTER", "{ cluster: { name: BlackHoleCluster } }", "MERGE", "{ connect_timeout: 7s }")}`,
		),
	);
	assert.ok(base().resources.get(clusterType)!.has("BlackHoleCluster"));
	const untouched = [...base().resources.get(clusterType)!.keys()].find((name) => name !== "BlackHoleCluster")!;
	assert.match(json("clusters"), /"second"/);
	assert.equal(source.refuse(node, clusterType, `${untouched}: bad`, [untouched]), false);
	assert.equal(source.refuse(node, clusterType, "first: bad", ["first"]), true);
	assert.match(json("clusters"), /"second"/);
	assert.match(json("clusters"), /"7s"/);
	assert.doesNotMatch(json("clusters"), /"first"/);
	assert.equal(source.refuse(node, clusterType, "BlackHoleCluster: bad", ["BlackHoleCluster"]), true);
	assert.match(json("clusters"), /"second"/);
	assert.doesNotMatch(json("clusters"), /"7s"/);
});
