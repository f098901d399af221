/** AuthorizationPolicies, tested by sending simulated requests through the RBAC filters that proxies are given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMeshIndex, translateInboundListener } from "../../src/control/translate/index.ts";
import { application, createTestMesh, parseObjects, simulateMesh } from "../support/control-mesh.ts";
import { judge, type SimulatedRequest } from "../support/simulate-request.ts";

function policy(name: string, spec: string, namespace = "shop"): string {
	return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
}

/** What the only port of an application says to requests, as `peer method host path`. */
function ask(documents: readonly string[], options: Parameters<typeof application>[1] = {}): (line: string) => string {
	const mesh = simulateMesh(parseObjects(application("orders", options), ...documents));
	const snapshot = mesh.snapshot("orders-0");
	const listener = `inbound_${mesh.instance("orders-0").ports[0]!.appPort}`;
	return (line) => {
		const [peer, method, host, path] = line.split(" ") as [string, string, string, string];
		const [serviceAccount, namespace = "shop"] = peer.split(".");
		const request: SimulatedRequest = {
			method,
			host,
			path,
			...(peer !== "nobody" && { peer: `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}` }),
		};
		return judge(snapshot, listener, request);
	};
}

test("without policies everything is allowed, with any ALLOW policy only what one of them allows", () => {
	assert.equal(ask([])("nobody GET orders /"), "allowed");
	const verdict = ask([
		policy(
			"web",
			"{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}], to: [{operation: {methods: [POST], paths: [/orders]}}]}]}",
		),
		policy("read", "{rules: [{to: [{operation: {methods: [GET]}}]}]}"),
	]);
	assert.equal(verdict("web POST orders /orders?x=1"), "allowed");
	assert.equal(verdict("catalog POST orders /orders"), "denied by none");
	assert.equal(verdict("nobody POST orders /orders"), "denied by none");
	assert.equal(verdict("web POST orders /orders/1"), "denied by none");
	assert.equal(verdict("nobody GET orders /any"), "allowed");
});

test("DENY is judged before ALLOW and names its policy as Istio does", () => {
	const verdict = ask([
		policy("all", "{rules: [{}]}"),
		policy(
			"no",
			"{action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}, {from: [{source: {namespaces: [evil]}}]}]}",
		),
	]);
	assert.equal(verdict("web GET orders /"), "allowed");
	assert.equal(verdict("web PUT orders /"), "denied by ns[shop]-policy[no]-rule[0]");
	assert.equal(verdict("x.evil GET orders /"), "denied by ns[shop]-policy[no]-rule[1]");
	assert.equal(verdict("x.evil2 GET orders /"), "allowed");
});

test("an ALLOW policy without rules allows nothing, a DENY policy without rules denies nothing", () => {
	assert.equal(ask([policy("none", "{}")])("web GET orders /"), "denied by none");
	assert.equal(ask([policy("none", "{action: DENY}")])("web GET orders /"), "allowed");
});

test("with denyByDefault nothing passes but what a policy allows, by one switch", () => {
	const config = (spec: string): string =>
		`apiVersion: amime.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: mesh}\nspec: ${spec}\n`;
	assert.equal(ask([config("{denyByDefault: false}")])("web GET orders /"), "allowed");
	const closed = config("{denyByDefault: true}");
	assert.equal(ask([closed])("web GET orders /"), "denied by none");
	assert.equal(ask([config("{denyByDefault: true, rootNamespace: root}")])("web GET orders /"), "denied by none");
	const verdict = ask([closed, policy("read", "{rules: [{to: [{operation: {methods: [GET]}}]}]}")]);
	assert.equal(verdict("web GET orders /"), "allowed");
	assert.equal(verdict("web POST orders /"), "denied by none");
});

test("the root namespace covers the mesh, a selector chooses, another namespace does not count", () => {
	assert.equal(
		ask([policy("deny", "{action: DENY, rules: [{}]}", "amime-system")])("web GET orders /"),
		"denied by ns[amime-system]-policy[deny]-rule[0]",
	);
	assert.equal(ask([policy("deny", "{action: DENY, rules: [{}]}", "other")])("web GET orders /"), "allowed");
	assert.equal(
		ask([policy("deny", "{selector: {matchLabels: {app: web}}, action: DENY, rules: [{}]}")])("web GET orders /"),
		"allowed",
	);
});

test("values may begin or end with a star, and negations match plain text as well", () => {
	const deny = (rule: string) => ask([policy("p", `{action: DENY, rules: [${rule}]}`)]);
	const source = deny('{from: [{source: {principals: ["*/sa/web", "cluster.local/ns/team/*"]}}]}');
	assert.match(source("web.any GET orders /"), /^denied/);
	assert.match(source("x.team GET orders /"), /^denied/);
	assert.equal(source("x GET orders /"), "allowed");
	const present = deny('{from: [{source: {principals: ["*"]}}]}');
	assert.match(present("x GET orders /"), /^denied/);
	assert.equal(present("nobody GET orders /"), "allowed");
	const negated = deny("{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/web]}}]}");
	assert.match(negated("nobody GET orders /"), /^denied/);
	assert.equal(negated("web GET orders /"), "allowed");
	const paths = deny('{to: [{operation: {paths: ["/a*", "*.php"], notPaths: [/a/public]}}]}');
	assert.match(paths("web GET orders /abc?x=.php"), /^denied/);
	assert.match(paths("web GET orders /index.php"), /^denied/);
	assert.equal(paths("web GET orders /a/public"), "allowed");
});

