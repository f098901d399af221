import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDocument } from "../../../test/support/config-document.ts";
import type { Mesh } from "../../model/index.ts";
import { formatProblem } from "../located-problem.ts";
import { parseDocuments } from "../parse-documents.ts";
import { buildMesh } from "./build-mesh.ts";

const service = (name: string, spec: object = {}) =>
	formatDocument(
		"Service",
		{ selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }], ...spec },
		{ name },
	);
const workload = (name: string, spec: object = {}, labels: object = {}) =>
	formatDocument(
		"Workload",
		{ command: ["a"], ports: [{ name: "http" }], ...spec },
		{ name, labels: { app: name, ...labels } },
	);
const route = (parent: string, backend: object, more: object = {}) =>
	formatDocument("HTTPRoute", {
		parentRefs: [{ group: "", kind: "Service", name: parent, ...more }],
		rules: [{ backendRefs: [{ port: 80, ...backend }] }],
	});

function build(...documents: string[]): { mesh: Mesh; problems: string[] } {
	const parsed = parseDocuments(documents.join("\n---\n"), "a.yaml");
	assert.deepEqual(
		parsed.problems.filter((problem) => problem.severity === "error"),
		[],
	);
	const { mesh, problems } = buildMesh(parsed.objects, []);
	return { mesh, problems: problems.map(formatProblem) };
}

test("a mesh of objects that fit has no problems and the default settings", () => {
	const { mesh, problems } = build(service("web"), workload("web"), route("web", { name: "web" }));
	assert.deepEqual(problems, []);
	assert.deepEqual(mesh.settings, {
		name: "amime",
		trustDomain: "cluster.local",
		trustDomainAliases: [],
		clusterDomain: "cluster.local",
		rootNamespace: "amime-system",
		svidTtlMs: 86_400_000,
		traceSamplingPercent: 1,
		outboundTrafficPolicy: "ALLOW_ANY",
		enableAutoMtls: true,
		extensionProviders: [],
	});
});

test("a MeshConfig wins over the settings of the process; a second one is a problem", () => {
	const config = (name: string) => formatDocument("MeshConfig", { trustDomain: `${name}.example` }, { name });
	const { objects } = parseDocuments([config("b"), config("a")].join("\n---\n"), "a.yaml");
	const { mesh, problems } = buildMesh(objects, [], { trustDomain: "x", clusterDomain: "y" });
	assert.deepEqual(
		[mesh.settings.name, mesh.settings.trustDomain, mesh.settings.clusterDomain],
		["a", "a.example", "y"],
	);
	assert.match(
		problems.map(formatProblem)[0]!,
		/MeshConfig shop\/b: .*a mesh has one MeshConfig, and shop\/a \(a\.yaml:3\) is it/,
	);
});

