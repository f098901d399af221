import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";

test("a DestinationRule with everything becomes the model's", () => {
	const { value, problems } = readSpec("DestinationRule", {
		host: "ratings",
		exportTo: ["."],
		workloadSelector: { matchLabels: { app: "web" } },
		trafficPolicy: {
			loadBalancer: { simple: "LEAST_CONN", warmup: { duration: "1m" } },
			connectionPool: {
				tcp: { maxConnections: 10, connectTimeout: "1.5s", tcpKeepalive: { probes: 3 } },
				http: { http1MaxPendingRequests: 0, http2MaxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4 },
			},
			outlierDetection: {
				consecutive5xxErrors: 0,
				consecutiveErrors: 2,
				interval: "1s",
				baseEjectionTime: "1m30s",
				maxEjectionPercent: 100,
				minHealthPercent: 0,
			},
			tls: { mode: "ISTIO_MUTUAL" },
			portLevelSettings: [{ port: { number: 80 }, loadBalancer: { consistentHash: { useSourceIp: true } } }],
		},
		subsets: [
			{ name: "v1", labels: { version: "v1" }, trafficPolicy: { loadBalancer: { simple: "UNSPECIFIED" } } },
			{ name: "all" },
		],
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.trafficPolicy, {
		loadBalancer: { algorithm: "LEAST_REQUEST", warmup: { durationMs: 60_000, minimumPercent: 10, aggression: 1 } },
		connectionPool: {
			maxConnections: 10,
			connectTimeoutMs: 1500,
			http1MaxPendingRequests: 0,
			http2MaxRequests: 2,
			maxRequestsPerConnection: 3,
			maxRetries: 4,
			tcpKeepalive: { probes: 3 },
		},
		outlierDetection: {
			consecutive5xxErrors: 0,
			consecutiveGatewayErrors: 2,
			intervalMs: 1000,
			baseEjectionTimeMs: 90_000,
			maxEjectionPercent: 100,
			minHealthPercent: 0,
		},
		tls: { mode: "ISTIO_MUTUAL", subjectAltNames: [], isInsecure: false },
		portLevel: {
			80: {
				position: 0,
				loadBalancer: {
					consistentHash: { key: { kind: "source-ip" }, algorithm: { kind: "ring", minimumRingSize: 1024 } },
				},
			},
		},
	});
	assert.deepEqual(value?.subsets, [
		{ name: "v1", labels: { version: "v1" }, trafficPolicy: { loadBalancer: {} } },
		{ name: "all", labels: {} },
	]);
	assert.deepEqual(value?.exportTo, ["shop"]);
	assert.deepEqual(value?.workloadSelector, { app: "web" });
});

test("settings that contradict themselves are refused with their place", () => {
	const of = (trafficPolicy: object): string => readSpec("DestinationRule", { host: "a", trafficPolicy }).problems[0]!;
	assert.match(of({ loadBalancer: { consistentHash: {} } }), /consistentHash: must have one of httpHeaderName/);
	assert.match(
		of({ loadBalancer: { simple: "RANDOM", consistentHash: { useSourceIp: true } } }),
		/must have one of simple and consistentHash/,
	);
	assert.match(of({ loadBalancer: { simple: "RANDON" } }), /did you mean 'RANDOM'/);
	assert.match(of({ connectionPool: { tcp: { connectTimeout: "0s" } } }), /is not a duration of at least 1ms/);
	assert.match(of({ outlierDetection: { maxEjectionPercent: 101 } }), /from 0 to 100/);
	assert.match(of({ tls: { mode: "MUTUAL" } }), /clientCertificate: is required with MUTUAL/);
	assert.match(
		of({ loadBalancer: { localityLbSetting: { distribute: [{ from: "a", to: { b: 50 } }] } } }),
		/shares of 50 together: they must be 100/,
	);
});

test("a DestinationRule needs a host that is a name, and subsets by different names", () => {
	const of = (spec: object): string => readSpec("DestinationRule", spec).problems[0]!;
	assert.match(of({}), /spec\.host: is required/);
	assert.match(of({ host: "a.*.svc" }), /is not a DNS name/);
	assert.match(of({ host: "a", subsets: [{ name: "v1" }, { name: "v1" }] }), /subsets\[1\]\.name: 'v1' is there twice/);
});
