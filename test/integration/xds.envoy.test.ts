/** A stock Envoy under our xDS server: clusters, endpoints, listeners, routes, traffic through it, refusals, order. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { clusterType, endpointType, listenerType, routeType } from "../../src/xds/server/index.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { type ManagementServer, startManagementServer } from "../support/management-server.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { startEnvoy } from "../support/running-envoy.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { makeAdsBootstrap, makeAssignment, makeCluster, makeListener, makeRoutes } from "../support/xds-resources.ts";

const skip = skipWithout("envoy", findEnvoy());
const allTypes = [clusterType, endpointType, listenerType, routeType];

for (const delta of [true, false]) {
	const form = delta ? "delta" : "state of the world";

	test(`${form}: a stock Envoy serves what the server says, and what changes is followed`, { skip }, async (t) => {
		const one = await startBackend(t, "one");
		const two = await startBackend(t, "two");
		const management = await startManagementServer(t, {
			clusters: [makeCluster("a"), makeCluster("empty")],
			assignments: [makeAssignment("a", [one]), makeAssignment("empty", [])],
			listeners: [makeListener("entry", "routes")],
			routes: [makeRoutes("routes", "a")],
		});
		const envoy = await startEnvoy(t, makeAdsBootstrap(management.port, delta));
		const port = await envoy.portOf("entry");
		await eventually(async () => assert.equal((await sendRequest({ port, path: "/" })).body, "one"));
		await eventually(() => assertSynced(management, allTypes));

		// One assignment changes: one response, of one resource.
		const before = management.pushes.get("pilot_xds_pushes eds") ?? 0;
		management.set({ assignments: [makeAssignment("a", [two]), makeAssignment("empty", [])] });
		await eventually(async () => assert.equal((await sendRequest({ port, path: "/" })).body, "two"));
		await eventually(() => assertSynced(management, [endpointType]));
		assert.equal(management.pushes.get("pilot_xds_pushes eds"), before + 1);
		assert.equal(management.status(endpointType)?.resources, 2);

		// The cluster changes, its endpoints do not: it warms anew, the endpoints are sent again.
		management.set({ clusters: [makeCluster("a", { connect_timeout: "1s" }), makeCluster("empty")] });
		await eventually(() => assertSynced(management, allTypes));
		await eventually(async () => {
			assert.match(await envoy.admin("/stats?filter=warming"), /cluster_manager.warming_clusters: 0/);
			const dump = await envoy.admin("/config_dump?resource=dynamic_active_clusters&mask=cluster.connect_timeout");
			assert.match(dump, /"connect_timeout": "1s"/);
		});
		assert.equal((await sendRequest({ port, path: "/" })).body, "two");
	});

	test(`${form}: a bad resource is refused with Envoy's reason, and the good one goes on`, { skip }, async (t) => {
		const backend = await startBackend(t, "one");
		const management = await startManagementServer(t, {
			clusters: [makeCluster("a")],
			assignments: [makeAssignment("a", [backend])],
			listeners: [makeListener("entry", "routes")],
			routes: [makeRoutes("routes", "a")],
		});
		const envoy = await startEnvoy(t, makeAdsBootstrap(management.port, delta));
		const port = await envoy.portOf("entry");
		management.set({
			clusters: [makeCluster("a"), { name: "bad", type: "STRICT_DNS", connect_timeout: "-1s" }],
		});
		await eventually(() => {
			const status = management.status(clusterType);
			assert.equal(status?.state, "NACKED");
			assert.match(status?.reason ?? "", /bad|[Dd]uration/);
		});
		assert.equal((await sendRequest({ port, path: "/" })).status, 200);
		management.set({ clusters: [makeCluster("a", { connect_timeout: "2s" })] });
		await eventually(() => assertSynced(management, [clusterType]));
	});

	test(`${form}: routes move to new clusters and old ones go, back and forth, without a failed request`, {
		skip,
	}, async (t) => {
		const one = await startBackend(t, "one");
		const two = await startBackend(t, "two");
		const state = (name: string, backend: number) => ({
			clusters: [makeCluster(name)],
			assignments: [makeAssignment(name, [backend])],
			routes: [makeRoutes("routes", name)],
		});
		const management = await startManagementServer(t, {
			...state("blue", one),
			listeners: [makeListener("entry", "routes")],
		});
		const envoy = await startEnvoy(t, makeAdsBootstrap(management.port, delta));
		const port = await envoy.portOf("entry");
		const load = startSteadyLoad({ port, path: "/" }, { perSecond: 200, isExpected: ({ status }) => status === 200 });
		t.after(() => load.stop());
		for (const [name, backend, body] of [
			["green", two, "two"],
			["blue", one, "one"],
			["green", two, "two"],
		] as const) {
			management.set(state(name, backend));
			await eventually(async () => assert.equal((await sendRequest({ port, path: "/" })).body, body));
			await eventually(() => {
				assertSynced(management, allTypes);
				assert.equal(management.status(clusterType)?.resources, 1);
			});
		}
		await load.stop();
		assert.ok(load.sent > 0);
		assert.deepEqual(load.failures, []);
	});
}

test("an Envoy whose server restarts keeps serving, and takes up what it missed", { skip }, async (t) => {
	const one = await startBackend(t, "one");
	const two = await startBackend(t, "two");
	const resources = {
		clusters: [makeCluster("a")],
		assignments: [makeAssignment("a", [one])],
		listeners: [makeListener("entry", "routes")],
		routes: [makeRoutes("routes", "a")],
	};
	const first = await startManagementServer(t, resources);
	const envoy = await startEnvoy(t, makeAdsBootstrap(first.port, true));
	const port = await envoy.portOf("entry");
	await eventually(() => assertSynced(first, allTypes));
	await first.close();
	assert.equal((await sendRequest({ port, path: "/" })).body, "one");
	const second = await startManagementServer(
		t,
		{ ...resources, assignments: [makeAssignment("a", [two])] },
		{ port: first.port },
	);
	await eventually(() => assertSynced(second, allTypes), { deadlineMs: 60_000 });
	assert.equal((await sendRequest({ port, path: "/" })).body, "two");
	// Only what changed was sent.
	assert.equal(second.pushes.get("pilot_xds_pushes cds"), undefined);
	assert.equal(second.pushes.get("pilot_xds_pushes eds"), 1);
});

function assertSynced(management: ManagementServer, types: readonly string[]): void {
	for (const type of types) assert.equal(management.status(type)?.state, "SYNCED", type);
}

/** Answers every request with `body`. */
async function startBackend(t: TestContext, body: string): Promise<number> {
	const server = createServer((_request, response) => response.end(body));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return (server.address() as AddressInfo).port;
}
