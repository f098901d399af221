import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
	createAssignment,
	createClusterConfig,
	createEndpoint,
	createLocality,
	createOutlierConfig,
} from "../../../test/support/cluster-config.ts";
import { addressesOf, createClusterDeps, reach } from "../../../test/support/cluster-deps.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { silentLog, systemClock } from "../../core/index.ts";
import { createFileWatcher } from "../file-watcher/index.ts";
import type { ClusterConfig, EndpointConfig, HealthCheckConfig, UpstreamTlsConfig } from "../runtime-config/index.ts";
import { createSecretStore } from "../secret/index.ts";
import { type Cluster, createCluster, describeHealthFlags } from "./index.ts";

type HttpCheck = Extract<HealthCheckConfig["checker"], { kind: "http" }>;

const http: HttpCheck = {
	kind: "http",
	host: "",
	path: "/healthz",
	method: "GET",
	http2: false,
	expectedStatuses: [{ start: 200, end: 201 }],
	retriableStatuses: [],
	headersToAdd: [],
	send: new Uint8Array(0),
	headersToRemove: [],
	serviceName: undefined,
	receive: [],
};

function addition(name: string, text: string): HttpCheck["headersToAdd"][number] {
	return { name, value: { literal: text, format: () => text }, action: "append", keepEmptyValue: false };
}

function healthCheck(options: Partial<HealthCheckConfig> = {}): HealthCheckConfig {
	return {
		events: { paths: [], everyFailure: false, everySuccess: false },
		timeoutMs: 500,
		intervalMs: 1000,
		initialJitterMs: 0,
		intervalJitterMs: 0,
		intervalJitterPercent: 0,
		unhealthyThreshold: 2,
		healthyThreshold: 2,
		name: "",
		reuseConnection: true,
		noTrafficIntervalMs: 1000,
		noTrafficHealthyIntervalMs: 1000,
		unhealthyIntervalMs: 1000,
		unhealthyEdgeIntervalMs: 1000,
		healthyEdgeIntervalMs: 1000,
		transportSocketMatchCriteria: undefined,
		alpnProtocols: [],
		checker: http,
		...options,
	};
}

/** Listens on a free port until the test ends. */
async function listen(t: TestContext, server: Server): Promise<number> {
	const sockets = new Set<Socket>();
	server.on("connection", (socket: Socket) => {
		sockets.add(socket);
		socket.on("error", () => socket.destroy());
	});
	t.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	assert.ok(typeof address === "object" && address !== null);
	return address.port;
}

function start(t: TestContext, check: HealthCheckConfig, options: Partial<ClusterConfig> = {}) {
	const { deps, ...rest } = createClusterDeps();
	const cluster = createCluster(createClusterConfig({ healthChecks: [check], ...options }), deps);
	t.after(() => cluster.close());
	const update = (...endpoints: EndpointConfig[]): void =>
		cluster.updateAssignment(createAssignment([createLocality(endpoints)]));
	return { cluster, update, ...rest };
}

function warm(cluster: Cluster): Promise<void> {
	return new Promise((resolve) => cluster.onWarm(resolve));
}

/** Turns the clock until the counter has moved on to `count`. */
async function checksOf(counter: (name: string) => number | undefined, count: number): Promise<void> {
	await eventually(() => {
		const done =
			(counter("cluster.backend.health_check.success") ?? 0) + (counter("cluster.backend.health_check.failure") ?? 0);
		assert.equal(done, count);
	});
}

