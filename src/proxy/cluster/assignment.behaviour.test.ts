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
import type { ClusterConfig, EndpointConfig, UpstreamTransportSocket } from "../runtime-config/index.ts";
import { type Cluster, createCluster, createClusterManager, describeHealthFlags, type Host } from "./index.ts";

const tls: UpstreamTransportSocket = { kind: "tls", tls: {} as never };

test("a static cluster is warm at once and serves all its hosts", () => {
	const { deps, gauge } = createClusterDeps();
	const assignment = createAssignment([createLocality([createEndpoint(1), createEndpoint(2)])]);
	const cluster = createCluster(createClusterConfig({ discovery: { kind: "static", assignment } }), deps);
	assert.equal(cluster.isWarm, true);
	assert.deepEqual(reach(cluster), ["127.0.0.1:1", "127.0.0.1:2"]);
	assert.equal(gauge("cluster.backend.membership_total"), 2);
	assert.equal(gauge("cluster.backend.membership_healthy"), 2);
	cluster.close();
});

test("an address that is there twice counts twice in a static cluster, and once in others", () => {
	const { deps } = createClusterDeps();
	const assignment = createAssignment([createLocality([createEndpoint(1), createEndpoint(1), createEndpoint(2)])]);
	const fixed = createCluster(createClusterConfig({ discovery: { kind: "static", assignment } }), deps);
	assert.deepEqual(addressesOf(fixed.hosts), ["127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:2"]);
	const discovered = createCluster(createClusterConfig(), deps);
	discovered.updateAssignment(assignment);
	assert.deepEqual(addressesOf(discovered.hosts), ["127.0.0.1:1", "127.0.0.1:2"]);
	fixed.close();
	discovered.close();
});

test("ten thousand endpoints of one address are as many hosts", () => {
	const { deps } = createClusterDeps();
	const endpoints = Array.from({ length: 10_000 }, () => createEndpoint(1));
	const assignment = createAssignment([createLocality(endpoints)]);
	const cluster = createCluster(createClusterConfig({ discovery: { kind: "static", assignment } }), deps);
	assert.equal(cluster.hosts.length, 10_000);
	assert.equal(new Set(cluster.hosts).size, 10_000);
	cluster.close();
});

test("an EDS cluster waits for its assignment", () => {
	const { deps } = createClusterDeps();
	const cluster = createCluster(createClusterConfig(), deps);
	let warmed = 0;
	cluster.onWarm(() => warmed++);
	assert.equal(cluster.isWarm, false);
	assert.equal(cluster.chooseHost(createBalancerContext<Host>()), undefined);
	cluster.updateAssignment(createAssignment([createLocality([createEndpoint(1)])]));
	cluster.updateAssignment(createAssignment([]));
	assert.equal(warmed, 1);
	assert.deepEqual(reach(cluster), ["none"]);
	cluster.close();
});

test("a host stays the same object while its address stays; what left is told and marked", () => {
	const { deps, counter } = createClusterDeps();
	const cluster = createCluster(createClusterConfig(), deps);
	const changes: [string[], string[]][] = [];
	cluster.onHostsChanged((added, removed) => changes.push([addressesOf(added), addressesOf(removed)]));
	cluster.updateAssignment(createAssignment([createLocality([createEndpoint(1), createEndpoint(2)])]));
	const [first, second] = cluster.hosts;
	first!.pools = "connections";
	cluster.updateAssignment(createAssignment([createLocality([createEndpoint(3), createEndpoint(1, { weight: 7 })])]));
	const kept = cluster.hosts.find((host) => host.address === "127.0.0.1:1");
	assert.equal(kept, first);
	assert.equal(kept?.weight, 7);
	assert.equal(kept?.pools, "connections");
	assert.equal(second?.removed, true);
	assert.deepEqual(changes, [
		[["127.0.0.1:1", "127.0.0.1:2"], []],
		[["127.0.0.1:3"], ["127.0.0.1:2"]],
	]);
	assert.deepEqual(reach(cluster), ["127.0.0.1:1", "127.0.0.1:3"]);
	assert.equal(counter("cluster.backend.membership_change"), 2);
	cluster.close();
});

