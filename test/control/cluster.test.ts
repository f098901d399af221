/** Clusters, their endpoints and mutual TLS, as proxies are given them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { clusterType, endpointType, listenerType } from "../../src/xds/server/index.ts";
import { application, parseObjects, type SimulatedMesh, simulateMesh } from "../support/control-mesh.ts";
import { listJson } from "../support/envoy-validate.ts";

const host = "reviews.shop.svc.cluster.local";

function open(documents: readonly string[], change?: (instance: WorkloadInstance) => WorkloadInstance): SimulatedMesh {
	return simulateMesh(parseObjects(application("web"), application("reviews", { replicas: 3 }), ...documents), change);
}

function cluster(mesh: SimulatedMesh, name: string, client = "web-0"): JsonObject {
	const found = listJson(mesh.snapshot(client), clusterType).find((item) => item["name"] === name);
	assert.ok(found, `no cluster ${name}`);
	return found;
}

/** Health and transport of each endpoint. */
function endpoints(mesh: SimulatedMesh, name: string): string[] {
	const found = listJson(mesh.snapshot("web-0"), endpointType).find((item) => item["clusterName"] === name)!;
	const groups = (found["endpoints"] ?? []) as {
		lbEndpoints: { healthStatus: string; metadata: { filterMetadata: JsonObject } }[];
	}[];
	return groups.flatMap((group) =>
		group.lbEndpoints.map(
			({ healthStatus, metadata }) =>
				`${healthStatus} ${metadata.filterMetadata["envoy.transport_socket_match"] === undefined ? "plain" : "mtls"}`,
		),
	);
}

function rule(
	spec: string,
	options: { readonly name?: string; readonly namespace?: string; readonly created?: string } = {},
): string {
	const { name = "reviews", namespace = "shop", created = "2026-01-01T00:00:00Z" } = options;
	return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}"}
spec: {host: ${host}, ${spec}}
`;
}

test("only ready instances are healthy, and starting ones are not there at all", () => {
	const health = { "reviews-0": "ready", "reviews-1": "unready", "reviews-2": "draining" } as const;
	const mesh = open([], (instance) => ({
		...instance,
		health: health[instance.name as keyof typeof health] ?? "ready",
	}));
	assert.deepEqual(endpoints(mesh, `outbound|80||${host}`), ["HEALTHY mtls", "UNHEALTHY mtls", "DRAINING mtls"]);
	const starting = open([], (instance) => ({ ...instance, health: "starting" }));
	assert.deepEqual(endpoints(starting, `outbound|80||${host}`), []);
	assert.equal(cluster(mesh, `outbound|80||${host}`)["commonLbConfig"] !== undefined, true);
});

test("an endpoint takes mutual TLS when it has a sidecar that does", () => {
	const none = open([], (instance) => (instance.name === "reviews-1" ? { ...instance, pattern: "none" } : instance));
	assert.deepEqual(endpoints(none, `outbound|80||${host}`), ["HEALTHY mtls", "HEALTHY plain", "HEALTHY mtls"]);
	const disabled = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: off, namespace: shop}
spec: {mtls: {mode: DISABLE}}
`;
	assert.deepEqual(endpoints(open([disabled]), `outbound|80||${host}`), [
		"HEALTHY plain",
		"HEALTHY plain",
		"HEALTHY plain",
	]);
});

test("a client trusts the identities behind a service and no other, and says the service's name", () => {
	const text = JSON.stringify(cluster(open([]), `outbound|80||${host}`));
	assert.match(text, /"sni":"outbound_\.80_\._\.reviews\.shop\.svc\.cluster\.local"/);
	assert.match(text, /"exact":"spiffe:\/\/cluster\.local\/ns\/shop\/sa\/reviews"/);
	assert.doesNotMatch(text, /sa\/web/);
});

