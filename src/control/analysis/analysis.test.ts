import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseDocuments } from "../../config/index.ts";
import { analyzeFolder } from "../analyze-folder.ts";
import { type FindingCode, findingTable } from "./index.ts";

const base = `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: { name: web, namespace: shop }
spec: { command: [node], ports: [{ name: http, port: 9080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
---
`;

function find(text: string, now = Date.UTC(2026, 0, 1)) {
	const parsed = parseDocuments(base + text, "mesh.yaml");
	return analyzeFolder({ ...parsed, files: 1 }, now);
}

/** `CODE path` of each finding. */
function told(text: string): string[] {
	return find(text).map(({ code, path }) => `${code} ${path}`);
}

const virtualService = (name: string, spec: string, namespace = "shop"): string =>
	`apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n---\n`;
const destinationRule = (name: string, spec: string, namespace = "shop"): string =>
	`apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n---\n`;
const policy = (spec: string): string =>
	`apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p, namespace: shop }\nspec: ${spec}\n---\n`;
const service = (name: string, spec: string, namespace = "shop"): string =>
	`apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n---\n`;
const httpRoute = (name: string, rules: string): string =>
	`apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: ${name}, namespace: shop }\nspec: { parentRefs: [{ group: "", kind: Service, name: web, port: 80 }], rules: ${rules} }\n---\n`;
const rateLimits = (name: string, spec: string): string =>
	`apiVersion: amime.dev/v1alpha1\nkind: RateLimitPolicy\nmetadata: { name: ${name}, namespace: shop }\nspec: ${spec}\n---\n`;
const to = "route: [{ destination: { host: web } }]";