test("unknown services and ports of a route are told, with the nearest name", () => {
	const { problems } = build(
		service("reviews"),
		workload("reviews"),
		route("reveiws", { name: "reviews" }),
		formatDocument(
			"HTTPRoute",
			{
				parentRefs: [{ group: "", kind: "Service", name: "reviews", port: 81 }],
				rules: [
					{
						backendRefs: [
							{ name: "reviews-v2", port: 80 },
							{ name: "reviews", port: 8080, weight: 0 },
						],
					},
				],
			},
			{ name: "second" },
		),
	);
	assert.deepEqual(
		problems.map((problem) => problem.replace(/^a\.yaml:\d+:\d+: warning: HTTPRoute shop\//, "")),
		[
			"it: spec.parentRefs[0].name: no Service shop/reveiws (did you mean 'shop/reviews'?): the route has no effect there",
			"second: spec.parentRefs[0].port: Service shop/reviews has no port 81, known are 80: the route has no effect there",
			"second: spec.rules[0].backendRefs[0].name: no Service shop/reviews-v2 (did you mean 'shop/reviews'?): its share of requests is answered with 500",
			"second: spec.rules[0].backendRefs[1].port: Service shop/reviews has no port 8080, known are 80: its share of requests is answered with 500",
		],
	);
});

test("a rule whose weights are all zero is told", () => {
	const { problems } = build(service("a"), workload("a"), route("a", { name: "a", weight: 0 }));
	assert.match(problems[0]!, /every weight is 0: all requests are answered with 500/);
});

test("a parent may name its port; one that is not there is told", () => {
	const good = build(service("a"), workload("a"), route("a", { name: "a" }, { sectionName: "http" }));
	assert.deepEqual(good.problems, []);
	const bad = build(service("a"), workload("a"), route("a", { name: "a" }, { sectionName: "grpc" }));
	assert.match(bad.problems[0]!, /sectionName: no port 'grpc' of Service shop\/a: known are http/);
});

test("selectors and subsets that select nothing are told", () => {
	const { problems } = build(
		service("a"),
		workload("a", {}, { version: "v1" }),
		service("b"),
		formatDocument("DestinationRule", {
			host: "a",
			subsets: [
				{ name: "v1", labels: { version: "v1" } },
				{ name: "v2", labels: { version: "v2" } },
			],
		}),
		formatDocument("PeerAuthentication", { selector: { matchLabels: { app: "c" } } }),
		formatDocument("AuthorizationPolicy", { selector: { matchLabels: { app: "a" } } }, { namespace: "other" }),
		formatDocument("AuthorizationPolicy", { selector: { matchLabels: { app: "a" } } }, { namespace: "amime-system" }),
	);
	assert.deepEqual(
		problems.map((problem) => problem.replace(/^a\.yaml:\d+:\d+: warning: /, "")),
		[
			"Service shop/b: spec.selector: no workload has the labels app=b: nothing is selected",
			"DestinationRule shop/it: spec.subsets[1].labels: no workload behind Service shop/a has the labels version=v2",
			"PeerAuthentication shop/it: spec.selector.matchLabels: no workload has the labels app=c: nothing is selected",
			"AuthorizationPolicy other/it: spec.selector.matchLabels: no workload has the labels app=a: nothing is selected",
		],
	);
});

test("the host of a DestinationRule becomes the full name of its Service", () => {
	const rule = (host: string, namespace: string) =>
		formatDocument("DestinationRule", { host }, { name: `r${host.length}`, namespace });
	const { mesh, problems } = build(
		service("a"),
		workload("a"),
		rule("a", "shop"),
		rule("a.shop", "other"),
		rule("a.shop.svc", "other"),
		rule("a.shop.svc.cluster.local", "other"),
		rule("api.example.com", "shop"),
		rule("b", "shop").replace('"r1"', '"short"'),
	);
	assert.deepEqual(
		mesh.destinationRules.map((item) => item.host),
		[
			...Array(3).fill("a.shop.svc.cluster.local"),
			"a.shop.svc.cluster.local",
			"api.example.com",
			"b.shop.svc.cluster.local",
		],
	);
	assert.deepEqual(
		problems.map((problem) => problem.replace(/^.*spec\.host: /, "")),
		["no Service api.example.com: the rule has no effect", "no Service b (did you mean 'a'?): the rule has no effect"],
	);
});

test("a port whose protocol is open takes that of the workload behind it", () => {
	const open = { ports: [{ name: "main", port: 80, targetPort: "main" }] };
	const { mesh } = build(
		service("a", open),
		workload("a", { ports: [{ name: "main", protocol: "tcp" }] }),
		service("b", open),
	);
	assert.deepEqual(
		mesh.services.map((item) => item.ports[0]?.protocol),
		["tcp", "http"],
	);
	assert.ok(!("undeclared" in mesh.services[0]!));
});

test("a target port that no workload has is told", () => {
	const { problems } = build(service("a"), workload("a", { ports: [{ name: "htpp" }] }));
	assert.match(
		problems[0]!,
		/spec\.ports\[0\]\.targetPort: no workload behind it has a port 'http' \(did you mean 'htpp'\?\)/,
	);
});

test("one object in two files is served from the first and told with both places", () => {
	const one = parseDocuments(service("a"), "mesh/a.yaml");
	const two = parseDocuments(service("a", { selector: { app: "other" } }), "mesh/b.yaml");
	for (const objects of [
		[...one.objects, ...two.objects],
		[...two.objects, ...one.objects],
	]) {
		const { mesh, problems } = buildMesh(objects, []);
		assert.deepEqual(mesh.services[0]?.selector, { app: "a" });
		assert.match(
			problems.map(formatProblem).find((problem) => problem.includes("the same object")) ?? "",
			/^mesh\/b\.yaml:1:\d+: Service shop\/a: metadata\.name: the same object is at mesh\/a\.yaml:1, and that one is served/,
		);
	}
});
