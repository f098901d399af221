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
	assert.deepEqual(addressesOf(both.hosts), []);
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

test("a host is its member's, with a priority among those of all members", () => {
	const { manager, both } = create();
	const near = both.chooseHost(createBalancerContext<Host>())!;
	assert.equal(both.ownerOf(near), manager.get("near"));
	assert.equal(both.priorityOf(near), 0);
	const far = both.chooseHost(createBalancerContext<Host>({ attemptedPriorities: [0] }))!;
	assert.equal(both.ownerOf(far), manager.get("far"));
	assert.equal(both.priorityOf(far), 1);
	assert.equal(manager.get("far")!.ownerOf(far), manager.get("far"));
	manager.close();
});