/** Config, and the findings that it must have. */
const cases: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
	["a good mesh", "", []],
	[
		"rate limits: targets that are not there, a limit beside a stricter one, a claim that nobody checks",
		rateLimits(
			"a",
			`{ targetRefs: [{ kind: Service, name: wbe }, { group: gateway.networking.k8s.io, kind: HTTPRoute, name: none }, { kind: Service, name: web, sectionName: grpc }], limits: [{ name: l, requests: 1, unit: Second }] }`,
		) +
			rateLimits(
				"b",
				"{ selector: { matchLabels: { app: none } }, limits: [{ name: l, requests: 1, unit: Second }] }",
			) +
			rateLimits(
				"c",
				"{ limits: [{ name: loose, requests: 90, unit: Minute }, { name: tight, requests: 1, unit: Second }, { name: claim, requests: 1, unit: Second, keys: [{ type: Claim, name: sub }] }] }",
			),
		[
			"SERVICE_UNKNOWN spec.targetRefs[0].name",
			"TARGET_UNKNOWN spec.targetRefs[1].name",
			"PORT_UNKNOWN spec.targetRefs[2].sectionName",
			"SELECTS_NOTHING spec.selector.matchLabels",
			"LIMIT_WITHOUT_EFFECT spec.limits[0]",
			"LIMIT_KEY_ABSENT spec.limits[2].keys",
		],
	],
	[
		"a rule behind one that takes everything",
		virtualService("a", `{ hosts: [web], http: [{ ${to} }, { match: [{ uri: { prefix: /a } }], ${to} }] }`),
		["ROUTE_SHADOWED spec.http[1].match[0]"],
	],
	[
		"a match behind a shorter prefix, and one that is narrower by a header first",
		virtualService(
			"a",
			`{ hosts: [web], http: [{ match: [{ uri: { prefix: /a }, headers: { x: { exact: "1" } } }], ${to} }, { match: [{ uri: { prefix: /a } }], ${to} }, { match: [{ uri: { exact: /a/b } }, { uri: { exact: /c } }], ${to} }] }`,
		),
		["ROUTE_SHADOWED spec.http[2].match[0]"],
	],
	[
		"a rule that is for other clients only shadows theirs",
		virtualService(
			"a",
			`{ hosts: [web], http: [{ match: [{ sourceLabels: { app: x } }], ${to} }, { match: [{ uri: { prefix: /a } }], ${to} }] }`,
		),
		[],
	],
	[
		"an HTTPRoute whose regex loses to a prefix",
		httpRoute(
			"r",
			`[{ matches: [{ path: { type: RegularExpression, value: "/a.*" } }], backendRefs: [{ name: web, port: 80 }] }, { matches: [{ path: { value: / } }], backendRefs: [{ name: web, port: 80 }] }]`,
		),
		["ROUTE_SHADOWED spec.rules[0].matches[0]"],
	],
	[
		"the same match in two HTTPRoutes",
		httpRoute("a", "[{ backendRefs: [{ name: web, port: 80 }] }]") +
			httpRoute("b", "[{ backendRefs: [{ name: web, port: 80 }] }]"),
		["ROUTE_SHADOWED spec.rules[0].matches[0]"],
	],
	[
		"two VirtualServices of a host",
		virtualService("a", `{ hosts: [web], http: [{ ${to} }] }`) +
			virtualService("b", `{ hosts: [web.shop.svc.cluster.local], http: [{ ${to} }] }`),
		["HOST_CLAIMED_TWICE spec.hosts[0]"],
	],
	[
		"an HTTPRoute beside a VirtualService",
		virtualService("a", `{ hosts: [web], http: [{ ${to} }] }`) +
			httpRoute("b", "[{ backendRefs: [{ name: web, port: 80 }] }]"),
		["HOST_ROUTED_TWICE spec.hosts[0]"],
	],
	[
		"DestinationRules of one namespace",
		destinationRule("a", "{ host: web, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }") +
			destinationRule("b", "{ host: web, trafficPolicy: { tls: { mode: DISABLE } } }"),
		["DESTINATION_RULES_MERGED spec.host"],
	],
	[
		"a DestinationRule of the client's namespace",
		destinationRule("a", "{ host: web }") + destinationRule("b", "{ host: web.shop.svc.cluster.local }", "other"),
		["DESTINATION_RULE_HIDDEN spec.host"],
	],
	[
		"a subset without workloads that nothing uses",
		destinationRule("a", "{ host: web, subsets: [{ name: v9, labels: { version: v9 } }] }"),
		["SUBSET_UNUSED spec.subsets[0].name", "SUBSET_WITHOUT_ENDPOINTS spec.subsets[0].labels"],
	],
	[
		"a route to a subset that there is not",
		virtualService("a", "{ hosts: [web], http: [{ route: [{ destination: { host: web, subset: v2 } }] }] }"),
		["SUBSET_UNKNOWN spec.http[0].route[0].destination.subset"],
	],
	[
		"locality without outlier detection",
		destinationRule(
			"a",
			"{ host: web, trafficPolicy: { loadBalancer: { localityLbSetting: { failover: [{ from: a, to: b }] } } } }",
		),
		["LOCALITY_WITHOUT_OUTLIER_DETECTION spec.trafficPolicy.loadBalancer.localityLbSetting"],
	],
	[
		"nothing of shares of localities, which need none",
		destinationRule(
			"a",
			'{ host: web, trafficPolicy: { loadBalancer: { localityLbSetting: { distribute: [{ from: "a/*", to: { "b/*": 100 } }] } } } }',
		),
		[],
	],
	[
		"settings of a port that replace those of the rule",
		destinationRule(
			"a",
			"{ host: web, trafficPolicy: { outlierDetection: {}, portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: RANDOM } }] } }",
		),
		["PORT_POLICY_REPLACES spec.trafficPolicy.portLevelSettings"],
	],
	[
		"retries and faults that do nothing",
		virtualService(
			"a",
			`{ hosts: [web], http: [{ ${to}, retries: { attempts: 4 }, fault: { abort: { httpStatus: 500 } } }] }`,
		),
		["RETRIES_SKIP_503 spec.http[0].retries", "FAULT_OFF spec.http[0].fault.abort"],
	],
	[
		"a gateway that there is not",
		virtualService("a", `{ hosts: [x.example], gateways: [front], http: [{ ${to} }] }`),
		["GATEWAY_UNKNOWN spec.gateways[0]"],
	],
	[
		"a gateway for other hosts, without proxy and Secret",
		`apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: front, namespace: shop }\nspec: { selector: { app: web }, servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: [a.example], tls: { mode: SIMPLE, credentialName: front } }] }\n---\n${virtualService("a", `{ hosts: [x.example], gateways: [front], http: [{ ${to} }] }`)}`,
		["SECRET_UNKNOWN spec.servers[0].tls.credentialName", "GATEWAY_HOST_UNMATCHED spec.gateways[0]"],
	],
	[
		"principals with a scheme",
		policy("{ rules: [{ from: [{ source: { principals: ['spiffe://cluster.local/ns/shop/sa/web'] } }] }] }"),
		["PRINCIPAL_WITH_SCHEME spec.rules[0].from[0].source.principals[0]"],
	],
	[
		"a claim compared with a number",
		policy("{ rules: [{ when: [{ key: 'request.auth.claims[level]', values: ['7'] }] }] }"),
		["CLAIM_NUMERIC spec.rules[0].when[0].values"],
	],
	[
		"callers in plain text by notNamespaces",
		policy("{ rules: [{ from: [{ source: { notNamespaces: [other] } }] }] }"),
		["NEGATED_SOURCE spec.rules[0].from[0].source.notNamespaces"],
	],
	[
		"an unknown provider",
		policy("{ action: CUSTOM, provider: { name: opa }, rules: [{}] }"),
		["PROVIDER_UNKNOWN spec.provider.name"],
	],
	[
		"a selector without workloads",
		policy("{ selector: { matchLabels: { app: nothing } } }"),
		["SELECTS_NOTHING spec.selector.matchLabels"],
	],
	[
		"settings of proxies that select nothing",
		"apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: t, namespace: shop }\nspec: { selector: { matchLabels: { app: nothing } } }\n---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: f, namespace: shop }\nspec: { workloadSelector: { labels: { app: nothing } } }\n---\n",
		["SELECTS_NOTHING spec.selector.matchLabels", "SELECTS_NOTHING spec.workloadSelector.labels"],
	],
	["paths", policy("{ rules: [{ to: [{ operation: { paths: [/admin] } }] }] }"), ["PATHS_NORMALIZED spec.rules[0]"]],
	[
		"rules about HTTP on a port without it",
		service("db", "{ selector: { app: web }, ports: [{ name: tcp-db, port: 5432, targetPort: 5432 }] }") +
			policy(
				"{ selector: { matchLabels: { app: web } }, rules: [{ to: [{ operation: { methods: [GET], ports: ['5432'] } }] }] }",
			),
		["HTTP_RULE_ON_TCP_PORT spec.rules[0]"],
	],
	[
		"tokens that nothing asks for",
		"apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: a, namespace: shop }\nspec: { jwtRules: [{ issuer: x, jwksUri: https://x.example/keys }] }\n---\n",
		["TOKEN_NOT_REQUIRED spec.jwtRules"],
	],
	[
		"a destination that is not exported",
		`apiVersion: v1\nkind: Service\nmetadata: { name: own, namespace: other, annotations: { networking.istio.io/exportTo: "." } }\nspec: { ports: [{ name: http, port: 80 }] }\n---\n${virtualService("a", "{ hosts: [web], http: [{ route: [{ destination: { host: own.other.svc.cluster.local } }] }] }")}`,
		["EXPORT_HIDES spec.http[0].route[0].destination.host"],
	],
	[
		"a port that says nothing",
		service("x", "{ ports: [{ name: main, port: 8080 }] }"),
		["PORT_PROTOCOL_TOLD_BY_BYTES spec.ports[0].name"],
	],
	[
		"port 443 as http",
		service("x", "{ ports: [{ name: http, port: 443 }] }"),
		["PORT_NAME_MISLEADING spec.ports[0].name"],
	],
	[
		"MySQL as http",
		service("x", "{ ports: [{ name: http, port: 3306 }] }"),
		["SERVER_SPEAKS_FIRST spec.ports[0].port"],
	],
	[
		"a Secret of proxies that nothing names, and one of an application",
		["{ ca.crt: b }", "{ password: b }"]
			.map(
				(values, at) =>
					`apiVersion: v1\nkind: Secret\nmetadata: { name: s${at}, namespace: shop }\nstringData: ${values}\n---\n`,
			)
			.join(""),
		["OBJECT_UNREFERENCED metadata.name"],
	],
	[
		"a route without a parent",
		"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: r, namespace: shop }\nspec: { rules: [{ backendRefs: [{ name: web, port: 80 }] }] }\n---\n",
		["ROUTE_WITHOUT_PARENT spec"],
	],
	[
		"documents of Kubernetes: passed over, or taken to run",
		`apiVersion: v1
kind: ServiceAccount
metadata: { name: api, namespace: shop, annotations: }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: api-v1, namespace: shop }
spec:
  template:
    metadata: { labels: { app: api, version: v1 }, annotations: }
    spec: { serviceAccountName: "", containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
---
${service("api", "{ selector: { app: api }, ports: [{ name: http, port: 80, targetPort: 8080 }] }")}${destinationRule("api", "{ host: api, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }")}${virtualService("api", "{ hosts: [api], http: [{ route: [{ destination: { host: api, subset: v1 } }] }] }")}`,
		["KIND_FOREIGN ", "SUBSET_UNUSED spec.subsets[1].name", "SUBSET_WITHOUT_ENDPOINTS spec.subsets[1].labels"],
	],
	[
		"an EnvoyFilter whose match has empty text",
		`apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: f, namespace: shop }
spec:
  configPatches:
    - applyTo: VIRTUAL_HOST
      match: { context: ANY, routeConfiguration: { vhost: { name: "", route: { action: ANY } } } }
      patch: { operation: MERGE, value: { request_headers_to_remove: [x-a] } }
---
`,
		[],
	],
	["a broken document", virtualService("a", "{ hosts: [web], htp: [] }"), ["DOCUMENT_INVALID spec.htp"]],
];