test("hosts get requests after their first check passed, and the cluster is warm when each was checked", async (t) => {
	const seen: string[] = [];
	const port = await listen(
		t,
		createServer((request, response) => {
			seen.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers["user-agent"]}`);
			response.end();
		}),
	);
	const closed = await listen(
		t,
		createTcpServer((socket) => socket.destroy()),
	);
	const { cluster, update, gauge, counter } = start(t, healthCheck());
	update(createEndpoint(port), createEndpoint(closed));
	assert.equal(cluster.isWarm, false);
	assert.deepEqual(describeHealthFlags(cluster.hosts[0]!.healthFlags), ["failed_active_hc"]);
	await warm(cluster);
	assert.deepEqual(seen, ["GET /healthz backend Envoy/HC"]);
	assert.deepEqual(
		cluster.hosts.map((host) => host.health),
		["healthy", "unhealthy"],
	);
	assert.equal(gauge("cluster.backend.health_check.healthy"), 1);
	assert.equal(gauge("cluster.backend.membership_healthy"), 1);
	assert.equal(counter("cluster.backend.health_check.attempt"), 2);
	assert.equal(counter("cluster.backend.health_check.network_failure"), 1);
});

test("what an answer says decides: expected and retriable statuses, payload, degraded", async (t) => {
	const table: [Partial<HttpCheck>, RequestListener, flags: string[]][] = [
		[{}, (_request, response) => response.writeHead(204).end(), ["failed_active_hc"]],
		[{ expectedStatuses: [{ start: 200, end: 300 }] }, (_request, response) => response.writeHead(204).end(), []],
		[{}, (_request, response) => response.writeHead(503).end(), ["failed_active_hc"]],
		[{}, (_request, response) => response.setHeader("x-envoy-degraded", "true").end(), ["degraded_active_hc"]],
		[{ receive: [Buffer.from("re"), Buffer.from("dy")] }, (_request, response) => response.end("ready"), []],
		[
			{ receive: [Buffer.from("dy"), Buffer.from("re")] },
			(_request, response) => response.end("ready"),
			["failed_active_hc"],
		],
		[
			{ serviceName: { kind: "prefix", value: "back", ignoreCase: false } },
			(_request, response) => response.setHeader("x-envoy-upstream-healthchecked-cluster", "backend-1").end(),
			[],
		],
		[
			{ serviceName: { kind: "prefix", value: "back", ignoreCase: false } },
			(_request, response) => response.setHeader("x-envoy-upstream-healthchecked-cluster", "front").end(),
			["failed_active_hc"],
		],
		[
			{ host: "probe.test", method: "HEAD", headersToAdd: [addition("x-check", "1")] },
			(request, response) => {
				const { host, "x-check": check } = request.headers;
				response.writeHead(host === "probe.test" && check === "1" && request.method === "HEAD" ? 200 : 500).end();
			},
			[],
		],
	];
	for (const [options, listener, flags] of table) {
		const port = await listen(t, createServer(listener));
		const { cluster, update } = start(t, healthCheck({ checker: { ...http, ...options } }));
		update(createEndpoint(port));
		await warm(cluster);
		assert.deepEqual(describeHealthFlags(cluster.hosts[0]!.healthFlags), flags, JSON.stringify(options));
		cluster.close();
	}
});

test("thresholds hold back changes, over one connection", async (t) => {
	let status = 200;
	let connections = 0;
	const server = createServer((_request, response) => response.writeHead(status).end());
	server.on("connection", () => connections++);
	const port = await listen(t, server);
	const retriable = healthCheck({ checker: { ...http, retriableStatuses: [{ start: 500, end: 600 }] } });
	const { cluster, update, clock, counter } = start(t, retriable);
	update(createEndpoint(port));
	await warm(cluster);
	const [host] = cluster.hosts;
	const steps: [status: number, health: string][] = [
		[500, "healthy"],
		[500, "unhealthy"],
		[200, "unhealthy"],
		[200, "healthy"],
		[404, "unhealthy"],
	];
	for (const [index, [next, health]] of steps.entries()) {
		status = next;
		clock.advance(1000);
		await checksOf(counter, index + 2);
		assert.equal(host!.health, health, `step ${index}`);
	}
	assert.equal(connections, 1);
});

test("a check that gets no answer times out", async (t) => {
	const port = await listen(
		t,
		createServer(() => undefined),
	);
	const { cluster, update, clock } = start(t, healthCheck());
	update(createEndpoint(port));
	clock.advance(499);
	assert.equal(cluster.isWarm, false);
	clock.advance(1);
	assert.equal(cluster.isWarm, true);
	assert.deepEqual(describeHealthFlags(cluster.hosts[0]!.healthFlags), ["failed_active_hc", "active_hc_timeout"]);
});

test("a TCP check connects, or sends and looks for bytes in order", async (t) => {
	const port = await listen(
		t,
		createTcpServer((socket) => socket.on("data", (bytes) => socket.write(`got ${bytes} thanks`))),
	);
	const table: [send: string, receive: string[], health: string][] = [
		["", [], "healthy"],
		["ping", ["ping", "thanks"], "healthy"],
		["ping", ["thanks", "ping"], "unhealthy"],
	];
	for (const [send, receive, health] of table) {
		const checker = {
			kind: "tcp",
			proxyHeader: undefined,
			send: Buffer.from(send),
			receive: receive.map((one) => Buffer.from(one)),
		} as const;
		const { cluster, update, clock, counter } = start(t, healthCheck({ checker }));
		update(createEndpoint(port));
		if (health === "healthy") await warm(cluster);
		else clock.advance(500);
		assert.equal(cluster.hosts[0]!.health, health, `${send} ${receive.join()}`);
		assert.equal(counter("cluster.backend.health_check.attempt"), 1);
		cluster.close();
	}
});

test("checks go over HTTP/2 and gRPC as well", async (t) => {
	const server = createHttp2Server();
	server.on("stream", (stream: ServerHttp2Stream, headers) => {
		const body: Buffer[] = [];
		stream.on("data", (bytes: Buffer) => body.push(bytes));
		stream.on("end", () => {
			if (headers[":path"] === "/healthz") {
				stream.respond({ ":status": headers[":authority"] === "backend" ? 200 : 500 });
				stream.end();
				return;
			}
			const isAsked = Buffer.concat(body).subarray(7).toString() === "reviews";
			stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
			stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
			stream.end(Buffer.from([0, 0, 0, 0, 2, 8, isAsked ? 1 : 2]));
		});
	});
	const port = await listen(t, server as unknown as Server);
	const table: [HealthCheckConfig["checker"], string][] = [
		[{ ...http, http2: true }, "healthy"],
		[{ ...http, http2: true, host: "other" }, "unhealthy"],
		[{ kind: "grpc", serviceName: "reviews", authority: "", headersToAdd: [] }, "healthy"],
		[{ kind: "grpc", serviceName: "ratings", authority: "", headersToAdd: [] }, "unhealthy"],
	];
	for (const [checker, health] of table) {
		const { cluster, update } = start(t, healthCheck({ checker }));
		update(createEndpoint(port));
		await warm(cluster);
		assert.equal(cluster.hosts[0]!.health, health, JSON.stringify(checker));
		cluster.close();
	}
});

test("checks go over the endpoint's transport socket, to its health check port", async (t) => {
	const pki = createTestPki();
	const certificate = pki.issue(pki.idOf("reviews"));
	const server = createHttpsServer(
		{ cert: certificate.certificateChainPem, key: certificate.privateKeyPem },
		(_request, response) => response.end(),
	);
	const port = await listen(t, server as unknown as Server);
	const tls: UpstreamTlsConfig = {
		minimumVersion: undefined,
		maximumVersion: undefined,
		cipherSuites: [],
		ecdhCurves: [],
		signatureAlgorithms: [],
		ticketKeys: { kind: "none" },
		certificates: [],
		validation: { kind: "none" },
		alpnProtocols: [],
		sni: "",
		autoHostSni: false,
		certifiesServerName: false,
		autoSniSanValidation: false,
		allowRenegotiation: false,
		maxSessionKeys: 1,
	};
	const files = createFileWatcher({ clock: systemClock, log: silentLog });
	const secrets = createSecretStore({ files, log: silentLog, environment: {} });
	t.after(() => {
		secrets.close();
		files.close();
	});
	const { deps, counter } = createClusterDeps();
	const config = createClusterConfig({ healthChecks: [healthCheck()], transportSocket: { kind: "tls", tls } });
	const cluster = createCluster(config, { ...deps, secrets });
	t.after(() => cluster.close());
	cluster.updateAssignment(createAssignment([createLocality([createEndpoint(1, { healthCheckPort: port })])]));
	await warm(cluster);
	assert.equal(cluster.hosts[0]!.health, "healthy");
	assert.equal(counter("cluster.backend.ssl.handshake"), 1);
});

test("a host that passes its checks outlives its assignment until it fails one", async (t) => {
	let status = 200;
	const port = await listen(
		t,
		createServer((_request, response) => response.writeHead(status).end()),
	);
	const { cluster, update, clock, gauge } = start(t, healthCheck());
	update(createEndpoint(port));
	await warm(cluster);
	const [host] = cluster.hosts;
	update();
	assert.deepEqual(describeHealthFlags(host!.healthFlags), ["pending_dynamic_removal"]);
	assert.deepEqual(reach(cluster), [host!.address]);
	update(createEndpoint(port));
	assert.deepEqual(describeHealthFlags(host!.healthFlags), []);
	update();
	const removed: string[] = [];
	cluster.onHostsChanged((_added, gone) => removed.push(...addressesOf(gone)));
	status = 503;
	clock.advance(1000);
	await eventually(() => assert.deepEqual(removed, [host!.address]));
	assert.equal(host!.removed, true);
	assert.deepEqual(reach(cluster), ["none"]);
	assert.equal(gauge("cluster.backend.health_check.healthy"), 0);
	assert.equal(clock.pending, 0);
});

test("hosts may be left out of checks, and of counts until their first one", async (t) => {
	const port = await listen(
		t,
		createServer(() => undefined),
	);
	const common = createClusterConfig().commonBalancer;
	const { cluster, update, gauge } = start(t, healthCheck(), {
		commonBalancer: { ...common, ignoreNewHostsUntilFirstHealthCheck: true },
	});
	update(createEndpoint(1, { healthCheckDisabled: true }), createEndpoint(port));
	assert.deepEqual(
		cluster.hosts.map((host) => describeHealthFlags(host.healthFlags)),
		[[], ["failed_active_hc", "pending_active_hc"]],
	);
	assert.equal(gauge("cluster.backend.membership_excluded"), 1);
	// One of one counted host is healthy: no panic.
	assert.deepEqual(reach(cluster), ["127.0.0.1:1"]);
});

test("a passed check takes back a host that outlier detection threw out", async (t) => {
	const port = await listen(
		t,
		createServer((_request, response) => response.end()),
	);
	const { cluster, update, clock, counter } = start(t, healthCheck(), {
		outlierDetection: createOutlierConfig({ consecutive5xx: 1 }),
	});
	update(createEndpoint(port));
	await warm(cluster);
	const [host] = cluster.hosts;
	cluster.reportResponse(host!, 500);
	assert.equal(host!.health, "unhealthy");
	clock.advance(1000);
	await checksOf(counter, 2);
	assert.equal(host!.health, "healthy");
});