test("without a DestinationRule, least request and no limits; with one, what it says and Istio's defaults for the rest", () => {
	const plain = cluster(open([]), `outbound|80||${host}`);
	assert.equal(plain["lbPolicy"], "LEAST_REQUEST");
	assert.equal(plain["outlierDetection"], undefined);
	const ruled = cluster(
		open([
			rule(`trafficPolicy: {
    loadBalancer: {simple: ROUND_ROBIN},
    connectionPool: {tcp: {maxConnections: 7, connectTimeout: 250ms}, http: {http1MaxPendingRequests: 3}},
    outlierDetection: {consecutive5xxErrors: 4, interval: 5s, baseEjectionTime: 1m, maxEjectionPercent: 50}
  }`),
		]),
		`outbound|80||${host}`,
	);
	assert.equal(ruled["lbPolicy"], undefined, "round robin is the default of the wire");
	assert.equal(ruled["connectTimeout"], "0.250s");
	const [threshold] = (ruled["circuitBreakers"] as { thresholds: JsonObject[] }).thresholds;
	assert.deepEqual(
		[threshold!["maxConnections"], threshold!["maxPendingRequests"], threshold!["maxRequests"]],
		[7, 3, 4294967295],
	);
	assert.deepEqual(ruled["outlierDetection"], {
		consecutive5xx: 4,
		enforcingConsecutive5xx: 100,
		interval: "5s",
		baseEjectionTime: "60s",
		maxEjectionPercent: 50,
		enforcingSuccessRate: 0,
	});
});

test("a subset has a cluster of its own with the endpoints of its labels", () => {
	const mesh = open([
		application("reviews2")
			.replaceAll("name: reviews2", "name: reviews2")
			.replace("labels: {app: reviews2, version: v1}", "labels: {app: reviews, version: v2}"),
		rule("trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v2, labels: {version: v2}}]"),
	]);
	assert.equal(endpoints(mesh, `outbound|80||${host}`).length, 4);
	assert.equal(endpoints(mesh, `outbound|80|v2|${host}`).length, 1);
	assert.equal(cluster(mesh, `outbound|80|v2|${host}`)["lbPolicy"], "RANDOM");
	assert.match(JSON.stringify(cluster(mesh, `outbound|80|v2|${host}`)), /outbound_\.80_\.v2_\.reviews/);
});

test("rules of one host merge, the older wins; one in the client's namespace hides them", () => {
	const documents = [
		application("client", { namespace: "team" }),
		rule("trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: a, labels: {version: v1}}]", {
			name: "old",
		}),
		rule("trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}, subsets: [{name: b, labels: {version: v1}}]", {
			name: "young",
			created: "2026-02-01T00:00:00Z",
		}),
		rule("trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}", { namespace: "team" }),
	];
	const mesh = open(documents);
	assert.equal(cluster(mesh, `outbound|80||${host}`)["lbPolicy"], "RANDOM");
	cluster(mesh, `outbound|80|a|${host}`);
	cluster(mesh, `outbound|80|b|${host}`);
	assert.equal(cluster(mesh, `outbound|80||${host}`, "client-0")["lbPolicy"], "LEAST_REQUEST");
});

