import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createAdminCluster, createFakeAdminState } from "../../../test/support/admin-state.ts";
import { createExampleBootstrap } from "../../../test/support/envoy-example.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { type HttpAnswer, sendRequest } from "../../../test/support/http-call.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { typeUrlOf } from "../../api/index.ts";
import { createAdmin } from "./index.ts";

async function start(t: TestContext, bootstrap = createExampleBootstrap()) {
	const state = createFakeAdminState(bootstrap);
	const clock = createFakeClock();
	const admin = createAdmin({ state, clock, address: { kind: "socket", address: "127.0.0.1", port: 0 } });
	t.after(() => admin.close());
	const address = await admin.start();
	assert.ok(address.kind === "socket");
	const { port } = address;
	const call = (request: string, body?: string): Promise<HttpAnswer> => {
		const [method, path] = request.split(" ") as [string, string];
		const form = { "content-type": "application/x-www-form-urlencoded" };
		return sendRequest({ port, method, path, ...(body === undefined ? {} : { body, headers: form }) });
	};
	return { state, clock, call, port };
}

test("the proxy is ready only while it serves", async (t) => {
	const { state, call } = await start(t);
	for (const readiness of ["PRE_INITIALIZING", "INITIALIZING", "DRAINING"] as const) {
		state.ready = readiness;
		const { status, body } = await call("GET /ready");
		assert.deepEqual([status, body], [503, `${readiness}\n`]);
	}
	state.ready = "LIVE";
	assert.equal((await call("GET /ready")).status, 200);
});

test("what changes something needs POST, and then reaches the proxy", async (t) => {
	const { state, call } = await start(t);
	const paths = [
		"healthcheck/fail",
		"healthcheck/ok",
		"drain_listeners?graceful&inboundonly",
		"reopen_logs",
		"quitquitquit",
	];
	for (const path of paths) assert.equal((await call(`GET /${path}`)).status, 405, path);
	assert.deepEqual(state.calls, []);
	for (const path of paths) assert.equal((await call(`POST /${path}`)).body, "OK\n");
	assert.deepEqual(state.calls, [
		"health check failing: true",
		"health check failing: false",
		'drain {"graceful":true,"inboundOnly":true,"skipExit":false}',
		"reopen logs",
		"quit",
	]);
});

test("the log level is shown and changed, by Envoy's names", async (t) => {
	const { state, call } = await start(t);
	assert.match((await call("POST /logging")).body, /^active loggers:\n {2}a2a: info\n {2}admin: info\n/);
	assert.match((await call("POST /logging?level=warning")).body, /^active loggers:\n {2}a2a: warning\n/);
	assert.equal(state.log.level, "warn");
	assert.match((await call("POST /logging?http=debug")).body, / {2}http: debug\n {2}http2: warning\n/);
	assert.equal((await call("POST /logging?paths=router:info,pool:info")).status, 200);
	assert.equal(state.log.level, "debug");
	for (const bad of ["level=loud", "nobody=debug", "level=info&http=info", "paths=http", "group=http:info"]) {
		const { status, body } = await call(`POST /logging?${bad}`);
		assert.equal(status, 400);
		assert.match(body, /^error: .*\n\nusage: \/logging/);
	}
	assert.equal(state.log.level, "debug");
});

test("runtime values are set from a query or a posted form", async (t) => {
	const { state, call } = await start(t);
	await call("POST /runtime_modify", "c.d=2&e=3");
	assert.deepEqual(
		[...state.runtimeChanges],
		[
			["c.d", "2"],
			["e", "3"],
		],
	);
	const runtime = JSON.parse((await call("GET /runtime")).body) as { entries: Record<string, unknown> };
	assert.deepEqual(runtime.entries["c.d"], { final_value: "2", layer_values: ["", "2"] });
	assert.equal((await call("POST /runtime_modify", `a=${"x".repeat(100_000)}`)).status, 413);
	state.runtime = () => ({ layers: [], modify: undefined });
	assert.equal((await call("POST /runtime_modify?a=b")).status, 503);
});

