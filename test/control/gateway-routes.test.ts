/** Requests through what gateways are given: hosts, ports and routes of both dialects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { HttpProtocolOptions } from "../../src/api/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { unpackAny } from "../../src/api/index.ts";
import { clusterType } from "../../src/xds/server/index.ts";
import { gatewayOf, routeOf } from "../support/gateway-api.ts";
import { simulateGateway } from "../support/gateway-snapshot.ts";
import { judge } from "../support/simulate-request.ts";

const allowedRoutes = { namespaces: { from: "All" } };
const http = { name: "http", port: 80, protocol: "HTTP", allowedRoutes };
const to = (name: string, more: object = {}) => ({ backendRefs: [{ name, port: 80, ...more }] });
const at = (value: string, type = "PathPrefix") => ({ matches: [{ path: { type, value } }] });
const more = (name: string) => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }`;
const services = ["a", "b", "c"].map(more);
const get = (host: string, path = "/", headers: Record<string, string> = {}) => ({ host, path, headers });

const istioGateway = (servers: object[], fields: object = { selector: { app: "gw" } }, name = "ig") =>
	JSON.stringify({
		apiVersion: "networking.istio.io/v1",
		kind: "Gateway",
		metadata: { name, namespace: "edge" },
		spec: { ...fields, servers },
	});
const virtualService = (name: string, spec: object, metadata: object = {}) =>
	JSON.stringify({
		apiVersion: "networking.istio.io/v1",
		kind: "VirtualService",
		metadata: { name, namespace: "shop", ...metadata },
		spec: { gateways: ["edge/ig"], ...spec },
	});
const plain = (hosts: string[], number = 80, more: object = {}) => ({
	port: { number, name: `http-${number}`, protocol: "HTTP" },
	hosts,
	...more,
});
const send = (host: string, match?: object) => ({
	...(match !== undefined && { match: [match] }),
	route: [{ destination: { host } }],
});

test("a listener is bound at the target port of the Service in front", () => {
	const gateway = simulateGateway([gatewayOf(http), routeOf("HTTPRoute", "r", { rules: [to("web")] })]);
	assert.deepEqual(gateway.ports, [8080]);
	assert.equal(gateway.ask(8080, get("any.example")), "web.shop:80");
});

test("a Gateway of another Service, or of another label, is not this proxy's", () => {
	const gateway = JSON.parse(gatewayOf(http));
	const other = JSON.stringify({
		...gateway,
		spec: { ...gateway.spec, addresses: [{ type: "Hostname", value: "other" }] },
	});
	assert.deepEqual(simulateGateway([other]).ports, []);
	const labelled = JSON.stringify({ ...gateway, spec: { ...gateway.spec, addresses: undefined } });
	assert.deepEqual(simulateGateway([labelled]).ports, []);
	const label = { app: "gw", "gateway.networking.k8s.io/gateway-name": "gw" };
	assert.deepEqual(simulateGateway([labelled], label).ports, [8080]);
});

test("rules of several routes are tried by exact path, longest prefix, method, headers, query, age", () => {
	const gateway = simulateGateway([
		...services,
		gatewayOf(http),
		routeOf(
			"HTTPRoute",
			"old",
			{ rules: [to("a"), { ...at("/p"), ...to("a") }] },
			{ creationTimestamp: "2026-01-01T00:00:00Z" },
		),
		routeOf(
			"HTTPRoute",
			"new",
			{ rules: [to("b"), { ...at("/p/q"), ...to("b") }, { ...at("/p", "Exact"), ...to("b") }] },
			{ creationTimestamp: "2026-01-02T00:00:00Z" },
		),
		routeOf(
			"HTTPRoute",
			"more",
			{ rules: [{ matches: [{ headers: [{ name: "x", value: "1" }] }, { method: "POST" }], ...to("c") }] },
			{ creationTimestamp: "2026-01-03T00:00:00Z" },
		),
	]);
	assert.equal(gateway.ask(8080, get("h")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/p")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/p/x")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/p/q/r")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/", { x: "1" })), "c.shop:80");
	assert.equal(gateway.ask(8080, { ...get("h"), method: "POST" }), "c.shop:80");
});

test("a request belongs to the narrowest host of listener and route, and to no other", () => {
	const gateway = simulateGateway([
		...services,
		gatewayOf(
			{ ...http, name: "all" },
			{ ...http, name: "wild", hostname: "*.w.example" },
			{ ...http, name: "empty", hostname: "e.example" },
		),
		routeOf("HTTPRoute", "everywhere", { rules: [{ ...at("/any"), ...to("a") }] }),
		routeOf("HTTPRoute", "base", {
			parentRefs: [{ name: "gw", namespace: "edge", sectionName: "all" }],
			rules: [{ ...at("/base"), ...to("a") }],
		}),
		routeOf("HTTPRoute", "one", { hostnames: ["one.w.example", "two.example"], rules: [to("b")] }),
		routeOf("HTTPRoute", "section", {
			parentRefs: [{ name: "gw", namespace: "edge", sectionName: "wild" }],
			rules: [{ ...at("/s"), ...to("c") }],
		}),
	]);
	assert.equal(gateway.ask(8080, get("x.w.example", "/any")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("x.w.example:80", "/s")), "c.shop:80");
	assert.equal(gateway.ask(8080, get("one.w.example")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("one.w.example", "/s")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("two.example", "/any")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("other.example", "/any")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("other.example", "/s")), "404");
	assert.equal(gateway.ask(8080, get("other.example", "/base")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("e.example", "/base")), "404");
});

test("backends that may not be used are answered with 500, and only their share", () => {
	const gateway = simulateGateway([
		gatewayOf(http),
		routeOf("HTTPRoute", "r", {
			rules: [
				{ ...at("/gone"), ...to("nosuch") },
				{ ...at("/denied"), ...to("bank", { namespace: "vault" }) },
				{ ...at("/zero"), ...to("web", { weight: 0 }) },
				{
					...at("/half"),
					backendRefs: [
						{ name: "web", port: 80, weight: 3 },
						{ name: "bank", namespace: "vault", port: 80 },
					],
				},
				{
					...at("/filter"),
					filters: [{ type: "ExtensionRef", extensionRef: { group: "a.example", kind: "F", name: "f" } }],
					...to("web"),
				},
			],
		}),
	]);
	for (const path of ["/gone", "/denied", "/zero", "/filter"])
		assert.equal(gateway.ask(8080, get("h", path)), "500", path);
	assert.equal(gateway.ask(8080, get("h", "/half")), "3 web.shop:80, 1 unusable_backend");
});

test("calls of a GRPCRoute go by service and method, those without any last", () => {
	const gateway = simulateGateway([
		...services,
		gatewayOf(http),
		routeOf("GRPCRoute", "g", {
			rules: [
				{ matches: [{ headers: [{ name: "x", value: "1" }] }], ...to("c") },
				{ matches: [{ method: { method: "M" } }], ...to("b") },
				{ matches: [{ method: { service: "s.S" } }], ...to("a") },
			],
		}),
	]);
	assert.equal(gateway.ask(8080, get("h", "/s.S/M", { x: "1" })), "a.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/t.T/M", { x: "1" })), "b.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/t.T/N", { x: "1" })), "c.shop:80");
	assert.equal(gateway.ask(8080, get("h", "/t.T/N")), "404");
});

test("VirtualServices are bound by the gateway's name, its hosts and their namespaces", () => {
	const gateway = simulateGateway([
		...services,
		istioGateway([plain(["*.any.example", "shop/*.shop.example", "other/*.other.example", "./*.own.example"])]),
		virtualService("any", { hosts: ["a.any.example"], http: [send("a")] }),
		virtualService("shop", { hosts: ["a.shop.example", "a.other.example", "a.own.example"], http: [send("b")] }),
		virtualService("mesh", { hosts: ["b.any.example"], gateways: ["mesh"], http: [send("a")] }),
		virtualService("private", { hosts: ["c.any.example"], exportTo: ["."], http: [send("a")] }),
		virtualService("wide", { hosts: ["*.example"], http: [send("c")] }),
	]);
	assert.equal(gateway.ask(8080, get("a.any.example")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("a.shop.example")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("a.other.example")), "404");
	assert.equal(gateway.ask(8080, get("a.own.example")), "404");
	assert.equal(gateway.ask(8080, get("b.any.example")), "c.shop:80");
	assert.equal(gateway.ask(8080, get("c.any.example")), "c.shop:80");
	assert.equal(gateway.ask(8080, get("other.example")), "404");
});

test("VirtualServices of one host are merged, older first, what matches everything last", () => {
	const time = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` });
	const gateway = simulateGateway([
		...services,
		istioGateway([plain(["*"])]),
		virtualService("one", { hosts: ["h.example"], http: [send("a", { uri: { prefix: "/a" } }), send("a")] }, time(1)),
		virtualService(
			"two",
			{ hosts: ["h.example"], http: [send("b", { uri: { prefix: "/a/b" } }), send("b", { uri: { prefix: "/b" } })] },
			time(2),
		),
		virtualService("three", { hosts: ["h.example"], http: [send("c")] }, time(3)),
	]);
	assert.equal(gateway.ask(8080, get("h.example", "/a/b")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("h.example", "/b")), "b.shop:80");
	assert.equal(gateway.ask(8080, get("h.example", "/z")), "a.shop:80");
});

test("rules for one gateway or port are for no other", () => {
	const gateway = simulateGateway([
		...services,
		istioGateway([plain(["*"]), plain(["*"], 9090)]),
		virtualService("v", {
			hosts: ["h.example"],
			gateways: ["edge/ig", "mesh"],
			http: [send("a", { gateways: ["mesh"] }), send("b", { port: 9090 }), send("c", { gateways: ["edge/ig"] })],
		}),
	]);
	assert.deepEqual(gateway.ports, [8080, 9090]);
	assert.equal(gateway.ask(8080, get("h.example")), "c.shop:80");
	assert.equal(gateway.ask(9090, get("h.example")), "b.shop:80");
});

test("a selector that does not fit, and servers of one port that do not go together", () => {
	assert.deepEqual(simulateGateway([istioGateway([plain(["*"])], { selector: { app: "x" } })]).ports, []);
	assert.deepEqual(simulateGateway([istioGateway([plain(["*"])], {})]).ports, [8080]);
	const tcp = { port: { number: 80, name: "tcp", protocol: "TCP" }, hosts: ["*"] };
	const gateway = simulateGateway([
		...services,
		istioGateway([plain(["a.example"]), tcp, plain(["b.example"])]),
		virtualService("v", {
			hosts: ["a.example", "b.example"],
			http: [send("a")],
			tcp: [{ route: [{ destination: { host: "b" } }] }],
		}),
	]);
	assert.equal(gateway.ask(8080, get("a.example")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("b.example")), "a.shop:80");
	assert.match(
		gateway.problems[0]!,
		/IstioGateway edge\/ig spec\.servers\[1\]: port 8080 is taken by .*; the server is left out/,
	);
});

test("a server that redirects to https does so for every host that it has, with routes or without", () => {
	const gateway = simulateGateway([
		...services,
		istioGateway([plain(["*.example"], 80, { tls: { httpsRedirect: true } }), plain(["plain.test"])]),
		virtualService("v", { hosts: ["v.example", "plain.test"], http: [send("a")] }),
	]);
	assert.equal(gateway.ask(8080, get("a.example")), "https");
	assert.equal(gateway.ask(8080, get("v.example")), "https");
	assert.equal(gateway.ask(8080, get("plain.test")), "a.shop:80");
});

test("both dialects serve one port together", () => {
	const gateway = simulateGateway([
		...services,
		gatewayOf({ ...http, hostname: "api.example" }),
		routeOf("HTTPRoute", "r", { rules: [to("a")] }),
		istioGateway([plain(["vs.example"])]),
		virtualService("v", { hosts: ["vs.example"], http: [send("b")] }),
	]);
	assert.equal(gateway.ask(8080, get("api.example")), "a.shop:80");
	assert.equal(gateway.ask(8080, get("vs.example")), "b.shop:80");
});

test("a gateway gets the clusters that its routes lead to, and no other", () => {
	const gateway = simulateGateway([
		...services,
		gatewayOf(http),
		routeOf("HTTPRoute", "r", {
			rules: [
				{ filters: [{ type: "RequestMirror", requestMirror: { backendRef: { name: "b", port: 80 } } }], ...to("a") },
			],
		}),
	]);
	const clusters = [...gateway.snapshot.resources.entries()].find(([type]) => type.endsWith("Cluster"))![1];
	assert.deepEqual([...clusters.keys()].sort(), [
		"outbound|80||a.shop.svc.cluster.local",
		"outbound|80||b.shop.svc.cluster.local",
	]);
});

test("clients of a gateway do not decide what its backends speak", () => {
	const ports = '[{"name":"untold","port":80},{"name":"grpc","port":81},{"name":"calls","port":82}]';
	const gateway = simulateGateway([
		`apiVersion: v1\nkind: Service\nmetadata: {name: u, namespace: shop}\nspec: {ports: ${ports}}`,
		`apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: u, namespace: shop, labels: {kubernetes.io/service-name: u}}\naddressType: IPv4\nports: ${ports}\nendpoints: [{addresses: [10.9.0.1]}]`,
		gatewayOf(http),
		routeOf("HTTPRoute", "r", {
			rules: [80, 81].map((port) => ({
				matches: [{ path: { type: "PathPrefix", value: `/${port}` } }],
				backendRefs: [{ name: "u", port }],
			})),
		}),
		routeOf("GRPCRoute", "g", { hostnames: ["g.example"], rules: [{ backendRefs: [{ name: "u", port: 82 }] }] }),
	]);
	const versionOf = (port: number) => {
		const name = `outbound|${port}||u.shop.svc.cluster.local`;
		const cluster = fromBinary(ClusterSchema, gateway.snapshot.resources.get(clusterType)!.get(name)!.value);
		const options = Object.values(cluster.typedExtensionProtocolOptions)[0];
		if (options === undefined) return "http1";
		const { upstreamProtocolOptions } = unpackAny(options) as HttpProtocolOptions;
		return upstreamProtocolOptions.case === "explicitHttpConfig"
			? upstreamProtocolOptions.value.protocolConfig.case
			: upstreamProtocolOptions.case;
	};
	assert.deepEqual([versionOf(80), versionOf(81)], ["http1", "http2ProtocolOptions"]);
	assert.equal(versionOf(82), "useDownstreamProtocolConfig", "calls come by HTTP/2");
});

test("policies are enforced where their selector or the Gateway they name says", () => {
	const policy = (name: string, spec: object, namespace = "edge") =>
		JSON.stringify({
			apiVersion: "security.istio.io/v1",
			kind: "AuthorizationPolicy",
			metadata: { name, namespace },
			spec: { action: "DENY", rules: [{ to: [{ operation: { paths: ["/private"] } }] }], ...spec },
		});
	const target = (name: string) => ({ targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name }] });
	const denied = (document: string): boolean => {
		const { snapshot } = simulateGateway([gatewayOf(http), routeOf("HTTPRoute", "r", {}), document]);
		return judge(snapshot, "0.0.0.0_8080", get("h", "/private")).startsWith("denied");
	};
	assert.ok(denied(policy("p", { selector: { matchLabels: { app: "gw" } } })));
	assert.ok(!denied(policy("p", { selector: { matchLabels: { app: "other" } } })));
	assert.ok(!denied(policy("p", {}, "shop")));
	assert.ok(denied(policy("p", {}, "amime-system")));
	assert.ok(denied(policy("p", target("gw"))));
	assert.ok(!denied(policy("p", target("other"))));
});
