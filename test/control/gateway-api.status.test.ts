import assert from "node:assert/strict";
import { test } from "node:test";
import { buildMesh } from "../../src/config/index.ts";
import { computeStatuses } from "../../src/control/gateway-api/index.ts";
import { createMeshIndex } from "../../src/control/translate/index.ts";
import { parseObjects } from "../support/control-mesh.ts";
import { gatewayOf, gatewayWorld, routeOf, showStatuses } from "../support/gateway-api.ts";
import { createTestPki } from "../support/pki.ts";

const from = (namespaces: object) => ({ allowedRoutes: { namespaces } });
const all = from({ from: "All" });
const http = { name: "http", port: 80, protocol: "HTTP", ...all };
const grant = (kind: string, to: object = { group: "", kind: "Service" }) =>
	JSON.stringify({
		apiVersion: "gateway.networking.k8s.io/v1beta1",
		kind: "ReferenceGrant",
		metadata: { name: "g", namespace: "vault" },
		spec: { from: [{ group: "gateway.networking.k8s.io", kind, namespace: "shop" }], to: [to] },
	});
const gatewayKey = "Gateway/edge/gw";
const testPki = createTestPki();

/** The status of `HTTPRoute/shop/r` and of the listeners of `edge/gw`. */
function attach(listeners: readonly object[], spec: object, kind = "HTTPRoute", ...more: string[]): string[] {
	const shown = showStatuses(gatewayOf(...listeners), routeOf(kind, "r", spec), ...more);
	return [...(shown[`${kind}/shop/r`] ?? ["no status"]), ...shown[gatewayKey]!.slice(1)];
}

const cases: readonly (readonly [
	what: string,
	listeners: readonly object[],
	spec: object,
	expected: readonly string[],
])[] = [
	[
		"a route attaches to every listener",
		[http, { ...http, name: "alt", port: 8080 }],
		{},
		["good", "http (1): good", "alt (1): good"],
	],
	[
		"of a named section only",
		[http, { ...http, name: "alt", port: 8080 }],
		{ parentRefs: [{ name: "gw", namespace: "edge", sectionName: "alt" }] },
		["good", "http (0): good", "alt (1): good"],
	],
	[
		"of a port only",
		[http, { ...http, name: "alt", port: 8080 }],
		{ parentRefs: [{ name: "gw", namespace: "edge", port: 80 }] },
		["good", "http (1): good", "alt (0): good"],
	],
	...(
		[
			["missing", { name: "nobody" }, "!ResolvedRefs=BackendNotFound"],
			["of another namespace", { name: "bank", namespace: "vault" }, "!ResolvedRefs=RefNotPermitted"],
			["that is there", { name: "web" }, "good"],
			["over gRPC, on a port of HTTP/1.1", { name: "web" }, "!ResolvedRefs=UnsupportedProtocol", "GRPC"],
			["over gRPC, on a port of HTTP/2", { name: "web", port: 90 }, "good", "GRPC"],
		] as const
	).map(
		([what, backendRef, expected, protocol = "HTTP"]) =>
			[
				`an external authorizer ${what}`,
				[http],
				{
					rules: [
						{
							filters: [{ type: "ExternalAuth", externalAuth: { protocol, backendRef: { port: 80, ...backendRef } } }],
							backendRefs: [{ name: "web", port: 80 }],
						},
					],
				},
				[expected, "http (1): good"],
			] as const,
	),
	[
		"a section that is not there",
		[http],
		{ parentRefs: [{ name: "gw", namespace: "edge", sectionName: "x" }] },
		["!Accepted=NoMatchingParent", "http (0): good"],
	],
	[
		"a port that is not there",
		[http],
		{ parentRefs: [{ name: "gw", namespace: "edge", port: 81 }] },
		["!Accepted=NoMatchingParent", "http (0): good"],
	],
	[
		"the Gateway's own namespace only, by default",
		[{ ...http, allowedRoutes: {} }],
		{},
		["!Accepted=NotAllowedByListeners", "http (0): good"],
	],
	["no namespace", [{ ...http, ...from({ from: "None" }) }], {}, ["!Accepted=NotAllowedByListeners", "http (0): good"]],
	[
		"namespaces by their labels",
		[{ ...http, ...from({ from: "Selector", selector: { matchLabels: { team: "a" } } }) }],
		{},
		["good", "http (1): good"],
	],
	[
		"other namespaces by their labels",
		[
			{
				...http,
				...from({
					from: "Selector",
					selector: { matchExpressions: [{ key: "team", operator: "NotIn", values: ["a"] }] },
				}),
			},
		],
		{},
		["!Accepted=NotAllowedByListeners", "http (0): good"],
	],
	[
		"a namespace by its name",
		[{ ...http, ...from({ from: "Selector", selector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } } }) }],
		{},
		["good", "http (1): good"],
	],
	[
		"hosts that meet",
		[{ ...http, hostname: "*.a.example" }],
		{ hostnames: ["b.a.example", "x.example"] },
		["good", "http (1): good"],
	],
	[
		"a wider host of the route",
		[{ ...http, hostname: "b.a.example" }],
		{ hostnames: ["*.example"] },
		["good", "http (1): good"],
	],
	[
		"hosts that do not meet",
		[{ ...http, hostname: "*.a.example" }],
		{ hostnames: ["a.example"] },
		["!Accepted=NoMatchingListenerHostname", "http (0): good"],
	],
	[
		"a nearer reason of two listeners",
		[
			{ ...http, hostname: "a.example" },
			{ ...http, name: "own", port: 81, allowedRoutes: {} },
		],
		{ hostnames: ["b.example"] },
		["!Accepted=NotAllowedByListeners", "http (0): good", "own (0): good"],
	],
	[
		"a kind that the listener does not list",
		[{ ...http, allowedRoutes: { ...all.allowedRoutes, kinds: [{ kind: "GRPCRoute" }] } }],
		{},
		["!Accepted=NotAllowedByListeners", "http (0): good"],
	],
	[
		"one route counts once for a listener",
		[http],
		{
			parentRefs: [
				{ name: "gw", namespace: "edge" },
				{ name: "gw", namespace: "edge", sectionName: "http" },
			],
		},
		["good", "good", "http (1): good"],
	],
	[
		"a Gateway that is not there is somebody else's",
		[http],
		{ parentRefs: [{ name: "other", namespace: "edge" }] },
		["no status", "http (0): good"],
	],
];