test("an assignment that says nothing new rebuilds nothing", () => {
	const { deps, counter } = createClusterDeps();
	const cluster = createCluster(createClusterConfig(), deps);
	const build = () =>
		createAssignment([createLocality([createEndpoint(1, { metadata: { "envoy.lb": { stage: "prod", list: [1] } } })])]);
	cluster.updateAssignment(build());
	cluster.updateAssignment(build());
	assert.equal(counter("cluster.backend.update_no_rebuild"), 1);
	assert.equal(counter("cluster.backend.membership_change"), 1);
	cluster.close();
});

test("the health that discovery reports decides who gets requests", () => {
	const table: [EndpointConfig["health"], Host["health"], string[]][] = [
		["unknown", "healthy", []],
		["healthy", "healthy", []],
		["unhealthy", "unhealthy", ["failed_eds_health"]],
		["timeout", "unhealthy", ["failed_eds_health"]],
		["draining", "unhealthy", ["eds_status_draining"]],
		["degraded", "degraded", ["degraded_eds_health"]],
	];
	for (const [health, expected, flags] of table) {
		const { deps, gauge } = createClusterDeps();
		const cluster = createCluster(createClusterConfig(), deps);
		const others = [createEndpoint(2), createEndpoint(3), createEndpoint(4)];
		cluster.updateAssignment(createAssignment([createLocality([createEndpoint(1, { health }), ...others])]));
		const host = cluster.hosts[0]!;
		assert.equal(host.health, expected, health);
		assert.deepEqual(describeHealthFlags(host.healthFlags), flags);
		assert.equal(reach(cluster).includes(host.address), expected === "healthy", health);
		assert.equal(gauge("cluster.backend.membership_healthy"), expected === "healthy" ? 4 : 3);
		assert.equal(gauge("cluster.backend.membership_degraded"), expected === "degraded" ? 1 : 0);
		cluster.updateAssignment(createAssignment([createLocality([createEndpoint(1), ...others])]));
		assert.equal(cluster.hosts[0], host);
		assert.equal(reach(cluster).includes(host.address), true, `${health} taken back`);
		cluster.close();
	}
});

test("endpoint metadata selects the transport socket, before that of the locality", () => {
	const plain: UpstreamTransportSocket = { kind: "raw-buffer" };
	const istio = { "envoy.transport_socket_match": { tlsMode: "istio" } };
	const config: ClusterConfig = createClusterConfig({
		transportSocketMatches: [
			{ name: "tlsMode-istio", criteria: { tlsMode: "istio" }, socket: tls },
			{ name: "tlsMode-disabled", criteria: { tlsMode: "disabled" }, socket: plain },
		],
	});
	const { deps } = createClusterDeps();
	const cluster = createCluster(config, deps);
	const disabled = { "envoy.transport_socket_match": { tlsMode: "disabled" } };
	const update = (metadata: EndpointConfig["metadata"], localityMetadata: EndpointConfig["metadata"]): Host => {
		cluster.updateAssignment(
			createAssignment([createLocality([createEndpoint(1, { metadata })], { metadata: localityMetadata })]),
		);
		return cluster.hosts[0]!;
	};
	const first = update({}, {});
	assert.equal(first.transportSocket, config.transportSocket);
	const second = update(istio, disabled);
	assert.equal(second.transportSocket, tls);
	// Pools of the plain host must not be used for it.
	assert.notEqual(second, first);
	assert.equal(first.removed, true);
	assert.equal(update({}, istio), second);
	assert.equal(update({}, disabled).transportSocket, plain);
	cluster.close();
});

test("drop_overload categories combine", () => {
	const { deps } = createClusterDeps();
	const cluster = createCluster(createClusterConfig(), deps);
	const dropOverloads = [
		{ category: "throttle", fraction: 0.5 },
		{ category: "lb", fraction: 0.2 },
	];
	cluster.updateAssignment(createAssignment([], { dropOverloads }));
	assert.ok(Math.abs(cluster.dropShare - 0.6) < 1e-9);
	cluster.close();
});

