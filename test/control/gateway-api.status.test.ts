import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewayOf, routeOf, showStatuses } from "../support/gateway-api.ts";
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

test("a BackendTLSPolicy names the Gateways that follow it", () => {
	const policy = (name: string, caCertificateRefs: object[]) =>
		JSON.stringify({
			apiVersion: "gateway.networking.k8s.io/v1",
			kind: "BackendTLSPolicy",
			metadata: { name, namespace: "shop" },
			spec: {
				targetRefs: [{ group: "", kind: "Service", name: "web" }],
				validation: { caCertificateRefs, hostname: "web.example" },
			},
		});
	const of = (...policies: string[]) => showStatuses(gatewayOf(http), routeOf("HTTPRoute", "r", {}), ...policies);
	const missing = policy("p", [{ group: "", kind: "ConfigMap", name: "nosuch" }]);
	assert.deepEqual(of(missing)["BackendTLSPolicy/shop/p"], [
		"!Accepted=NoValidCACertificate !ResolvedRefs=InvalidCACertificateRef",
	]);
	const kind = policy("p", [{ group: "", kind: "Bucket", name: "b" }]);
	assert.deepEqual(of(kind)["BackendTLSPolicy/shop/p"], ["!Accepted=NoValidCACertificate !ResolvedRefs=InvalidKind"]);
	assert.match(
		of(missing, missing.replace('"name":"p"', '"name":"q"'))["BackendTLSPolicy/shop/q"]![0]!,
		/^!Accepted=Conflicted/,
	);
	assert.deepEqual(showStatuses(gatewayOf(http), missing)["BackendTLSPolicy/shop/p"], []);
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
