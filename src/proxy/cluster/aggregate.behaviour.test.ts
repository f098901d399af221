import assert from "node:assert/strict";
import { test } from "node:test";
import { createBalancerContext } from "../../../test/support/balanced-host.ts";
import {
	createAssignment,
	createClusterConfig,
	createEndpoint,
	createLocality,
} from "../../../test/support/cluster-config.ts";
import { addressesOf, createClusterDeps, reach } from "../../../test/support/cluster-deps.ts";
import type { EndpointConfig } from "../runtime-config/index.ts";
import { createClusterManager, type Host } from "./index.ts";

function assignmentOf(health: EndpointConfig["health"], ...ports: number[]) {
	return createAssignment([createLocality(ports.map((port) => createEndpoint(port, { health })))]);
}

function create() {
	const { deps } = createClusterDeps();
	const manager = createClusterManager(deps);
	manager.prepareCluster(createClusterConfig({ name: "near" }), assignmentOf("healthy", 1, 2)).activate();
	manager.prepareCluster(createClusterConfig({ name: "far" }), assignmentOf("healthy", 3)).activate();
	manager
		.prepareCluster(
			createClusterConfig({
				name: "both",
				balancer: { kind: "cluster-provided" },
				discovery: { kind: "aggregate", clusters: ["near", "missing", "far"] },
			}),
			undefined,
		)
		.activate();
	return { manager, both: manager.get("both")! };
}

test("the first cluster is used, the next takes what it cannot", () => {
	const { manager, both } = create();
	assert.equal(both.isWarm, true);
	assert.deepEqual(addressesOf(both.hosts), ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
	assert.deepEqual(reach(both), ["127.0.0.1:1", "127.0.0.1:2"]);
	manager.applyAssignment("near", assignmentOf("unhealthy", 1, 2));
	assert.deepEqual(reach(both), ["127.0.0.1:3"]);
	manager.applyAssignment(
		"near",
		createAssignment([createLocality([createEndpoint(1), createEndpoint(2, { health: "unhealthy" })])]),
	);
	assert.deepEqual(reach(both), ["127.0.0.1:1", "127.0.0.1:3"]);
	manager.removeClusters(["near", "far"]);
	assert.deepEqual(reach(both), ["none"]);
	manager.close();
});

test("hosts that leave a member leave the aggregate", () => {
	const { manager, both } = create();
	const removed: string[] = [];
	both.onHostsChanged((_added, gone) => removed.push(...addressesOf(gone)));
	both.chooseHost(createBalancerContext<Host>());
	manager.applyAssignment("near", assignmentOf("healthy", 1));
	manager.prepareCluster(createClusterConfig({ name: "far" }), assignmentOf("healthy", 4)).activate();
	both.chooseHost(createBalancerContext<Host>());
	assert.deepEqual(removed, ["127.0.0.1:2", "127.0.0.1:3"]);
	manager.close();
});