for (const [name, text, expected] of cases)
	test(`analysis: ${name}`, () => {
		assert.deepEqual(told(text).sort(), [...expected].sort());
	});

test("a finding has file, line, object, severity and a sentence", () => {
	const [finding] = find(virtualService("a", `{ hosts: [web], gateways: [nowhere], http: [{ ${to} }] }`));
	const { code, severity, file, line, kind, namespace, name, path } = finding!;
	assert.deepEqual(
		[code, severity, file, line, kind, namespace, name, path],
		["GATEWAY_UNKNOWN", "warning", "mesh.yaml", 15, "VirtualService", "shop", "a", "spec.gateways[0]"],
	);
	assert.match(finding!.problem, /no Gateway shop\/nowhere/);
});

test("certificates are told of before they end, and after", (t) => {
	const pem = makeCertificate(t, 20);
	const secret = (now: number): [FindingCode, string][] =>
		find(
			`apiVersion: v1\nkind: Secret\nmetadata: { name: s, namespace: shop }\ntype: Opaque\nstringData: { tls.crt: ${JSON.stringify(pem)} }\n---\n`,
			now,
		)
			.filter(({ code }) => code !== "OBJECT_UNREFERENCED")
			.map(({ code, path }) => [code, path]);
	const day = 86_400_000;
	assert.deepEqual(secret(Date.now()), [["CERTIFICATE_EXPIRES_SOON", 'data["tls.crt"]']]);
	assert.deepEqual(secret(Date.now() + 21 * day), [["CERTIFICATE_EXPIRED", 'data["tls.crt"]']]);
	assert.deepEqual(secret(Date.now() - 300 * day), [["CERTIFICATE_EXPIRED", 'data["tls.crt"]']]);
});

