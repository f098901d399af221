import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../test/support/config-document.ts";

test("the protocol of a Service's port comes from appProtocol, then from the prefix of its name", () => {
	const of = (port: object): string | undefined =>
		readSpec("Service", { ports: [{ port: 80, ...port }] }).value?.ports[0]?.protocol;
	assert.equal(of({}), "http");
	assert.equal(of({ name: "http" }), "http");
	assert.equal(of({ name: "grpc-api" }), "grpc");
	assert.equal(of({ name: "grpc-web" }), "http");
	assert.equal(of({ name: "tcp-db" }), "tcp");
	assert.equal(of({ name: "https" }), "tcp");
	assert.equal(of({ name: "http2" }), "http2");
	assert.equal(of({ name: "httpx" }), "http");
	assert.equal(of({ name: "tcp", appProtocol: "kubernetes.io/h2c" }), "http2");
	assert.equal(of({ name: "http", appProtocol: "redis" }), "tcp");
	assert.equal(of({ port: 5432 }), "tcp");
	assert.equal(of({ port: 5432, name: "http-odd" }), "http");
	const { problems, value } = readSpec("Service", { ports: [{ port: 80, appProtocol: "amqp" }] });
	assert.equal(value?.ports[0]?.protocol, "tcp");
	assert.deepEqual(value?.unknown, [80], "told by its first bytes in a cluster");
	assert.equal(of({ name: "tcp", appProtocol: "HTTP-custom" }), "http");
	assert.match(problems[0]!, /^warning: spec\.ports\[0\]: appProtocol 'amqp' is not known/);
});

test("a Service's target port is its port unless given", () => {
	const { value } = readSpec("Service", {
		selector: { app: "a" },
		ports: [
			{ name: "a", port: 80 },
			{ name: "b", port: 81, targetPort: 8081 },
			{ name: "c", port: 82, targetPort: "http" },
		],
	});
	assert.deepEqual(
		value?.ports.map((port) => port.targetPort),
		[80, 8081, "http"],
	);
});

test("a Service with an empty selector has none", () => {
	const { value } = readSpec("Service", { selector: {}, ports: [{ port: 80 }] });
	assert.ok(value !== undefined && !("selector" in value));
});

test("a Service refuses what cannot work", () => {
	const of = (spec: object, metadata: object = {}): string => readSpec("Service", spec, metadata).problems[0]!;
	const ports = [{ port: 80 }];
	assert.match(of({ ports: [{ port: 80 }, { port: 81, name: "b" }] }), /ports\[0\]\.name: is required when/);
	assert.match(
		of({
			ports: [
				{ port: 80, name: "a" },
				{ port: 80, name: "b" },
			],
		}),
		/port 80 is there twice, first as ports\[0\]/,
	);
	assert.match(
		of({
			ports: [
				{ port: 80, name: "a" },
				{ port: 81, name: "a" },
			],
		}),
		/'a' is there twice/,
	);
	assert.match(of({ ports: [] }), /must have at least 1 item/);
	assert.match(of({ ports: [{ port: 80, targetPort: "Http" }] }), /is not a port name/);
	assert.match(of({ ports, type: "ExternalName" }), /externalName: is required for type ExternalName/);
	assert.match(of({ ports, selectors: { a: "b" } }), /did you mean 'selector'/);
	assert.match(of({ ports }, { name: "a.b" }), /metadata\.name: 'a\.b' must be an RFC 1123 label/);
	assert.match(of({ ports }, { name: "x".repeat(64) }), /must be an RFC 1123 label/);
	assert.match(of({ ports }, { namespace: "A" }), /is not an RFC 1123 label/);
});

test("what of a Service is for Kubernetes alone does not keep its other ports out of the mesh", () => {
	const { value, problems } = readSpec("Service", {
		ports: [
			{ port: 53, name: "dns", protocol: "UDP" },
			{ port: 53, name: "dns-tcp" },
			{ port: 80, name: "sctp", protocol: "SCTP" },
		],
		sessionAffinity: "ClientIP",
		sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
	});
	assert.deepEqual(
		value?.ports.map(({ name, port }) => [name, port]),
		[["dns-tcp", 53]],
	);
	assert.match(problems.join(), /^[^,]*sessionAffinity: has no effect in the mesh: [^,]*useSourceIp\)$/);
});

test("a Workload has its defaults", () => {
	const { value, problems } = readSpec("Workload", { command: ["node", "a.ts"] });
	assert.deepEqual(problems, []);
	assert.deepEqual(value, {
		namespace: "shop",
		name: "it",
		labels: { app: "it" },
		command: ["node", "a.ts"],
		env: {},
		ports: [],
		replicas: 1,
		serviceAccount: "default",
		pattern: "sidecar",
		sidecar: "amime",
		folder: "mesh",
		source: { file: "mesh/it.yaml", line: 1 },
	});
});