test("a priority takes over when the one before has too few healthy hosts", () => {
	const { deps } = createClusterDeps();
	const cluster = createCluster(createClusterConfig(), deps);
	const update = (health: EndpointConfig["health"]): void =>
		cluster.updateAssignment(
			createAssignment([
				createLocality([createEndpoint(1, { health })]),
				createLocality([createEndpoint(2)], { priority: 1 }),
			]),
		);
	update("healthy");
	assert.deepEqual(reach(cluster), ["127.0.0.1:1"]);
	update("unhealthy");
	assert.deepEqual(reach(cluster), ["127.0.0.1:2"]);
	cluster.close();
});

test("circuit breakers count what is in use and say when they are open", () => {
	const { deps, gauge } = createClusterDeps();
	const thresholds = {
		maxConnections: 1,
		maxPendingRequests: 2,
		maxRequests: 3,
		maxRetries: 1,
		retryBudget: undefined,
		trackRemaining: true,
		maxConnectionPools: -1,
	};
	const config = createClusterConfig({
		circuitBreakers: { default: thresholds, high: thresholds, maxConnectionsPerHost: -1 },
	});
	const cluster = createCluster(config, deps);
	const resources = cluster.resources("default");
	assert.equal(gauge("cluster.backend.circuit_breakers.default.remaining_cx"), 1);
	assert.equal(resources.tryAcquireConnection(), true);
	assert.equal(resources.tryAcquireConnection(), false);
	assert.equal(gauge("cluster.backend.circuit_breakers.default.cx_open"), 1);
	assert.equal(gauge("cluster.backend.circuit_breakers.default.remaining_cx"), 0);
	assert.equal(cluster.resources("high").tryAcquireConnection(), true);
	resources.releaseConnection();
	assert.equal(gauge("cluster.backend.circuit_breakers.default.cx_open"), 0);
	cluster.close();
});

test("the manager serves a cluster from its activation on, and retires the one it replaces", () => {
	const { deps, gauge, counter } = createClusterDeps();
	const manager = createClusterManager(deps);
	const events: string[] = [];
	const names = new Map<Cluster, string>();
	manager.onActivated((cluster) => events.push(`activated ${names.get(cluster) ?? "first"}`));
	manager.onRetired((cluster) => events.push(`retired ${names.get(cluster) ?? "first"}`));
	const assignment = createAssignment([createLocality([createEndpoint(1)])]);

	const first = manager.prepareCluster(createClusterConfig(), assignment);
	let warm = 0;
	first.onWarm(() => warm++);
	assert.equal(warm, 1);
	assert.equal(manager.get("backend"), undefined);
	assert.equal(gauge("cluster_manager.warming_clusters"), 1);
	first.activate();
	const served = manager.get("backend")!;
	assert.equal(gauge("cluster_manager.warming_clusters"), 0);
	assert.equal(gauge("cluster_manager.active_clusters"), 1);

	manager.applyAssignment("backend", createAssignment([createLocality([createEndpoint(2)])]));
	assert.deepEqual(addressesOf(served.hosts), ["127.0.0.1:2"]);

	const second = manager.prepareCluster(createClusterConfig({ connectTimeoutMs: 1 }), assignment);
	manager.prepareCluster(createClusterConfig({ connectTimeoutMs: 2 }), assignment).discard();
	second.activate();
	assert.notEqual(manager.get("backend"), served);
	names.set(manager.get("backend")!, "second");
	assert.equal(gauge("cluster.backend.membership_total"), 1);
	manager.removeClusters(["backend", "unknown"]);
	assert.deepEqual(events, ["activated first", "activated first", "retired first", "retired second"]);
	assert.equal(manager.get("backend"), undefined);
	manager.countChange(false);
	manager.countChange(true);
	assert.equal(counter("cluster_manager.cluster_added"), 1);
	assert.equal(counter("cluster_manager.cluster_modified"), 1);
	assert.equal(counter("cluster_manager.cluster_removed"), 1);
	assert.equal(gauge("cluster.backend.membership_total"), undefined);
	manager.close();
});
