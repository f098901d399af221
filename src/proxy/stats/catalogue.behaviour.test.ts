import assert from "node:assert/strict";
import { test } from "node:test";
import { createExampleBootstrap } from "../../../test/support/envoy-example.ts";
import { sendRequest } from "../../../test/support/http-call.ts";
import { findEnvoy, skipWithout } from "../../../test/support/peers.ts";
import { startEnvoy } from "../../../test/support/running-envoy.ts";
import { createMetricsRegistry, type MetricsRegistry } from "../../telemetry/index.ts";
import {
	createClusterManagerStats,
	createClusterStats,
	createCorsStats,
	createDownstreamHttpStats,
	createFaultStats,
	createFilesystemStats,
	createHealthCheckStats,
	createHttp1CodecStats,
	createHttpConnectionManagerStats,
	createListenerHttpStats,
	createListenerManagerStats,
	createListenerStats,
	createOutlierDetectionStats,
	createRbacStats,
	createRemainingStats,
	createRuntimeStats,
	createServerStats,
	createTcpProxyStats,
	createTlsInspectorStats,
	createTlsStats,
	createVirtualClusterStats,
	createWatchdogStats,
} from "./index.ts";

const skip = skipWithout("envoy", findEnvoy());

/** What Envoy shows and we have nothing to count for: its overload manager, its HTTP client, threads, c-ares, the admin listener. */
const absent =
	/^(envoy\.overload|overload\.|http\.async-client\.|thread_local_cluster_manager\.|dns\.|listener\.admin\.|server\.worker_|server\.main_thread)/;

/** Statistics of our own. */
const extra = new Set(["filesystem.write_dropped"]);

/** Makes what the parts of a proxy make when it runs the example. */
function runExample(registry: MetricsRegistry): void {
	const { root } = registry;
	createServerStats(root.scope("server"));
	createRuntimeStats(root.scope("runtime"));
	createListenerManagerStats(root.scope("listener_manager"));
	createClusterManagerStats(root.scope("cluster_manager"));
	createFilesystemStats(root.scope("filesystem"));
	createWatchdogStats(root.scope("main_thread"));
	createWatchdogStats(root.scope("workers"));
	createTlsInspectorStats(root.scope("tls_inspector"));
	createHttp1CodecStats(root.scope("http1"));
	createDownstreamHttpStats(root.scope("http.admin"));
	const web = createListenerStats(root, "web");
	createListenerStats(root, "raw");
	createListenerHttpStats(web.scope.scope("http.in"));
	const http = createHttpConnectionManagerStats(root, "in");
	createRbacStats(http.scope.scope("rbac"));
	createFaultStats(http.scope.scope("fault"));
	createCorsStats(http.scope.scope("cors"));
	createTcpProxyStats(root, "tp");
	createRbacStats(root.scope("gate.rbac"));
	const direct = [200, 201, 503];
	const backend = createClusterStats(root, "backend");
	createHttp1CodecStats(backend.scope.scope("http1"));
	createOutlierDetectionStats(backend.scope.scope("outlier_detection"));
	createRemainingStats(backend.scope.scope("circuit_breakers.default"));
	for (const responses of [backend.responses.all, backend.responses.external]) responses.count(direct[2]!);
	createClusterStats(root, "outbound|80|v1|reviews.shop.svc.cluster.local;");
	const secure = createClusterStats(root, "secure");
	createTlsStats(secure.scope, "client");
	createHealthCheckStats(secure.scope.scope("health_check"));
	for (const part of ["vcluster.vc", "vcluster.other", "route.part"]) {
		createVirtualClusterStats(root.scope(`vhost.v.${part}`)).responses.count(503);
	}
}

test("our catalogue has every name that a stock Envoy shows, of the same kind, and no other", { skip }, async (t) => {
	const envoy = await startEnvoy(t, createExampleBootstrap());
	const web = await envoy.portOf("web");
	for (const path of ["/", "/vc", "/part", "/direct"]) await sendRequest({ port: web, path });
	const registry = createMetricsRegistry();
	runExample(registry);
	const read = async (type: string): Promise<string[]> =>
		(await envoy.admin(`/stats?type=${type}`))
			.split("\n")
			.map((line) => line.slice(0, line.indexOf(": ")))
			.filter((name) => name !== "" && !absent.test(name))
			.sort();
	const ours = (metrics: readonly { name: string }[]): string[] =>
		metrics
			.map(({ name }) => name)
			.filter((name) => !absent.test(name) && !extra.has(name))
			.sort();
	for (const [type, metrics] of [
		["Counters", registry.counters()],
		["Gauges", registry.gauges()],
		["Histograms", registry.histograms()],
	] as const) {
		const [own, envoys] = [ours(metrics), await read(type)];
		const missing = envoys.filter((name) => !own.includes(name));
		assert.deepEqual(
			{ missing, extra: own.filter((name) => !envoys.includes(name)) },
			{ missing: [], extra: [] },
			type,
		);
	}
});

test("answers of a code appear with the first one, whatever the upstream sends", () => {
	const registry = createMetricsRegistry();
	const { responses } = createClusterStats(registry.root, "a");
	responses.all.count(204);
	responses.all.count(204);
	responses.all.count(799);
	responses.all.count(5);
	responses.all.count(1_000_000);
	responses.external.recordTime(12);
	const shown = registry
		.counters()
		.filter(({ name, value }) => value > 0 || /_\d/.test(name))
		.map(({ name, value }) => `${name}=${value}`);
	assert.deepEqual(
		shown.filter((line) => line.startsWith("cluster.a.upstream_rq_")),
		[
			"cluster.a.upstream_rq_0rtt=0",
			"cluster.a.upstream_rq_204=2",
			"cluster.a.upstream_rq_2xx=2",
			"cluster.a.upstream_rq_799=1",
			"cluster.a.upstream_rq_completed=5",
		],
	);
	assert.equal(registry.histograms().find(({ name }) => name === "cluster.a.external.upstream_rq_time")?.count, 1);
});

test("closing a cluster's scope takes all its names away", () => {
	const registry = createMetricsRegistry();
	const stats = createClusterStats(registry.root, "a");
	createTlsStats(stats.scope, "client").recordHandshake({ cipher: "TLS_AES_128_GCM_SHA256", version: "TLSv1.3" });
	stats.responses.all.count(200);
	stats.scope.close();
	assert.deepEqual([...registry.counters(), ...registry.gauges(), ...registry.histograms()], []);
});
