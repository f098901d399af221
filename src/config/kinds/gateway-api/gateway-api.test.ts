import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";

const http = { name: "http", port: 80, protocol: "HTTP" };
const gateway = (...listeners: object[]) => readSpec("Gateway", { gatewayClassName: "amime", listeners });

test("a Gateway has its defaults", () => {
	const { value, problems } = gateway(http);
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.listeners, [
		{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { from: "Same", kinds: [] }, path: "spec.listeners[0]" },
	]);
	assert.deepEqual([value?.className, value?.addresses, value?.clientValidationByPort], ["amime", [], {}]);
});

test("a Gateway with everything becomes the model's", () => {
	const { value, problems } = readSpec("Gateway", {
		gatewayClassName: "amime",
		addresses: [{ type: "Hostname", value: "gw.edge.svc.cluster.local" }, { value: "10.0.0.1" }],
		listeners: [
			{
				name: "https",
				hostname: "*.example.com",
				port: 443,
				protocol: "HTTPS",
				tls: { certificateRefs: [{ name: "cert" }, { name: "other", namespace: "certs" }] },
				allowedRoutes: {
					namespaces: {
						from: "Selector",
						selector: { matchLabels: { team: "a" }, matchExpressions: [{ key: "env", operator: "In", values: ["x"] }] },
					},
					kinds: [{ kind: "HTTPRoute" }],
				},
			},
		],
		tls: {
			frontend: {
				default: { validation: { caCertificateRefs: [{ name: "ca" }] } },
				perPort: [{ port: 8443, tls: {} }],
			},
			backend: { clientCertificateRef: { name: "client" } },
		},
	});
	assert.deepEqual(problems, []);
	const secret = (name: string, namespace = "shop") => ({ group: "", kind: "Secret", name, namespace });
	assert.deepEqual(value?.listeners[0], {
		name: "https",
		hostname: "*.example.com",
		port: 443,
		protocol: "HTTPS",
		tls: { mode: "Terminate", certificateRefs: [secret("cert"), secret("other", "certs")], options: {} },
		allowedRoutes: {
			from: "Selector",
			selector: {
				matchLabels: { team: "a" },
				matchExpressions: [{ key: "env", operator: "In", values: ["x"] }],
			},
			kinds: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute" }],
		},
		path: "spec.listeners[0]",
	});
	assert.deepEqual(value?.addresses, [
		{ type: "Hostname", value: "gw.edge.svc.cluster.local" },
		{ type: "IPAddress", value: "10.0.0.1" },
	]);
	assert.equal(value?.clientValidation?.caCertificateRefs[0]?.kind, "ConfigMap");
	assert.deepEqual(value?.clientValidationByPort, { 8443: "none" });
	assert.deepEqual(value?.clientCertificateRef, secret("client"));
});

test("a bad listener is left out, the others stay", () => {
	const bad: readonly (readonly [listener: object, problem: RegExp])[] = [
		[{ name: "a", port: 80, protocol: "TCP", hostname: "a.example" }, /hostname: must not be set with protocol TCP/],
		[{ name: "a", port: 80, protocol: "HTTP", tls: { certificateRefs: [{ name: "c" }] } }, /tls: must not be set/],
		[{ name: "a", port: 443, protocol: "HTTPS", tls: { mode: "Passthrough" } }, /write protocol TLS/],
		[{ name: "a", port: 443, protocol: "HTTPS", tls: {} }, /tls: needs certificateRefs/],
		[{ name: "a", port: 80, protocol: "HTTP", hostname: "a.example:80" }, /hostname: .* is not a host/],
		[
			{ name: "a", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "Selector" } } },
			/selector: is required with from: Selector/,
		],
		[{ name: "A", port: 0, protocol: "HTTP" }, /name: 'A' is not a section name/],
	];
	for (const [listener, problem] of bad) {
		const { value, problems } = gateway(listener, http);
		assert.match(problems[0]!, problem);
		assert.match(problems[0]!, /this listener is left out/);
		assert.deepEqual(
			value?.listeners.map(({ name }) => name),
			["http"],
		);
	}
	assert.match(gateway(http, { ...http, port: 81 }).problems[0]!, /the name 'http' is there twice/);
});