for (const [what, listeners, spec, expected] of cases)
	test(`routes attach: ${what}`, () => assert.deepEqual(attach(listeners, spec), expected));

test("kinds of routes need listeners that carry them", () => {
	const tcp = { name: "tcp", port: 7000, protocol: "TCP", ...all };
	const tls = { name: "tls", port: 443, protocol: "TLS", tls: { mode: "Passthrough" }, ...all };
	assert.deepEqual(attach([http, tcp, tls], {}, "TCPRoute"), [
		"good",
		"http (0): good",
		"tcp (1): good",
		"tls (0): good",
	]);
	assert.deepEqual(attach([http, tcp, tls], {}, "TLSRoute"), [
		"good",
		"http (0): good",
		"tcp (0): good",
		"tls (1): good",
	]);
	assert.deepEqual(attach([http, tcp, tls], {}, "GRPCRoute"), [
		"good",
		"http (1): good",
		"tcp (0): good",
		"tls (0): good",
	]);
	assert.deepEqual(attach([tls], {}), ["!Accepted=NotAllowedByListeners", "tls (0): good"]);
});

const references: readonly (readonly [what: string, spec: object, expected: string, ...more: string[]])[] = [
	["a Service", { rules: [{ backendRefs: [{ name: "web", port: 80 }] }] }, "good"],
	[
		"a Service that is not there",
		{ rules: [{ backendRefs: [{ name: "nosuch", port: 80 }] }] },
		"!ResolvedRefs=BackendNotFound",
	],
	[
		"another kind",
		{ rules: [{ backendRefs: [{ group: "a.example", kind: "Bucket", name: "b" }] }] },
		"!ResolvedRefs=InvalidKind",
	],
	[
		"another namespace",
		{ rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }] },
		"!ResolvedRefs=RefNotPermitted",
	],
	[
		"another namespace with a grant",
		{ rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }] },
		"good",
		grant("HTTPRoute"),
	],
	[
		"a grant for this one name",
		{ rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }] },
		"good",
		grant("HTTPRoute", { group: "", kind: "Service", name: "bank" }),
	],
	[
		"a grant for another name",
		{ rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }] },
		"!ResolvedRefs=RefNotPermitted",
		grant("HTTPRoute", { group: "", kind: "Service", name: "x" }),
	],
	[
		"a grant for another kind of routes",
		{ rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }] },
		"!ResolvedRefs=RefNotPermitted",
		grant("GRPCRoute"),
	],
	[
		"routes of a Service need no grant",
		{
			parentRefs: [{ kind: "Service", name: "web" }],
			rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }],
		},
		"good",
	],
	[
		"a mirror that is not there",
		{
			rules: [
				{
					filters: [{ type: "RequestMirror", requestMirror: { backendRef: { name: "nosuch", port: 80 } } }],
					backendRefs: [{ name: "web", port: 80 }],
				},
			],
		},
		"!ResolvedRefs=BackendNotFound",
	],
	[
		"a filter that is not known",
		{ rules: [{ filters: [{ type: "ExtensionRef", extensionRef: { group: "a.example", kind: "F", name: "f" } }] }] },
		"!ResolvedRefs=InvalidFilter",
	],
	[
		"a parent Service that is not there",
		{ parentRefs: [{ kind: "Service", name: "nosuch" }] },
		"!Accepted=NoMatchingParent",
	],
	[
		"a parent Service without the port",
		{ parentRefs: [{ kind: "Service", name: "web", port: 81 }] },
		"!Accepted=NoMatchingParent",
	],
];

