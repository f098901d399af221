/** The configuration followed into the proxy's own translation and clusters, from a bootstrap file's text on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRecordingTargets } from "../../../test/support/config-targets.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { startManagementServer } from "../../../test/support/management-server.ts";
import {
	makeAdsBootstrap,
	makeAssignment,
	makeCluster,
	makeListener,
	makeRoutes,
} from "../../../test/support/xds-resources.ts";
import { createSeededRandom, silentLog, systemClock } from "../../core/index.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import { clusterType, endpointType, listenerType, routeType } from "../../xds/client/index.ts";
import { parseBootstrap } from "../bootstrap/index.ts";
import { createClusterManager } from "../cluster/index.ts";
import { createFileWatcher } from "../file-watcher/index.ts";
import {
	translateAssignment,
	translateBootstrap,
	translateCluster,
	translateExtension,
	translateListener,
	translateRouteConfiguration,
	translateRouteScope,
	translateSecret,
} from "../runtime-config/index.ts";
import { createSecretStore } from "../secret/index.ts";
import { createConfigSource } from "./config-source.ts";

test("clusters, endpoints, listeners and routes of a server reach the proxy's own clusters, faults are told with their paths", async (t) => {
	const management = await startManagementServer(t, {
		clusters: [makeCluster("a"), makeCluster("bad", { lb_policy: "CLUSTER_PROVIDED" })],
		assignments: [makeAssignment("a", [1, 2])],
		listeners: [makeListener("entry", "routes")],
		routes: [makeRoutes("routes", "a")],
	});
	const parsed = parseBootstrap(JSON.stringify(makeAdsBootstrap(management.port, true)));
	assert.ok(parsed.ok);
	const bootstrap = translateBootstrap(parsed.value);
	assert.ok(bootstrap.ok, JSON.stringify(bootstrap));
	const deps = { clock: systemClock, random: createSeededRandom(1), log: silentLog };
	const files = createFileWatcher(deps);
	const secrets = createSecretStore({ ...deps, files, environment: {} });
	const stats = createMetricsRegistry().root;
	const clusters = createClusterManager({ ...deps, stats, secrets });
	const recording = createRecordingTargets();
	const source = createConfigSource({
		...deps,
		bootstrap: bootstrap.value,
		translators: {
			listener: translateListener,
			routes: translateRouteConfiguration,
			cluster: translateCluster,
			assignment: translateAssignment,
			extension: translateExtension,
			scope: translateRouteScope,
			secret: translateSecret,
			rules: () => [],
		},
		unknownFields: { refuse: false, onIgnored: () => undefined },
		targets: { ...recording, clusters, assignments: clusters },
		secrets,
		files,
		stats,
		version: "test",
	});
	t.after(() => {
		source.close();
		clusters.close();
		secrets.close();
		files.close();
	});
	await source.start();
	assert.deepEqual(recording.events, ["routes routes", "listener entry"]);
	const portsOf = (name: string) =>
		clusters.get(name)?.hosts.map(({ endpoint }) => (endpoint.kind === "socket" ? endpoint.port : 0));
	assert.deepEqual(portsOf("a"), [1, 2]);
	await eventually(() => assert.match(management.status(clusterType)?.reason ?? "", /^bad: lb_policy/));
	management.set({ clusters: [makeCluster("a")], assignments: [makeAssignment("a", [2, 3])] });
	await eventually(() => {
		assert.deepEqual(portsOf("a"), [2, 3]);
		for (const type of [clusterType, endpointType, listenerType, routeType]) {
			assert.equal(management.status(type)?.state, "SYNCED", type);
		}
	});
});
