import assert from "node:assert/strict";
import { test } from "node:test";
import { readSpec } from "../../../../test/support/config-document.ts";

test("a DestinationRule with everything becomes the model's", () => {
	const { value, problems } = readSpec("DestinationRule", {
		host: "ratings",
		exportTo: ["*"],
		trafficPolicy: {
			loadBalancer: { simple: "LEAST_CONN" },
			connectionPool: {
				tcp: { maxConnections: 10, connectTimeout: "1.5s" },
				http: { http1MaxPendingRequests: 0, http2MaxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4 },
			},
			outlierDetection: {
				consecutive5xxErrors: 0,
				consecutiveGatewayErrors: 2,
				interval: "1s",
				baseEjectionTime: "1m30s",
				maxEjectionPercent: 100,
				minHealthPercent: 0,
			},
			tls: { mode: "ISTIO_MUTUAL" },
		},
		subsets: [
			{ name: "v1", labels: { version: "v1" }, trafficPolicy: { loadBalancer: { simple: "UNSPECIFIED" } } },
			{ name: "all" },
		],
	});
	assert.deepEqual(problems, []);
	assert.deepEqual(value?.trafficPolicy, {
		loadBalancer: "LEAST_REQUEST",
		connectionPool: {
			maxConnections: 10,
			connectTimeoutMs: 1500,
			http1MaxPendingRequests: 0,
			http2MaxRequests: 2,
			maxRequestsPerConnection: 3,
			maxRetries: 4,
		},
		outlierDetection: {
			consecutive5xxErrors: 0,
			consecutiveGatewayErrors: 2,
			intervalMs: 1000,
			baseEjectionTimeMs: 90_000,
			maxEjectionPercent: 100,
			minHealthPercent: 0,
		},
		tlsMode: "ISTIO_MUTUAL",
	});
	assert.deepEqual(value?.subsets, [
		{ name: "v1", labels: { version: "v1" }, trafficPolicy: {} },
		{ name: "all", labels: {} },
	]);
});

test("what a DestinationRule could only ignore is refused with the reason", () => {
	const of = (trafficPolicy: object): string => readSpec("DestinationRule", { host: "a", trafficPolicy }).problems[0]!;
	assert.match(of({ loadBalancer: { consistentHash: {} } }), /consistentHash: is not supported: use simple/);
	assert.match(of({ loadBalancer: { simple: "PASSTHROUGH" } }), /'PASSTHROUGH' is not supported/);
	assert.match(of({ loadBalancer: { simple: "RANDON" } }), /did you mean 'RANDOM'/);
	assert.match(of({ connectionPool: { tcp: { connectTimeout: "0s" } } }), /is not a duration of at least 1ms/);
	assert.match(of({ connectionPool: { http: { idleTimeout: "1s" } } }), /idleTimeout: is not supported/);
	assert.match(of({ outlierDetection: { consecutiveErrors: 1 } }), /old name of consecutiveGatewayErrors/);
	assert.match(of({ outlierDetection: { maxEjectionPercent: 101 } }), /from 0 to 100/);
	assert.match(of({ tls: { mode: "SIMPLE" } }), /'SIMPLE' is not supported/);
	assert.match(of({ portLevelSettings: [] }), /portLevelSettings: is not supported/);
});

test("a DestinationRule needs a host that is a name, and subsets by different names", () => {
	const of = (spec: object): string => readSpec("DestinationRule", spec).problems[0]!;
	assert.match(of({}), /spec\.host: is required/);
	assert.match(of({ host: "*.shop.svc" }), /is not the name of a service/);
	assert.match(of({ host: "a", subsets: [{ name: "v1" }, { name: "v1" }] }), /subsets\[1\]\.name: 'v1' is there twice/);
	assert.match(of({ host: "a", exportTo: ["."] }), /'\.' is not supported/);
});