for (const [what, spec, expected, ...more] of references)
	test(`references of routes: ${what}`, () =>
		assert.deepEqual(showStatuses(gatewayOf(http), routeOf("HTTPRoute", "r", spec), ...more)["HTTPRoute/shop/r"], [
			expected,
		]));

test("listeners of one port conflict by host and protocol, and the first serves", () => {
	const listeners = (...items: object[]) => showStatuses(gatewayOf(...items))[gatewayKey]!.slice(1);
	const named = (name: string, fields: object = {}) => ({ ...http, name, ...fields });
	assert.deepEqual(listeners(named("a", { hostname: "a.example" }), named("b", { hostname: "b.example" })), [
		"a (0): good",
		"b (0): good",
	]);
	assert.deepEqual(listeners(named("a"), named("b")), [
		"a (0): good",
		"b (0): !Accepted=HostnameConflict Conflicted=HostnameConflict !Programmed=HostnameConflict",
	]);
	assert.deepEqual(listeners(named("a"), named("b", { protocol: "TCP" })), [
		"a (0): good",
		"b (0): !Accepted=ProtocolConflict Conflicted=ProtocolConflict !Programmed=ProtocolConflict",
	]);
});

test("a Gateway is accepted with its good listeners, and says that there are bad ones", () => {
	const udp = { name: "udp", port: 53, protocol: "UDP" };
	const some = showStatuses(gatewayOf(http, udp))[gatewayKey]!;
	assert.match(some[0]!, /^Accepted=ListenersNotValid/);
	assert.equal(some[2], "udp (0): !Accepted=UnsupportedProtocol !Programmed=Invalid");
	assert.match(showStatuses(gatewayOf(udp))[gatewayKey]![0]!, /^!Accepted=ListenersNotValid/);
	const kinds = { ...http, allowedRoutes: { kinds: [{ kind: "TCPRoute" }, { kind: "HTTPRoute" }] } };
	assert.equal(showStatuses(gatewayOf(kinds))[gatewayKey]![1], "http (0): !ResolvedRefs=InvalidRouteKinds");
});