test("statistics come out as text, JSON and for Prometheus, filtered as asked", async (t) => {
	const { state, call } = await start(t);
	state.registry.scope("cluster.backend").counter("upstream_rq_total").value = 3;
	state.registry.scope("cluster.backend").counter("upstream_rq_retry");
	assert.equal((await call("GET /stats?filter=backend&usedonly")).body, "cluster.backend.upstream_rq_total: 3\n");
	const inverted = await call("GET /stats?filter=(admin|rq_retry)&invert_filter&format=json&type=Counters");
	assert.deepEqual(JSON.parse(inverted.body), { stats: [{ name: "cluster.backend.upstream_rq_total", value: 3 }] });
	for (const path of ["/stats/prometheus?filter=upstream", "/stats?format=prometheus&filter=upstream"]) {
		assert.equal(
			(await call(`GET ${path}`)).body,
			'# TYPE envoy_cluster_upstream_rq_retry counter\nenvoy_cluster_upstream_rq_retry{envoy_cluster_name="backend"} 0\n' +
				'# TYPE envoy_cluster_upstream_rq_total counter\nenvoy_cluster_upstream_rq_total{envoy_cluster_name="backend"} 3\n',
		);
	}
	await call("POST /reset_counters");
	assert.equal((await call("GET /stats?filter=upstream_rq_total")).body, "cluster.backend.upstream_rq_total: 0\n");
});

test("the interval of histograms ends every five seconds", async (t) => {
	const { state, clock, call } = await start(t);
	state.registry.root.histogram("h").record(5);
	assert.equal((await call("GET /stats?filter=^h$")).body, "h: No recorded values\n");
	clock.advance(5_000);
	assert.match((await call("GET /stats?filter=^h$")).body, /^h: P0\(5\.05,5\.05\)/);
	clock.advance(5_000);
	assert.match((await call("GET /stats?filter=^h$")).body, /^h: P0\(nan,5\.05\)/);
});

test("no secret is in the config dump, wherever it stands", async (t) => {
	const base = createExampleBootstrap();
	const secret = {
		name: "inline",
		tls_certificate: {
			certificate_chain: { inline_string: "public chain" },
			private_key: { inline_string: "PRIVATE 1" },
			password: { inline_string: "PRIVATE 2" },
		},
	};
	const ticketKeys = { name: "tickets", session_ticket_keys: { keys: [{ inline_string: "PRIVATE 3" }] } };
	const generic = { name: "generic", generic_secret: { secret: { inline_string: "PRIVATE 4" } } };
	const resources = base["static_resources"] as object;
	const { state, call } = await start(t, {
		...base,
		static_resources: { ...resources, secrets: [secret, ticketKeys, generic] },
	});
	const key = { inlineBytes: new TextEncoder().encode("PRIVATE 5") };
	const value = toBinary(
		SecretSchema,
		create(SecretSchema, {
			name: "sds",
			type: {
				case: "tlsCertificate",
				value: { privateKey: { specifier: { case: "inlineBytes", value: key.inlineBytes } } },
			},
		}),
	);
	const resource = {
		typeUrl: typeUrlOf(SecretSchema),
		name: "sds",
		version: "7",
		value,
		origin: "server",
		updatedAt: 0,
	};
	state.config = { ...state.config, accepted: () => [resource] };
	const { body } = await call("GET /config_dump?include_eds");
	assert.doesNotMatch(body, /PRIVATE/);
	assert.doesNotMatch(body, new RegExp(Buffer.from("PRIVATE 5").toString("base64")));
	assert.match(body, /public chain/);
	assert.match(body, /"inline_string": "\[redacted\]"/);
	assert.match(body, /"inline_bytes": "W3JlZGFjdGVkXQ=="/);
	assert.match(body, /"version_info": "7"/);
});

test("dynamic listeners are shown active, warming and refused", async (t) => {
	const { state, call } = await start(t);
	const typeUrl = typeUrlOf(ListenerSchema);
	const listener = (name: string, updatedAt: number) => ({
		typeUrl,
		name,
		version: `v${updatedAt}`,
		value: toBinary(ListenerSchema, create(ListenerSchema, { name })),
		origin: "server",
		updatedAt,
	});
	state.config = {
		...state.config,
		accepted: () => [listener("b", 2), listener("a", 1)],
		refused: () => [{ typeUrl, name: "b", version: "v3", problem: "no such field", updatedAt: 3, value: undefined }],
		isWarming: (_, name) => name === "a",
	};
	const { configs } = JSON.parse((await call("GET /config_dump?resource=dynamic_listeners")).body) as {
		configs: unknown[];
	};
	const shown = (name: string, updatedAt: number) => ({
		version_info: `v${updatedAt}`,
		listener: { "@type": typeUrl, name },
		last_updated: new Date(updatedAt).toISOString(),
	});
	assert.deepEqual(configs, [
		{
			"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump.DynamicListener",
			name: "a",
			warming_state: shown("a", 1),
		},
		{
			"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump.DynamicListener",
			name: "b",
			active_state: shown("b", 2),
			error_state: { last_update_attempt: "1970-01-01T00:00:00.003Z", details: "no such field" },
		},
	]);
});