test("calls of a GRPCRoute are paths", () => {
	const of = (method: object) =>
		readSpec("GRPCRoute", { parentRefs: [{ name: "gw" }], rules: [{ matches: [{ method }] }] });
	const path = (method: object) => of(method).value?.rules[0]?.matches[0]?.path;
	assert.deepEqual(path({ service: "a.B", method: "C" }), { kind: "exact", value: "/a.B/C" });
	assert.deepEqual(path({ service: "a.B" }), { kind: "startsWith", value: "/a.B/" });
	assert.deepEqual(path({ method: "C" }), { kind: "regex", value: "/[^/]+/C" });
	assert.deepEqual(path({ type: "RegularExpression", service: "a|b" }), { kind: "regex", value: "/(?:a|b)/[^/]+" });
	assert.match(of({}).problems[0]!, /must have a service or a method/);
	assert.match(of({ service: "a/b" }).problems[0]!, /is no name of a gRPC service/);
	const { value } = readSpec("GRPCRoute", { parentRefs: [{ name: "gw" }], rules: [{}] });
	assert.deepEqual(
		[value?.kind, value?.rules[0]?.matches],
		["GRPCRoute", [{ path: { kind: "prefix", value: "/" }, headers: [], queryParams: [] }]],
	);
});

test("TLSRoutes match server names, TCPRoutes everything", () => {
	const rules = [{ backendRefs: [{ name: "a", port: 443 }] }];
	const tls = readSpec("TLSRoute", { parentRefs: [{ name: "gw" }], hostnames: ["a.example"], rules }).value;
	assert.deepEqual(tls?.rules[0]?.matches, [{ sniHosts: ["a.example"], destinationSubnets: [] }]);
	const tcp = readSpec("TCPRoute", { parentRefs: [{ name: "gw" }], rules }).value;
	assert.deepEqual([tcp?.kind, tcp?.rules[0]?.matches, tcp?.hostnames], ["TCPRoute", [], []]);
	assert.deepEqual(tcp?.rules[0]?.backends, [
		{ destination: { kind: "service", service: { namespace: "shop", name: "a" } }, port: 443, weight: 1 },
	]);
});

test("a BackendTLSPolicy trusts given certificates or the system's, not both", () => {
	const of = (validation: object) =>
		readSpec("BackendTLSPolicy", { targetRefs: [{ group: "", kind: "Service", name: "a" }], validation });
	const caCertificateRefs = [{ group: "", kind: "ConfigMap", name: "ca" }];
	const { value } = of({
		caCertificateRefs,
		hostname: "a.example",
		subjectAltNames: [{ type: "URI", uri: "spiffe://a/b" }],
	});
	assert.deepEqual(value?.caCertificateRefs, [{ group: "", kind: "ConfigMap", name: "ca", namespace: "shop" }]);
	assert.deepEqual(value?.subjectAltNames, [{ type: "URI", value: "spiffe://a/b" }]);
	assert.equal(of({ wellKnownCACertificates: "System", hostname: "a.example" }).value?.usesSystemCertificates, true);
	assert.match(of({ hostname: "a.example" }).problems[0]!, /must have caCertificateRefs or/);
	assert.match(of({ caCertificateRefs, hostname: "*.example" }).problems[0]!, /hostname: .*without a wildcard/);
	assert.match(
		of({ caCertificateRefs, wellKnownCACertificates: "System", hostname: "a.example" }).problems[0]!,
		/not both/,
	);
	assert.match(
		of({ caCertificateRefs, hostname: "a.example", subjectAltNames: [{ type: "URI", hostname: "a.example" }] })
			.problems[0]!,
		/hostname: must not be set with type URI/,
	);
});