test("the addresses of a Gateway decide whether it is programmed", () => {
	const of = (addresses: object[], listener: object = http) => {
		const gateway = JSON.parse(gatewayOf(listener));
		return showStatuses(JSON.stringify({ ...gateway, spec: { ...gateway.spec, addresses } }))[gatewayKey]![0];
	};
	const host = (value: string) => ({ type: "Hostname", value });
	assert.equal(of([host("gw.edge.svc.cluster.local")]), "good");
	assert.equal(of([host("gw")]), "good");
	assert.equal(of([host("nosuch")]), "!Programmed=AddressNotUsable");
	assert.equal(of([host("web.shop.svc.cluster.local")]), "!Programmed=AddressNotUsable");
	assert.equal(of([host("gw")], { ...http, port: 81 }), "!Programmed=AddressNotUsable");
	assert.equal(of([host("gw"), { value: "10.1.1.1" }]), "!Accepted=UnsupportedAddress");
	assert.equal(of([]), "!Programmed=AddressNotAssigned");
	assert.equal(of([{ value: "10.1.1.1" }, { value: "10.1.1.2" }]), "!Programmed=AddressNotAssigned");
	assert.equal(
		of([{ type: "example.com/name", value: "public" }]),
		"!Accepted=UnsupportedAddress !Programmed=AddressNotAssigned",
	);
});

test("an address that no proxy has is not usable, unless a Service is in front of them whose load balancer may have it", () => {
	const of = (address: string, ...more: string[]) => {
		const gateway = JSON.parse(gatewayOf(http));
		const own = { ...gateway, spec: { ...gateway.spec, addresses: [{ type: "IPAddress", value: address }] } };
		const labels = { "gateway.networking.k8s.io/gateway-name": "gw", proxy: "own" };
		const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "own-0", namespace: "edge", labels } };
		const status = { podIP: "10.0.0.9", conditions: [{ type: "Ready", status: "True" }] };
		const documents = [own, { ...pod, spec: { containers: [] }, status }].map((object) => JSON.stringify(object));
		return showStatuses(...documents, ...more)[gatewayKey]![0];
	};
	assert.equal(of("10.0.0.9"), "good");
	assert.equal(of("203.0.113.9"), "!Programmed=AddressNotUsable");
	const balanced = { selector: { proxy: "own" }, type: "LoadBalancer", ports: [{ name: "http", port: 80 }] };
	const metadata = { name: "front", namespace: "edge" };
	assert.equal(
		of("203.0.113.9", JSON.stringify({ apiVersion: "v1", kind: "Service", metadata, spec: balanced })),
		"good",
	);
});

test("certificates of listeners are looked for, read, and checked with their keys", () => {
	const pki = createTestPki();
	const { certificateChainPem: certificate, privateKeyPem: key } = pki.issue(pki.idOf("gw"));
	const other = pki.issue(pki.idOf("other"));
	const secret = (data: object, namespace = "edge") =>
		JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "cert", namespace }, stringData: data });
	const https = (reference: object) => ({
		name: "https",
		port: 443,
		protocol: "HTTPS",
		tls: { certificateRefs: [reference] },
	});
	const of = (reference: object, ...more: string[]) =>
		showStatuses(gatewayOf(https(reference)), ...more)[gatewayKey]![1];
	const good = { "tls.crt": certificate, "tls.key": key };
	const bad = "https (0): !Programmed=Invalid !ResolvedRefs=InvalidCertificateRef";
	assert.equal(of({ name: "cert" }, secret(good)), "https (0): good");
	assert.equal(of({ name: "cert" }), bad);
	assert.equal(of({ name: "cert", kind: "ConfigMap" }, secret(good)), bad);
	assert.equal(of({ name: "cert" }, secret({ "tls.crt": certificate })), bad);
	assert.equal(of({ name: "cert" }, secret({ "tls.crt": "text", "tls.key": key })), bad);
	assert.equal(of({ name: "cert" }, secret({ ...good, "tls.key": other.privateKeyPem })), bad);
	const elsewhere = { name: "cert", namespace: "vault" };
	assert.equal(of(elsewhere, secret(good, "vault")), "https (0): !Programmed=Invalid !ResolvedRefs=RefNotPermitted");
	const allowed = grant("Gateway", { group: "", kind: "Secret" }).replace('"namespace":"shop"', '"namespace":"edge"');
	assert.equal(of(elsewhere, secret(good, "vault"), allowed), "https (0): good");
});