test("hosts that are not healthy say why", async (t) => {
	const { state, call } = await start(t);
	state.shownClusters = [
		createAdminCluster("c", {
			healthFlags: ["failed_active_hc", "failed_eds_health"],
			edsHealth: "UNHEALTHY",
			priority: 1,
		}),
	];
	assert.match(
		(await call("GET /clusters")).body,
		/^c::127\.0\.0\.1:1::health_flags::\/failed_active_hc\/failed_eds_health$/m,
	);
	const { cluster_statuses } = JSON.parse((await call("GET /clusters?format=json")).body) as {
		cluster_statuses: { host_statuses: { health_status: unknown; priority: number }[] }[];
	};
	const [host] = cluster_statuses[0]!.host_statuses;
	assert.deepEqual(
		[host!.health_status, host!.priority],
		[{ failed_active_health_check: true, eds_health_status: "UNHEALTHY" }, 1],
	);
});

test("certificates are described without their keys", async (t) => {
	const { state, call } = await start(t);
	const pki = createTestPki();
	const certificate = pki.issue(pki.idOf("web"), { dnsNames: ["web", "*.shop"] });
	state.certificates = () => [
		{
			caCertificates: [{ path: "<inline>", pem: certificate.bundlePem }],
			chain: [{ path: "chain.pem", pem: certificate.certificatePem + certificate.privateKeyPem }],
		},
	];
	const { body } = await call("GET /certs");
	assert.doesNotMatch(body, /KEY/);
	const { certificates } = JSON.parse(body) as {
		certificates: [{ ca_cert: unknown[]; cert_chain: [Record<string, unknown>] }];
	};
	const [{ ca_cert, cert_chain }] = certificates;
	assert.equal(ca_cert.length, 1);
	const [leaf] = cert_chain;
	assert.equal(leaf["path"], "chain.pem");
	assert.match(String(leaf["serial_number"]), /^[0-9a-f]+$/);
	const byKind = (names: unknown): string[] => (names as object[]).map((name) => JSON.stringify(name)).sort();
	assert.deepEqual(
		byKind(leaf["subject_alt_names"]),
		byKind([{ uri: pki.idOf("web") }, { dns: "web" }, { dns: "*.shop" }]),
	);
	assert.match(String(leaf["valid_from"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
	assert.match(String(leaf["days_until_expiration"]), /^\d+$/);
});

test("a unix socket serves too", async (t) => {
	const path = join(makeTemporaryFolder(t), "admin.sock");
	const admin = createAdmin({
		state: createFakeAdminState(createExampleBootstrap()),
		clock: createFakeClock(),
		address: { kind: "pipe", path },
	});
	await admin.start();
	assert.ok(statSync(path).isSocket());
	await admin.close();
	assert.equal(existsSync(path), false);
});

test("a taken port is one clear sentence", async (t) => {
	const blocker = createServer();
	await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
	t.after(() => blocker.close());
	const { port } = blocker.address() as { port: number };
	const admin = createAdmin({
		state: createFakeAdminState(createExampleBootstrap()),
		clock: createFakeClock(),
		address: { kind: "socket", address: "127.0.0.1", port },
	});
	await assert.rejects(admin.start(), {
		code: "ADMIN_ADDRESS_UNAVAILABLE",
		message: new RegExp(`^admin port 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`),
	});
	await admin.close();
});

test("the home page links every command and lets forms post those that change something", async (t) => {
	const { call } = await start(t);
	const { body, headers } = await call("GET /");
	assert.equal(headers["content-type"], "text/html; charset=UTF-8");
	assert.match(body, /<a href='stats\/prometheus'>/);
	assert.match(body, /<form action='quitquitquit' method='post'>/);
});