test("every finding says what it means and what to do", () => {
	for (const [code, { meaning, fix }] of Object.entries(findingTable)) {
		assert.match(code, /^[A-Z0-9_]+$/);
		assert.ok(meaning.length > 20 && fix.length > 5, code);
	}
});

function makeCertificate(t: TestContext, days: number): string {
	const folder = mkdtempSync(join(tmpdir(), "amime-analysis-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const file = join(folder, "c.pem");
	const args = [
		"req",
		"-x509",
		"-newkey",
		"ec",
		"-pkeyopt",
		"ec_paramgen_curve:prime256v1",
		"-nodes",
		"-subj",
		"/CN=x",
	];
	execFileSync("openssl", [...args, "-days", String(days), "-keyout", join(folder, "k.pem"), "-out", file], {
		stdio: "ignore",
	});
	return readFileSync(file, "utf8");
}

test("changes of metrics are told where nobody counts them", () => {
	const workload = (name: string, spec: string): string =>
		`apiVersion: amime.dev/v1alpha1\nkind: Workload\nmetadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }\nspec: { command: [node], ports: [{ name: grpc, protocol: grpc, port: 9090 }], ${spec} }\n---\n`;
	const telemetry = (selector = "", namespace = "shop"): string =>
		`apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: t, namespace: ${namespace} }\nspec: { ${selector} metrics: [{ overrides: [{ disabled: true }] }] }\n---\n`;
	const sentences = (text: string) =>
		find(text)
			.filter(({ code }) => code === "METRICS_UNCOUNTED")
			.map(({ path, problem }) => `${path} ${problem}`);
	assert.deepEqual(sentences(telemetry()), []);
	const mixed = workload("stock", "sidecar: envoy") + workload("bare", "pattern: proxyless");
	const of = (app: string) => telemetry(`selector: { matchLabels: { app: ${app} } },`);
	assert.match(
		sentences(mixed + of("stock")).join(),
		/^spec\.metrics does nothing for Workload shop\/stock, which has a stock Envoy/,
	);
	assert.match(sentences(mixed + of("bare")).join(), /Workload shop\/bare, which speaks gRPC without a proxy/);
	assert.match(sentences(mixed + telemetry("", "amime-system")).join(), /as for 1 more$/);
	assert.deepEqual(sentences(mixed + of("web")), []);
});

test("patches with extensions that amime's proxies lack are told once each, with whom they are kept from", () => {
	const workload = (name: string, spec = ""): string =>
		`apiVersion: amime.dev/v1alpha1\nkind: Workload\nmetadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }\nspec: { command: [node], ports: [{ name: http, port: 8080 }]${spec} }\n---\n`;
	const filter = (type: string, spec = ""): string =>
		`apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: f, namespace: shop }\nspec: { ${spec} configPatches: [{ applyTo: HTTP_FILTER, match: { context: SIDECAR_INBOUND }, patch: { operation: INSERT_BEFORE, value: { name: x, typed_config: { "@type": type.googleapis.com/${type} } } } }] }\n---\n`;
	const sentences = (text: string) =>
		find(text)
			.filter(({ code }) => code === "PATCH_UNSUPPORTED")
			.map(({ path, problem }) => `${path} ${problem}`);
	const lua = "envoy.extensions.filters.http.lua.v3.Lua";
	const mixed = workload("one") + workload("two") + workload("stock", ", sidecar: envoy");
	const [only, ...more] = sentences(mixed + filter(lua));
	assert.deepEqual(more, []);
	assert.match(
		only ?? "",
		/^spec\.configPatches\[0\]\.patch\.value amime's proxies do not have envoy\.extensions\.filters\.http\.lua\.v3\.Lua: /,
	);
	assert.match(only ?? "", /sidecar of Workload shop\/one \(.*\), nor to those of 2 more$/);
	assert.deepEqual(sentences(mixed + filter(lua, "workloadSelector: { labels: { app: stock } },")), []);
	assert.deepEqual(sentences(mixed + filter("envoy.extensions.filters.http.buffer.v3.Buffer")), []);
});

test("TLS of a Sidecar's ingress that mutual TLS of the mesh keeps out is told, with what decides", () => {
	const sidecar =
		"apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: s, namespace: shop }\nspec: { ingress: [{ port: { number: 9080, name: https, protocol: HTTPS }, tls: { mode: SIMPLE, serverCertificate: a.pem, privateKey: a.key } }] }\n---\n";
	const peers = (spec: string) =>
		`apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: p, namespace: shop }\nspec: ${spec}\n---\n`;
	const sentences = (text: string) =>
		find(text)
			.filter(({ code }) => code === "INGRESS_TLS_UNUSED")
			.map(({ path, problem }) => `${path} ${problem}`);
	assert.match(
		sentences(sidecar).join(),
		/^spec\.ingress\[0\]\.tls port 9080 of shop\/web is PERMISSIVE without a PeerAuthentication: /,
	);
	assert.match(
		sentences(sidecar + peers("{ mtls: { mode: STRICT } }")).join(),
		/ is STRICT by PeerAuthentication shop\/p \(mesh\.yaml:\d+\): /,
	);
	const disabled = "{ selector: { matchLabels: { app: web } }, portLevelMtls: { 9080: { mode: DISABLE } } }";
	assert.deepEqual(sentences(sidecar + peers(disabled)), []);
});

test("callers that policies name and nobody is are told where somebody is called nearly so", () => {
	const policyOf = (source: string) => policy(`{ rules: [{ from: [{ source: ${source} }] }] }`);
	const sentences = (text: string) =>
		find(text)
			.filter(({ code }) => code === "SOURCE_UNKNOWN")
			.map(({ path, problem }) => `${path} ${problem}`);
	const from = "spec.rules[0].from[0].source";
	assert.deepEqual(sentences(policyOf("{ principals: [cluster.local/ns/shop/sa/defalt] }")), [
		`${from}.principals[0] no workload of namespace shop runs as the service account 'defalt' (did you mean 'shop/default'?)`,
	]);
	assert.deepEqual(sentences(policyOf("{ namespaces: [shop, shpo] }")), [
		`${from}.namespaces[1] nothing runs in namespace 'shpo' (did you mean 'shop'?)`,
	]);
	assert.deepEqual(sentences(policyOf("{ notServiceAccounts: [defaults] }")), [
		`${from}.notServiceAccounts[0] no workload of namespace shop runs as the service account 'defaults' (did you mean 'shop/default'?)`,
	]);
	for (const strange of [
		"{ principals: [cluster.local/ns/shop/sa/default, other.example/ns/shop/sa/defalt, '*/sa/defalt'] }",
		"{ serviceAccounts: [default, shop/default, prometheus] }",
		"{ namespaces: [monitoring] }",
	])
		assert.deepEqual(sentences(policyOf(strange)), []);
});

test("a VirtualService for a host that no Service has is told where one is called nearly so", () => {
	const sentences = (host: string) =>
		find(virtualService("v", `{ hosts: [${host}], http: [{ ${to} }] }`)).map(
			({ code, problem }) => `${code} ${problem}`,
		);
	assert.match(
		sentences("wbe").join(),
		/^SERVICE_UNKNOWN no Service shop\/wbe has the host wbe\.shop\.svc\.cluster\.local \(did you mean 'web\.shop'\?\): /,
	);
	for (const host of ["web", "billing", "web.example", "'*.shop.svc.cluster.local'"])
		assert.deepEqual(sentences(host), []);
});