test("listeners of one port that end TLS for the same hosts say so", () => {
	const { certificateChainPem: certificate, privateKeyPem: key } = testPki.issue(testPki.idOf("gw"));
	const data = { "tls.crt": certificate, "tls.key": key };
	const cert = JSON.stringify({
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name: "cert", namespace: "edge" },
		stringData: data,
	});
	const tls = { certificateRefs: [{ name: "cert" }] };
	const https = (name: string, hostname?: string, fields: object = {}) => ({
		...{ name, port: 443, protocol: "HTTPS", tls },
		...(hostname !== undefined && { hostname }),
		...fields,
	});
	const told = (...listeners: object[]) => {
		const lines = showStatuses(gatewayOf(...listeners), cert)[gatewayKey]!.slice(1);
		return lines.filter((line) => line.includes("OverlappingTLSConfig=OverlappingHostnames")).map((line) => line[0]);
	};
	assert.deepEqual(told(https("a", "a.example"), https("b", "b.example"), https("c", "*.example.com")), []);
	assert.deepEqual(told(https("a", "foo.example.com"), https("b", "foo.example.org"), https("c", "*.example.com")), [
		"a",
		"c",
	]);
	assert.deepEqual(told(https("a"), https("b", "b.example"), https("c", undefined, { port: 8443 })), ["a", "b"]);
	const passed = { protocol: "TLS", tls: { mode: "Passthrough" } };
	assert.deepEqual(told(https("a", "*.example"), https("b", "b.example", passed), { ...http, name: "c" }), []);
});

/** `targetRefs` of web unless the spec says otherwise. */
function tlsPolicy(name: string, validation: object, spec: object = {}, metadata: object = {}): string {
	return JSON.stringify({
		apiVersion: "gateway.networking.k8s.io/v1",
		kind: "BackendTLSPolicy",
		metadata: { name, namespace: "shop", ...metadata },
		spec: {
			targetRefs: [{ group: "", kind: "Service", name: "web" }],
			validation: { hostname: "web.example", ...validation },
			...spec,
		},
	});
}

const system = { wellKnownCACertificates: "System" };

test("a BackendTLSPolicy tells of the Gateways that lead to its Service, and of the Service itself", () => {
	const of = (...documents: string[]) =>
		showStatuses(gatewayOf(http), routeOf("HTTPRoute", "r", {}), ...documents)["BackendTLSPolicy/shop/p"];
	assert.deepEqual(of(tlsPolicy("p", system)), ["good", "good"]);
	assert.deepEqual(showStatuses(gatewayOf(http), tlsPolicy("p", system))["BackendTLSPolicy/shop/p"], ["good"]);
	const missing = { group: "", kind: "ConfigMap", name: "nosuch" };
	const untrusted = "!Accepted=NoValidCACertificate !ResolvedRefs=InvalidCACertificateRef";
	assert.deepEqual(of(tlsPolicy("p", { caCertificateRefs: [missing] })), [untrusted, untrusted]);
	const bucket = { group: "", kind: "Bucket", name: "b" };
	const wrongKind = "!Accepted=NoValidCACertificate !ResolvedRefs=InvalidKind";
	assert.deepEqual(of(tlsPolicy("p", { caCertificateRefs: [bucket] })), [wrongKind, wrongKind]);
	const authorities = {
		...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ca", namespace: "shop" } },
		data: { "ca.crt": createTestPki().bundlePem },
	};
	const both = { caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "ca" }, missing] };
	const partly = "!ResolvedRefs=InvalidCACertificateRef";
	assert.deepEqual(of(tlsPolicy("p", both), JSON.stringify(authorities)), [partly, partly]);
	const foreign = tlsPolicy("p", { wellKnownCACertificates: "other.example/set" });
	assert.deepEqual(of(foreign), ["!Accepted=Invalid", "!Accepted=Invalid"]);
});