test("a Workload with everything becomes the model's", () => {
	const { value, problems } = readSpec(
		"Workload",
		{
			command: ["python3", "-m", "ratings", ""],
			env: { LOG: "debug", EMPTY: "" },
			ports: [{ name: "http" }, { name: "grpc", protocol: "grpc" }],
			replicas: 3,
			serviceAccount: "ratings",
			sidecar: "envoy",
			readiness: { path: "/healthz?full=1", port: "grpc", interval: "250ms", timeout: "2s" },
		},
		{ labels: { app: "r", version: "v1" } },
	);
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.readiness, { path: "/healthz?full=1", port: "grpc", intervalMs: 250, timeoutMs: 2000 });
	assert.deepEqual(
		[value?.labels, value?.sidecar, value?.env],
		[{ app: "r", version: "v1" }, "envoy", { LOG: "debug", EMPTY: "" }],
	);
	assert.deepEqual(value?.ports, [
		{ name: "http", protocol: "http" },
		{ name: "grpc", protocol: "grpc" },
	]);
});

test("a variable that no shell will read is told, with how it is written", () => {
	const of = (...command: string[]): readonly string[] => readSpec("Workload", { command }).problems;
	const [first = "", ...rest] = of("python3", "-m", "http.server", "$PORT");
	assert.match(first, /command\[3\]: no shell reads this, so \$PORT stays as it is written: write \$\(PORT\)/);
	assert.deepEqual(rest, []);
	assert.match(of("app", ["--port=", "{PORT_GRPC}"].join("$"))[0]!, /write \$\(PORT_GRPC\)/);
	for (const good of [
		["sh", "-c", "app $PORT"],
		["/bin/bash", "-c", "$PORT"],
		["app", "$(PORT)"],
		["app", "$5"],
	])
		assert.deepEqual(of(...good), []);
});

test("a Workload refuses what cannot run", () => {
	const of = (spec: object): string => readSpec("Workload", { command: ["a"], ...spec }).problems[0]!;
	assert.match(of({ command: [] }), /must have at least 1 item/);
	assert.match(of({ command: "node a.ts" }), /must be a list, not a string: start each item with '- '/);
	assert.match(of({ command: [""] }), /command\[0\]: must not be empty/);
	assert.match(of({ command: ["a", 1] }), /put it in quotes, "1"/);
	assert.match(of({ env: { "1A": "x" } }), /is not a name of an environment variable/);
	assert.match(of({ env: { A: 1 } }), /put it in quotes/);
	assert.match(of({ replicas: 101 }), /from 0 to 100, not 101/);
	assert.match(of({ replicas: 1.5 }), /whole number/);
	assert.match(of({ ports: [{ name: "a", port: 1 }, { name: "a" }] }), /'a' is there twice/);
	assert.match(
		of({
			ports: [
				{ name: "a", port: 1 },
				{ name: "b", port: 1 },
			],
		}),
		/1 is there twice/,
	);
	assert.match(of({ replicas: 2, ports: [{ name: "a", port: 8080 }] }), /2 replicas cannot share one port/);
	assert.match(of({ readiness: { path: "/" } }), /needs a port/);
	assert.match(of({ ports: [{ name: "a" }], readiness: { port: "b" } }), /'b' is no port of the workload: known are a/);
	assert.match(of({ ports: [{ name: "a" }], readiness: { path: "healthz" } }), /is not an absolute path/);
	assert.match(of({ ports: [{ name: "a" }], readiness: { interval: 5 } }), /must be text, not a number/);
	assert.match(of({ pattern: "library" }), /'library' is not supported/);
	assert.match(of({ sidecar: "nginx" }), /must be amime or envoy, not 'nginx'/);
});

test("a MeshConfig gives settings by name, and checks them", () => {
	const { value, problems } = readSpec("MeshConfig", {
		trustDomain: "shop.example",
		certificateTtl: "1h",
		traceSamplingPercent: 0.5,
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value, {
		name: "it",
		trustDomain: "shop.example",
		svidTtlMs: 3_600_000,
		traceSamplingPercent: 0.5,
		enableAutoMtls: true,
		extensionProviders: [],
	});
	const of = (spec: object): string => readSpec("MeshConfig", spec).problems[0]!;
	assert.match(of({ trustDomain: "Shop" }), /is not a trust domain/);
	assert.match(of({ certificateTtl: "25h" }), /must be from 1m to 24h/);
	assert.match(of({ traceSamplingPercent: 101 }), /from 0 to 100, not 101/);
});
