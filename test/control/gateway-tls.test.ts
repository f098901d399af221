/** Connections through what gateways are given: server names, certificates, and bytes that are passed on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { TlsParameters_TlsProtocol as TlsProtocol } from "../../src/api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { SecretSchema } from "../../src/api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { secretType } from "../../src/xds/server/index.ts";
import { gatewayOf, routeOf } from "../support/gateway-api.ts";
import { simulateGateway } from "../support/gateway-snapshot.ts";
import { createTestPki } from "../support/pki.ts";

const pki = createTestPki();
const allowedRoutes = { namespaces: { from: "All" } };
const backend = { backendRefs: [{ name: "web", port: 80 }] };

function secret(name: string, more: object = {}, namespace = "edge"): string {
	const { certificateChainPem, privateKeyPem } = pki.issue(pki.idOf(name));
	const stringData = { "tls.crt": certificateChainPem, "tls.key": privateKeyPem, ...more };
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name, namespace },
		type: "kubernetes.io/tls",
		stringData,
	});
}

const istioGateway = (...servers: object[]) =>
	JSON.stringify({
		apiVersion: "networking.istio.io/v1",
		kind: "Gateway",
		metadata: { name: "ig", namespace: "edge" },
		spec: { selector: { app: "gw" }, servers },
	});
const virtualService = (spec: object, name = "v") =>
	JSON.stringify({
		apiVersion: "networking.istio.io/v1",
		kind: "VirtualService",
		metadata: { name, namespace: "shop" },
		spec: { gateways: ["edge/ig"], ...spec },
	});
const destination = (host: string, weight?: number) => ({
	destination: { host, port: { number: 80 } },
	...(weight !== undefined && { weight }),
});

test("HTTPS listeners end TLS by server name, each with its certificate and its routes", () => {
	const listener = (name: string, hostname: string, certificate: string) => ({
		name,
		hostname,
		port: 443,
		protocol: "HTTPS",
		tls: { certificateRefs: [{ name: certificate }] },
		allowedRoutes,
	});
	const gateway = simulateGateway([
		secret("one"),
		secret("two"),
		gatewayOf(listener("one", "one.example", "one"), listener("two", "*.two.example", "two")),
		routeOf("HTTPRoute", "r", { hostnames: ["one.example"], rules: [backend] }),
	]);
	assert.equal(gateway.ask(443, { host: "one.example", path: "/", sni: "one.example" }), "web.shop:80");
	assert.equal(gateway.ask(443, { host: "one.example", path: "/", sni: "a.two.example" }), "421");
	assert.equal(gateway.ask(443, { host: "one.example", path: "/", sni: "other.example" }), "refused");
	const names = (sni: string) =>
		gateway.tlsOf(443, sni)?.commonTlsContext?.tlsCertificateSdsSecretConfigs.map(({ name }) => name);
	assert.deepEqual(names("one.example"), ["kubernetes-gateway://edge/one"]);
	assert.deepEqual(names("a.two.example"), ["kubernetes-gateway://edge/two"]);
	assert.deepEqual([...gateway.snapshot.resources.get(secretType)!.keys()].sort(), [
		"kubernetes-gateway://edge/one",
		"kubernetes-gateway://edge/two",
	]);
});

test("a redirect names the port only where it is not the one of its scheme, whose listener it is answered at", () => {
	const https = {
		name: "https",
		port: 443,
		protocol: "HTTPS",
		tls: { certificateRefs: [{ name: "one" }] },
		allowedRoutes,
	};
	const redirects: Record<string, object> = {
		none: {},
		host: { hostname: "b.example" },
		port443: { hostname: "b.example", port: 443 },
		port80: { hostname: "b.example", port: 80 },
		plain: { scheme: "http" },
		other: { port: 8443 },
	};
	const rules = Object.entries(redirects).map(([name, requestRedirect]) => ({
		matches: [{ path: { value: `/${name}` } }],
		filters: [{ type: "RequestRedirect", requestRedirect }],
	}));
	const gateway = simulateGateway([
		secret("one"),
		gatewayOf(https, { name: "http", port: 80, protocol: "HTTP", allowedRoutes }),
		routeOf("HTTPRoute", "r", { rules }),
	]);
	const portAt = (port: number, name: string, sni?: string): number | undefined => {
		const action = gateway.route(port, {
			host: "a.example",
			path: `/${name}`,
			...(sni !== undefined && { sni }),
		})?.action;
		return action?.case === "redirect" ? action.value.portRedirect : undefined;
	};
	const names = Object.keys(redirects);
	// 0 names none.
	assert.deepEqual(
		names.map((name) => portAt(443, name, "a.example")),
		[0, 0, 0, 80, 0, 8443],
	);
	assert.deepEqual(
		names.map((name) => portAt(8080, name)),
		[0, 0, 443, 0, 0, 8443],
	);
});

test("a listener without its certificate does not serve, and nothing else of the Gateway suffers", () => {
	const https = {
		name: "https",
		port: 443,
		protocol: "HTTPS",
		tls: { certificateRefs: [{ name: "nosuch" }] },
		allowedRoutes,
	};
	const gateway = simulateGateway([
		gatewayOf({ name: "http", port: 80, protocol: "HTTP", allowedRoutes }, https),
		routeOf("HTTPRoute", "r", {}),
	]);
	assert.deepEqual(gateway.ports, [8080]);
});

test("certificates of clients are asked for as the modes say", () => {
	const server = (mode: string, number: number, more: object = {}) => ({
		port: { number, name: `https-${number}`, protocol: "HTTPS" },
		hosts: ["h.example"],
		tls: { mode, credentialName: "cert", ...more },
	});
	const gateway = simulateGateway([
		secret("cert", { "ca.crt": pki.bundlePem }),
		istioGateway(
			server("SIMPLE", 1001),
			server("MUTUAL", 1002, { subjectAltNames: ["spiffe://a/b"] }),
			server("OPTIONAL_MUTUAL", 1003),
			server("ISTIO_MUTUAL", 1004),
			server("OPTIONAL_MUTUAL", 1005, { insecureSkipVerify: true }),
		),
	]);
	const of = (port: number) => {
		const context = gateway.tlsOf(port, "h.example")!;
		const validation = context.commonTlsContext!.validationContextType;
		return [
			context.requireClientCertificate,
			validation.case === "combinedValidationContext"
				? validation.value.validationContextSdsSecretConfig!.name
				: undefined,
		];
	};
	const trust = "kubernetes-gateway://edge/cert-cacert";
	assert.deepEqual(of(1001), [false, undefined]);
	assert.deepEqual(of(1002), [true, trust]);
	assert.deepEqual(of(1003), [false, trust]);
	assert.deepEqual(of(1004), [true, "ROOTCA"]);
	assert.deepEqual(of(1005), [false, undefined], "any certificate, or none");
	assert.equal(gateway.tlsOf(1005, "h.example")!.commonTlsContext!.validationContextType.case, "validationContext");
	const context = gateway.tlsOf(1002, "h.example")!.commonTlsContext!.validationContextType;
	assert.ok(context.case === "combinedValidationContext");
	assert.ok(context.value.defaultValidationContext!.matchTypedSubjectAltNames.length > 0);
});

test("a server whose Secret is missing, of another namespace or without authorities is left out alone", () => {
	const server = (credentialName: string, mode = "SIMPLE") => ({
		port: { number: 443, name: `https-${credentialName.replaceAll(/\W/g, "")}`, protocol: "HTTPS" },
		hosts: [`${credentialName.replaceAll(/\W/g, "")}.example`],
		tls: { mode, credentialName },
	});
	const gateway = simulateGateway([
		secret("good"),
		secret("far", {}, "vault"),
		istioGateway(server("nosuch"), server("good"), server("kubernetes-gateway://vault/far"), {
			...server("good", "MUTUAL"),
			hosts: ["m.example"],
		}),
	]);
	assert.ok(gateway.tlsOf(443, "good.example") !== undefined);
	assert.equal(gateway.tlsOf(443, "nosuch.example"), undefined);
	assert.equal(gateway.tlsOf(443, "m.example"), undefined);
	assert.equal(gateway.problems.length, 3, gateway.problems.join("\n"));
	assert.match(
		gateway.problems.join("\n"),
		/servers\[0\]\.tls\.credentialName: certificateRef edge\/nosuch: there is no such Secret/,
	);
	assert.match(gateway.problems.join("\n"), /servers\[2\].* is not in the namespace of the proxy/);
	assert.match(gateway.problems.join("\n"), /servers\[3\].* has no ca\.crt to check clients by/);
});

test("a server of AUTO_PASSTHROUGH is left out alone and told", () => {
	const server = (mode: string, number: number) => ({
		port: { number, name: `tls-${number}`, protocol: "TLS" },
		hosts: ["*.local"],
		tls: { mode, ...(mode === "SIMPLE" && { credentialName: "good" }) },
	});
	const gateway = simulateGateway([
		secret("good"),
		istioGateway(server("AUTO_PASSTHROUGH", 443), {
			...server("SIMPLE", 443),
			port: { number: 443, name: "https", protocol: "HTTPS" },
		}),
	]);
	assert.ok(gateway.tlsOf(443, "a.local") !== undefined);
	assert.equal(gateway.problems.length, 1, gateway.problems.join("\n"));
	assert.match(
		gateway.problems[0]!,
		/servers\[0\]\.tls\.mode: AUTO_PASSTHROUGH is not supported.*the server is left out/,
	);
});

test("TLS that is passed on goes by server name", () => {
	const tls = { name: "tls", port: 443, protocol: "TLS", tls: { mode: "Passthrough" }, allowedRoutes };
	const gateway = simulateGateway([
		gatewayOf({ ...tls, hostname: "*.example" }),
		routeOf("TLSRoute", "one", { hostnames: ["one.example"], rules: [backend] }),
		routeOf("TLSRoute", "wide", {
			hostnames: ["*.w.example", "other.test"],
			rules: [
				{
					backendRefs: [
						{ name: "web", port: 80, weight: 2 },
						{ name: "web", port: 80 },
					],
				},
			],
		}),
	]);
	assert.equal(gateway.connect(443, "one.example"), "web.shop:80");
	assert.equal(gateway.connect(443, "a.w.example"), "2 web.shop:80, 1 web.shop:80");
	assert.equal(gateway.connect(443, "two.example"), "refused");
	assert.equal(gateway.connect(443, "other.test"), "refused");
	assert.equal(gateway.tlsOf(443, "one.example"), undefined);
	const istio = simulateGateway([
		istioGateway({
			port: { number: 443, name: "tls", protocol: "TLS" },
			hosts: ["*.example"],
			tls: { mode: "PASSTHROUGH" },
		}),
		virtualService({
			hosts: ["a.example", "b.example"],
			tls: [
				{ match: [{ port: 443, sniHosts: ["a.example"] }], route: [destination("web")] },
				{ match: [{ port: 444, sniHosts: ["b.example"] }], route: [destination("web")] },
			],
		}),
	]);
	assert.equal(istio.connect(443, "a.example"), "web.shop:80");
	assert.equal(istio.connect(443, "b.example"), "refused");
});

test("TLS that is ended may carry bytes, for TLSRoutes and TCPRoutes", () => {
	const terminate = {
		name: "tls",
		port: 443,
		protocol: "TLS",
		tls: { certificateRefs: [{ name: "cert" }] },
		hostname: "h.example",
		allowedRoutes,
	};
	for (const kind of ["TLSRoute", "TCPRoute"]) {
		const gateway = simulateGateway([
			secret("cert"),
			gatewayOf({ ...terminate, tls: { ...terminate.tls, mode: "Terminate" } }),
			routeOf(kind, "r", { rules: [backend] }),
		]);
		assert.equal(gateway.connect(443, "h.example"), "web.shop:80", kind);
		assert.ok(gateway.tlsOf(443, "h.example") !== undefined, kind);
		assert.equal(gateway.connect(443, "x.example"), "refused", kind);
	}
});

test("connections go to the oldest TCPRoute, by weight; without a route the port is closed", () => {
	const tcp = { name: "tcp", port: 7000, protocol: "TCP", allowedRoutes };
	const time = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` });
	assert.deepEqual(simulateGateway([gatewayOf(tcp)]).ports, []);
	const gateway = simulateGateway([
		gatewayOf(tcp),
		routeOf("TCPRoute", "new", { rules: [{ backendRefs: [{ name: "bank", port: 80 }] }] }, time(2)),
		routeOf("TCPRoute", "old", { rules: [backend] }, time(1)),
	]);
	assert.equal(gateway.connect(7000), "web.shop:80");
	const denied = simulateGateway([
		gatewayOf(tcp),
		routeOf("TCPRoute", "r", { rules: [{ backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] }] }),
	]);
	assert.equal(denied.connect(7000), "unusable_backend");
	const istio = simulateGateway([
		istioGateway({ port: { number: 7000, name: "tcp", protocol: "TCP" }, hosts: ["*"] }),
		virtualService({
			hosts: ["*"],
			tcp: [{ match: [{ port: 7000 }], route: [destination("web", 80), destination("bank.vault", 20)] }],
		}),
	]);
	assert.equal(istio.connect(7000), "80 web.shop:80, 20 bank.vault:80");
});

test("nothing below TLS 1.2 is spoken to outsiders, whatever a Gateway asks for", () => {
	for (const tls of [
		{},
		{ minProtocolVersion: "TLSV1_0" },
		{ minProtocolVersion: "TLSV1_1", maxProtocolVersion: "TLSV1_1" },
	]) {
		const gateway = simulateGateway([
			secret("one"),
			istioGateway({
				port: { number: 443, name: "https", protocol: "HTTPS" },
				hosts: ["one.example"],
				tls: { mode: "SIMPLE", credentialName: "one", ...tls },
			}),
			virtualService({ hosts: ["one.example"], http: [{ route: [destination("web")] }] }),
		]);
		const { tlsMinimumProtocolVersion: minimum, tlsMaximumProtocolVersion: maximum } = gateway.tlsOf(
			443,
			"one.example",
		)!.commonTlsContext!.tlsParams!;
		assert.equal(minimum, TlsProtocol.TLSv1_2, JSON.stringify(tls));
		assert.ok(maximum === TlsProtocol.TLS_AUTO || maximum >= TlsProtocol.TLSv1_2, JSON.stringify(tls));
	}
});

const httpsListener = (name: string, hostname?: string, port = 443) => ({
	...{ name, port, protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] }, allowedRoutes },
	...(hostname !== undefined && { hostname }),
});

test("a request that came by the server name of another listener is sent to a connection of its own", () => {
	const gateway = simulateGateway([
		secret("cert"),
		gatewayOf(
			httpsListener("any"),
			httpsListener("exact", "exact.example"),
			httpsListener("wild", "*.wild.example"),
			httpsListener("inner", "inner.wild.example"),
		),
		routeOf("HTTPRoute", "r", {
			parentRefs: [{ name: "gw", namespace: "edge", sectionName: "any" }],
			hostnames: ["any.example"],
		}),
		...["exact", "wild", "inner"].map((sectionName) =>
			routeOf("HTTPRoute", sectionName, { parentRefs: [{ name: "gw", namespace: "edge", sectionName }] }),
		),
	]);
	const served = "web.shop:80";
	const cases: readonly (readonly [sni: string, host: string, answer: string])[] = [
		["any.example", "any.example", served],
		["any.example", "exact.example", "421"],
		["any.example", "a.wild.example", "421"],
		["any.example", "unknown.example", "404"],
		["exact.example", "exact.example", served],
		["exact.example", "any.example", "421"],
		["exact.example", "unknown.example", "421"],
		["a.wild.example", "b.wild.example", served],
		["a.wild.example", "inner.wild.example", "421"],
		["inner.wild.example", "a.wild.example", "421"],
		["unknown.example", "any.example", served],
	];
	const wrong = cases.flatMap(([sni, host, answer]) => {
		const seen = gateway.ask(443, { host, path: "/", sni });
		return seen === answer ? [] : [`${sni} ${host}: ${seen}, not ${answer}`];
	});
	assert.deepEqual(wrong, []);
	const lonely = simulateGateway([secret("cert"), gatewayOf(httpsListener("exact", "exact.example"))]);
	assert.equal(lonely.ask(443, { host: "other.example", path: "/", sni: "exact.example" }), "404");
});

test("certificates of clients are checked by all authorities that can be read, or only asked for", () => {
	const authority = (name: string) =>
		JSON.stringify({
			...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "edge" } },
			data: { "ca.crt": createTestPki().bundlePem },
		});
	const validationOf = (mode: string, ...names: string[]) => {
		const document = JSON.parse(gatewayOf(httpsListener("https"))) as { spec: object };
		const caCertificateRefs = names.map((name) => ({ group: "", kind: "ConfigMap", name }));
		const frontend = { default: { validation: { mode, caCertificateRefs } } };
		const gateway = simulateGateway([
			...[secret("cert"), authority("one"), authority("two")],
			JSON.stringify({ ...document, spec: { ...document.spec, tls: { frontend } } }),
		]);
		const context = gateway.tlsOf(443, "any.example");
		const validation = context?.commonTlsContext?.validationContextType;
		if (context === undefined || validation?.case !== "combinedValidationContext") return undefined;
		const trusted = validation.value.validationContextSdsSecretConfig!.name;
		const secrets = gateway.snapshot.resources.get(secretType)!;
		const { type } = fromBinary(SecretSchema, secrets.get(trusted)!.value);
		const text = type.case === "validationContext" ? type.value.trustedCa!.specifier.value : "";
		return {
			isRequired: context.requireClientCertificate,
			isChecked: validation.value.defaultValidationContext!.trustChainVerification === 0,
			authorities: String(text).match(/BEGIN CERTIFICATE/g)?.length,
		};
	};
	const strict = { isRequired: true, isChecked: true };
	assert.deepEqual(validationOf("AllowValidOnly", "one"), { ...strict, authorities: 1 });
	assert.deepEqual(validationOf("AllowValidOnly", "one", "two"), { ...strict, authorities: 2 });
	assert.deepEqual(validationOf("AllowValidOnly", "gone", "two"), { ...strict, authorities: 1 });
	assert.equal(validationOf("AllowValidOnly", "gone"), undefined, "no listener");
	assert.deepEqual(validationOf("AllowInsecureFallback", "one"), {
		...{ isRequired: false, isChecked: false, authorities: 1 },
	});
});

test("revoked certificates come from the file that a server names, or from its Secret", () => {
	const server = (number: number, tls: object) => ({
		port: { number, name: `https-${number}`, protocol: "HTTPS" },
		hosts: ["h.example"],
		tls,
	});
	const gateway = simulateGateway([
		secret("cert", { "ca.crt": pki.bundlePem, "ca.crl": "the list" }),
		istioGateway(
			server(1001, {
				...{ mode: "MUTUAL", serverCertificate: "/own.pem", privateKey: "/own.key", caCertificates: "/ca.pem" },
				caCrl: "/ca.crl",
			}),
			server(1002, { mode: "ISTIO_MUTUAL", caCrl: "/ca.crl" }),
			server(1003, { mode: "MUTUAL", credentialName: "cert" }),
		),
	]);
	const crlOf = (port: number) => {
		const { value } = gateway.tlsOf(port, "h.example")!.commonTlsContext!.validationContextType;
		assert.ok(typeof value === "object");
		const own = "defaultValidationContext" in value ? value.defaultValidationContext : value;
		return own !== undefined && "crl" in own ? own.crl?.specifier.value : undefined;
	};
	assert.deepEqual([crlOf(1001), crlOf(1002), crlOf(1003)], ["/ca.crl", "/ca.crl", undefined]);
	const given = gateway.snapshot.resources.get(secretType)!.get("kubernetes-gateway://edge/cert-cacert")!;
	const { type } = fromBinary(SecretSchema, given.value);
	assert.ok(type.case === "validationContext");
	assert.equal(type.value.crl?.specifier.value, "the list");
});