test("of BackendTLSPolicies with one target the older wins, whatever is wrong with it", () => {
	const at = (second: number) => ({ creationTimestamp: `2026-01-01T00:00:0${second}Z` });
	const target = (sectionName?: string, name = "web") => ({
		targetRefs: [{ group: "", kind: "Service", name, ...(sectionName !== undefined && { sectionName }) }],
	});
	const of = (...policies: string[]) => {
		const shown = showStatuses(gatewayOf(http), ...policies);
		return Object.fromEntries(["a", "b"].map((name) => [name, shown[`BackendTLSPolicy/shop/${name}`]?.join()]));
	};
	const bad = { caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "nosuch" }] };
	assert.deepEqual(of(tlsPolicy("a", system, {}, at(2)), tlsPolicy("b", bad, {}, at(1))), {
		a: "!Accepted=Conflicted",
		b: "!Accepted=NoValidCACertificate !ResolvedRefs=InvalidCACertificateRef",
	});
	assert.deepEqual(of(tlsPolicy("a", system, {}, at(1)), tlsPolicy("b", system, {}, at(1))), {
		a: "good",
		b: "!Accepted=Conflicted",
	});
	const ofPort = of(tlsPolicy("a", system, target("http"), at(1)), tlsPolicy("b", system, {}, at(2)));
	assert.deepEqual(ofPort, { a: "good", b: "good" });
	const gone = of(tlsPolicy("a", system, target("admin")), tlsPolicy("b", system, target(undefined, "nosuch")));
	assert.deepEqual(gone, { a: "!Accepted=TargetNotFound", b: "!Accepted=TargetNotFound" });
	const bucket = { targetRefs: [{ group: "", kind: "Bucket", name: "web" }] };
	assert.equal(of(tlsPolicy("a", system, bucket)).a, "!Accepted=Invalid");
	const twice = {
		targetRefs: [
			{ group: "", kind: "Service", name: "web", sectionName: "http" },
			{ group: "", kind: "Service", name: "bank" },
		],
	};
	const split = of(tlsPolicy("a", system, twice, at(2)), tlsPolicy("b", system, target("http"), at(1)));
	assert.match(split.a!, /^!Accepted=Conflicted,/);
});

test("conditions say which version of their object they are of", () => {
	const { mesh } = buildMesh(
		parseObjects(
			gatewayWorld,
			gatewayOf(http),
			routeOf("HTTPRoute", "r", {}, { generation: 7 }),
			tlsPolicy("p", system, {}, { generation: 3 }),
		),
		[],
	);
	const seen = [...computeStatuses(createMeshIndex(mesh))].map(([key, status]) => [
		key,
		[...new Set(JSON.stringify(status).match(/"observedGeneration":\d+/g) ?? [])].join(),
	]);
	assert.deepEqual(Object.fromEntries(seen), {
		"Gateway/edge/gw": "",
		"HTTPRoute/shop/r": '"observedGeneration":7',
		"BackendTLSPolicy/shop/p": '"observedGeneration":3',
	});
});

test("a GatewayClass of this controller is accepted; of another one nothing is said", () => {
	const of = (controllerName: string, fields: object = {}) =>
		showStatuses(
			JSON.stringify({
				apiVersion: "gateway.networking.k8s.io/v1",
				kind: "GatewayClass",
				metadata: { name: "c" },
				spec: { controllerName, ...fields },
			}),
		)["GatewayClass/default/c"];
	assert.deepEqual(of("amime.dev/gateway-controller"), ["good"]);
	assert.equal(of("other.example/controller"), undefined);
	const parametersRef = { group: "", kind: "ConfigMap", name: "x" };
	assert.deepEqual(of("amime.dev/gateway-controller", { parametersRef }), ["!Accepted=InvalidParameters"]);
});

test("a GatewayClass says what is supported, in the order of names, nothing twice", () => {
	const { mesh } = buildMesh(
		parseObjects(
			"{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: c}, spec: {controllerName: amime.dev/gateway-controller}}",
		),
		[],
	);
	const shown = computeStatuses(createMeshIndex(mesh)).get("GatewayClass/default/c");
	const names = (shown as { supportedFeatures: { name: string }[] }).supportedFeatures.map(({ name }) => name);
	assert.deepEqual(names, [...new Set(names)].sort());
	// As many as the field of the Gateway API takes.
	assert.ok(names.length <= 64);
	for (const name of [
		"Gateway",
		"HTTPRoute",
		"GRPCRoute",
		"TLSRoute",
		"TCPRoute",
		"ReferenceGrant",
		"BackendTLSPolicy",
	])
		assert.ok(names.includes(name), name);
});