function authentication(name: string, spec: string, namespace = "shop"): string {
	return `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
}

test("mutual TLS is decided by the mesh, then the namespace, then the workload, then the port", () => {
	const declared = application("declared").replace(
		"{name: http, protocol: http}",
		"{name: http, protocol: http, port: 8080}",
	);
	const chains = (...policies: string[]): string => {
		const mesh = open([declared, ...policies]);
		const listener = listJson(mesh.snapshot("declared-0"), listenerType).find(
			(item) => item["name"] === "inbound_8080",
		)!;
		return (listener["filterChains"] as { name: string }[]).map(({ name }) => name).join("+");
	};
	const meshWide = authentication("default", "{mtls: {mode: STRICT}}", "amime-system");
	const namespace = authentication("default", "{mtls: {mode: DISABLE}}");
	const selector = "selector: {matchLabels: {app: declared}}";
	assert.equal(chains(), "mutual_tls+plain_text", "permissive without any policy");
	assert.equal(chains(meshWide), "mutual_tls");
	assert.equal(chains(meshWide, namespace), "plain_text");
	assert.equal(chains(meshWide, authentication("default", "{mtls: {mode: UNSET}}")), "mutual_tls");
	assert.equal(
		chains(meshWide, namespace, authentication("own", `{${selector}, mtls: {mode: PERMISSIVE}}`)),
		"mutual_tls+plain_text",
	);
	assert.equal(
		chains(namespace, authentication("own", `{${selector}, portLevelMtls: {8080: {mode: STRICT}}}`)),
		"mutual_tls",
	);
	assert.equal(
		chains(namespace, authentication("own", `{${selector}, portLevelMtls: {8081: {mode: STRICT}}}`)),
		"plain_text",
	);
});

test("Istio's metrics are only asked of amime", () => {
	const mesh = open([]);
	assert.match(JSON.stringify(listJson(mesh.snapshot("web-0", "amime"), listenerType)), /stats\.PluginConfig/);
	assert.doesNotMatch(JSON.stringify(listJson(mesh.snapshot("web-0", "envoy"), listenerType)), /stats\.PluginConfig/);
});

test("clusters name the service behind them, for Istio's metrics of both sides", () => {
	const mesh = open([rule("subsets: [{name: v1, labels: {version: v1}}]")]);
	const istio = { services: [{ host, name: "reviews", namespace: "shop" }] };
	const metadataOf = (item: JsonObject): JsonObject =>
		(item["metadata"] as { readonly filterMetadata: JsonObject }).filterMetadata;
	// Our own proxies end connections with the certificates of their peers, and with their identities.
	const amime = { ends_with_peer_certificate: true, revoked_peers_secret: "amime_revoked_peers" };
	const outbound = { istio, amime };
	assert.deepEqual(metadataOf(cluster(mesh, `outbound|80||${host}`)), outbound);
	assert.deepEqual(metadataOf(cluster(mesh, `outbound|80|v1|${host}`)), outbound);
	const inbound = listJson(mesh.snapshot("reviews-0"), clusterType).filter((item) =>
		String(item["name"]).startsWith("inbound|"),
	);
	assert.deepEqual(inbound.map(metadataOf), [{ istio }]);
});

/** How a cluster speaks HTTP: the name of the choice in its protocol options. */
function protocolOf(found: JsonObject): string {
	const extensions = (found["typedExtensionProtocolOptions"] ?? {}) as Record<string, JsonObject>;
	const options = extensions["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
	if (options === undefined) return "HTTP/1.1";
	if (options["autoConfig"] !== undefined) return "by ALPN";
	const explicit = options["explicitHttpConfig"] as JsonObject;
	return explicit["http2ProtocolOptions"] === undefined ? "HTTP/1.1" : "HTTP/2";
}

test("requests between sidecars share HTTP/2 connections, unless an endpoint or a rule of HTTP/1.1 stands against it", () => {
	const name = `outbound|80||${host}`;
	assert.equal(protocolOf(cluster(open([]), name)), "by ALPN");
	const plain = open([], (instance) => (instance.name === "reviews-1" ? { ...instance, pattern: "none" } : instance));
	assert.equal(protocolOf(cluster(plain, name)), "HTTP/1.1");
	const limited = rule("trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}");
	assert.equal(protocolOf(cluster(open([limited]), name)), "HTTP/1.1");
	const unencrypted = rule("trafficPolicy: {tls: {mode: DISABLE}}");
	assert.equal(protocolOf(cluster(open([unencrypted]), name)), "HTTP/1.1");
});

test("ports of gRPC are ports of HTTP/2 requests: on the listener, towards sidecars and towards the application", () => {
	const grpc = (instance: WorkloadInstance): WorkloadInstance => ({
		...instance,
		ports: instance.ports.map((port) => ({ ...port, protocol: "grpc" })),
	});
	const mesh = open([], grpc);
	const appPort = mesh.mesh.instances.find(({ name }) => name === "reviews-0")!.ports[0]!.appPort;
	assert.equal(protocolOf(cluster(mesh, `inbound|${appPort}||`, "reviews-0")), "HTTP/2");
	const listener = listJson(mesh.snapshot("reviews-0"), listenerType).find(
		({ name }) => name === `inbound_${appPort}`,
	)!;
	const text = JSON.stringify(listener);
	assert.match(text, /http_connection_manager/);
	assert.doesNotMatch(text, /tcp_proxy/);
	assert.match(text, /"alpnProtocols":\["h2","http\/1.1"\]/);
});