test("a port in the host and path parameters get nobody past a DENY rule", () => {
	const verdict = ask([
		policy("p", "{action: DENY, rules: [{to: [{operation: {hosts: [Admin.shop]}}, {operation: {paths: [/admin]}}]}]}"),
	]);
	for (const line of [
		"web GET admin.shop /",
		"web GET ADMIN.shop:8080 /",
		"web GET admin.shop. /",
		"web GET admin.shop.:8080 /",
		"web GET admin.shop: /",
		"web GET me@admin.shop /",
		"web GET orders /admin",
		"web GET orders /admin;x=1",
	])
		assert.match(verdict(line), /^denied/, line);
	assert.equal(verdict("web GET admin.shopping /"), "allowed");
	assert.equal(verdict("web GET orders /administrator"), "allowed");
	assert.equal(verdict("web GET admin.shop.. /"), "allowed", "two dots are no host");
});

test("a rule for another port leaves no trace; its own port may be the declared one", () => {
	const documents = (port: number): string[] => [
		policy("p", `{action: DENY, rules: [{to: [{operation: {ports: ["${port}"]}}]}]}`),
	];
	assert.equal(ask(documents(1))("web GET orders /"), "allowed");
	const mesh = simulateMesh(
		parseObjects(
			application("orders").replace("{name: http, protocol: http}", "{name: http, protocol: http, port: 8080}"),
			...documents(8080),
		),
	);
	assert.match(judge(mesh.snapshot("orders-0"), "inbound_8080", { host: "orders", path: "/" }), /^denied/);
});

test("on a TCP port, HTTP conditions close an ALLOW rule and are left out of a DENY rule", () => {
	const tcp = { protocol: "tcp", port: 5432 };
	const peer = policy("peer", "{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]}");
	assert.equal(ask([peer], tcp)("web GET - /"), "allowed");
	assert.equal(ask([peer], tcp)("catalog GET - /"), "denied by none");
	assert.equal(
		ask([policy("http", "{rules: [{to: [{operation: {methods: [GET]}}]}]}")], tcp)("web GET - /"),
		"denied by none",
	);
	assert.match(
		ask([policy("http", "{action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]}")], tcp)("web GET - /"),
		/^denied/,
	);
});

test("a CUSTOM policy on a TCP port asks a gRPC provider, at an amime proxy and a stock Envoy alike", () => {
	const documents = `
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: test}
spec: {extensionProviders: [{name: grpc, envoyExtAuthzGrpc: {service: authz.example, port: 9000}}]}
---
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ledger, namespace: shop}
spec: {command: ["true"], ports: [{name: tcp, port: 5000, protocol: tcp}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: asked, namespace: shop}
spec: {action: CUSTOM, provider: {name: grpc}, rules: [{}]}
`;
	const index = createMeshIndex(createTestMesh(parseObjects(documents)));
	const instance = index.instance({ namespace: "shop", name: "ledger-0" })!;
	const filtersOf = (kind: "amime" | "envoy"): string[] =>
		translateInboundListener(index, instance, instance.ports[0]!, kind)
			.filterChains.flatMap(({ filters }) => filters.map(({ name }) => name))
			.filter((name) => /rbac|ext_authz/.test(name));
	for (const kind of ["amime", "envoy"] as const)
		assert.deepEqual([...new Set(filtersOf(kind))], ["envoy.filters.network.rbac", "envoy.filters.network.ext_authz"]);
});

test("namespaces and service accounts of related trust domains are not ours, except to rules that keep out", () => {
	const judgeWith = (policies: readonly string[], federatedTrustDomains: readonly string[]) => {
		const objects = parseObjects(application("orders"), ...policies);
		const mesh = simulateMesh(objects, undefined, { trustDomainAliases: ["old.example"], federatedTrustDomains });
		const listener = `inbound_${mesh.instance("orders-0").ports[0]!.appPort}`;
		return (trustDomain: string): string =>
			judge(mesh.snapshot("orders-0"), listener, {
				...{ method: "GET", host: "orders", path: "/" },
				peer: `spiffe://${trustDomain}/ns/shop/sa/web`,
			});
	};
	const sources = {
		namespaces: "from: [{source: {namespaces: [shop]}}]",
		serviceAccounts: "from: [{source: {serviceAccounts: [web]}}]",
		"source.namespace": "when: [{key: source.namespace, values: [shop]}]",
	};
	for (const [what, source] of Object.entries(sources)) {
		const allow = judgeWith([policy("in", `{rules: [{${source}}]}`)], ["other.example"]);
		assert.deepEqual(
			["cluster.local", "old.example", "other.example"].map(allow),
			["allowed", "allowed", "denied by none"],
			what,
		);
		const deny = judgeWith([policy("out", `{action: DENY, rules: [{${source}}]}`)], ["other.example"]);
		for (const domain of ["cluster.local", "other.example"])
			assert.equal(deny(domain), "denied by ns[shop]-policy[out]-rule[0]", `${what} ${domain}`);
	}
	const except = judgeWith(
		[policy("except", "{action: DENY, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}")],
		["other.example"],
	);
	assert.equal(except("cluster.local"), "allowed");
	assert.equal(except("other.example"), "denied by ns[shop]-policy[except]-rule[0]");
	const named = judgeWith(
		[policy("named", "{rules: [{from: [{source: {principals: [other.example/ns/shop/sa/web]}}]}]}")],
		["other.example"],
	);
	assert.equal(named("other.example"), "allowed");
	const alone = judgeWith([policy("in", `{rules: [{${sources.namespaces}}]}`)], []);
	assert.equal(alone("other.example"), "allowed", "without relations as in Istio: the handshake refuses others");
});