test("a RateLimitPolicy says of each target whether it is there", () => {
	const policy = (name: string, spec: object): string =>
		JSON.stringify({
			...{ apiVersion: "amime.dev/v1alpha1", kind: "RateLimitPolicy", metadata: { name, namespace: "shop" } },
			spec: { ...spec, limits: [{ name: "l", requests: 1, unit: "Second" }] },
		});
	const target = (name: string, sectionName?: string): object => ({
		...{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name },
		...(sectionName !== undefined && { sectionName }),
	});
	const shown = showStatuses(
		gatewayOf(http),
		routeOf("HTTPRoute", "r", { rules: [{ name: "first" }] }),
		policy("attached", { targetRefs: [target("r"), target("gone"), target("r", "second")] }),
		policy("selecting", { selector: { matchLabels: { app: "web" } } }),
	);
	const missing = "!Accepted=TargetNotFound";
	assert.deepEqual(shown["RateLimitPolicy/shop/attached"], ["good", missing, missing]);
	assert.deepEqual(shown["RateLimitPolicy/shop/selecting"], ["good"]);
});

test("a Gateway says that it takes any client, and why it cannot check certificates of clients", () => {
	const pki = createTestPki();
	const { certificateChainPem, privateKeyPem } = pki.issue(pki.idOf("gw"));
	const pair = { "tls.crt": certificateChainPem, "tls.key": privateKeyPem };
	const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "cert", namespace: "edge" }, stringData: pair };
	const authority = {
		...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ca", namespace: "edge" } },
		data: { "ca.crt": pki.bundlePem },
	};
	const of = (mode: string, ...references: object[]) => {
		const listener = { name: "https", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } };
		const document = JSON.parse(gatewayOf(listener)) as { spec: object };
		const caCertificateRefs = references.map((reference) => ({ group: "", kind: "ConfigMap", ...reference }));
		const tls = { frontend: { default: { validation: { mode, caCertificateRefs } } } };
		const gateway = JSON.stringify({ ...document, spec: { ...document.spec, tls } });
		return showStatuses(JSON.stringify(secret), JSON.stringify(authority), gateway)[gatewayKey];
	};
	const good = { name: "ca" };
	assert.deepEqual(of("AllowValidOnly", good), ["good", "https (0): good"]);
	assert.deepEqual(of("AllowInsecureFallback", good), [
		"InsecureFrontendValidationMode=ConfigurationChanged",
		"https (0): good",
	]);
	const untrusted = (reason: string) =>
		`https (0): !Accepted=NoValidCACertificate !Programmed=Invalid !ResolvedRefs=${reason}`;
	assert.equal(of("AllowValidOnly", { name: "gone" })?.[1], untrusted("InvalidCACertificateRef"));
	assert.equal(of("AllowValidOnly", { kind: "Bucket", name: "b" })?.[1], untrusted("InvalidCACertificateKind"));
	assert.equal(of("AllowValidOnly", { name: "ca", namespace: "vault" })?.[1], untrusted("RefNotPermitted"));
	assert.equal(of("AllowValidOnly", good, { name: "gone" })?.[1], "https (0): !ResolvedRefs=InvalidCACertificateRef");
});

test("a Gateway counts the ListenerSets that are accepted", () => {
	const set = (name: string, hostname: string) =>
		JSON.stringify({
			apiVersion: "gateway.networking.k8s.io/v1",
			kind: "ListenerSet",
			metadata: { name, namespace: "edge" },
			spec: { parentRef: { name: "gw" }, listeners: [{ name: "own", port: 80, protocol: "HTTP", hostname }] },
		});
	const document = JSON.parse(gatewayOf({ ...http, hostname: "taken.example" })) as { spec: object };
	const allowedListeners = { namespaces: { from: "Same" } };
	const gateway = JSON.stringify({ ...document, spec: { ...document.spec, allowedListeners } });
	const { mesh } = buildMesh(
		parseObjects(gatewayWorld, gateway, set("a", "a.example"), set("b", "taken.example"), set("c", "a.example")),
		[],
	);
	const status = computeStatuses(createMeshIndex(mesh)).get(gatewayKey) as { readonly attachedListenerSets: number };
	assert.equal(status.attachedListenerSets, 1);
});
