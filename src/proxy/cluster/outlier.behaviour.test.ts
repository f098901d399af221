import assert from "node:assert/strict";
import { test } from "node:test";
import {
	createAssignment,
	createClusterConfig,
	createEndpoint,
	createLocality,
	createOutlierConfig,
} from "../../../test/support/cluster-config.ts";
import { createClusterDeps, reach } from "../../../test/support/cluster-deps.ts";
import type { OutlierDetectionConfig } from "../../engine/outlier-detection/index.ts";
import type { ClusterConfig } from "../runtime-config/index.ts";
import { createCluster, describeHealthFlags } from "./index.ts";

const assignment = createAssignment([createLocality([1, 2, 3, 4].map((port) => createEndpoint(port)))]);

function create(options: Partial<ClusterConfig> = {}, outlier: Partial<OutlierDetectionConfig> = {}) {
	const { deps, ...rest } = createClusterDeps();
	const config = createClusterConfig({
		outlierDetection: createOutlierConfig({ consecutive5xx: 3, maxEjectionPercent: 50, ...outlier }),
		...options,
	});
	const cluster = createCluster(config, deps);
	cluster.updateAssignment(assignment);
	return { cluster, ...rest };
}

test("a host that answers with errors gets no requests until its time is over", () => {
	const { cluster, clock, gauge, counter } = create();
	const host = cluster.hosts[0]!;
	for (let time = 0; time < 3; time++) cluster.reportResponse(host, 500);
	assert.deepEqual(describeHealthFlags(host.healthFlags), ["failed_outlier_check"]);
	assert.equal(reach(cluster).includes(host.address), false);
	assert.equal(gauge("cluster.backend.membership_healthy"), 3);
	assert.equal(gauge("cluster.backend.outlier_detection.ejections_active"), 1);
	for (const name of [
		"ejections_total",
		"ejections_enforced_total",
		"ejections_consecutive_5xx",
		"ejections_detected_consecutive_5xx",
		"ejections_enforced_consecutive_5xx",
	])
		assert.equal(counter(`cluster.backend.outlier_detection.${name}`), 1, name);
	clock.advance(20_000);
	assert.equal(reach(cluster).includes(host.address), false);
	clock.advance(10_000);
	assert.equal(reach(cluster).includes(host.address), true);
	assert.equal(gauge("cluster.backend.outlier_detection.ejections_active"), 0);
	assert.equal(gauge("cluster.backend.membership_healthy"), 4);
	cluster.close();
	assert.equal(clock.pending, 0);
});

test("connect failures, timeouts and resets count like answers", () => {
	const { cluster } = create();
	const host = cluster.hosts[0]!;
	cluster.reportLocal(host, "connect-failure");
	cluster.reportLocal(host, "request-timeout");
	assert.equal(host.health, "healthy");
	cluster.reportLocal(host, "reset");
	assert.equal(host.health, "unhealthy");
	cluster.close();
});

test("an ejection survives an update of the endpoints, and leaves with the host", () => {
	const { cluster, gauge } = create();
	const host = cluster.hosts[0]!;
	for (let time = 0; time < 3; time++) cluster.reportResponse(host, 500);
	cluster.updateAssignment(createAssignment([createLocality([1, 2, 3, 4, 5].map((port) => createEndpoint(port)))]));
	assert.equal(cluster.hosts[0], host);
	assert.equal(host.health, "unhealthy");
	cluster.updateAssignment(createAssignment([createLocality([2, 3, 4].map((port) => createEndpoint(port)))]));
	assert.equal(gauge("cluster.backend.outlier_detection.ejections_active"), 0);
	cluster.close();
});

test("no more hosts go than the percentage allows", () => {
	const { cluster, counter } = create();
	for (const host of cluster.hosts) for (let time = 0; time < 3; time++) cluster.reportResponse(host, 503);
	assert.equal(cluster.hosts.filter((host) => host.health === "unhealthy").length, 2);
	assert.equal(counter("cluster.backend.outlier_detection.ejections_overflow"), 2);
	cluster.close();
});

test("connections of an ejected host drain, or end at once when configured", () => {
	for (const closeConnectionsOnHostHealthFailure of [false, true]) {
		const { cluster } = create({ closeConnectionsOnHostHealthFailure });
		const events: string[] = [];
		cluster.onCloseConnections((host) => events.push(`close ${host.address}`));
		cluster.onDrainConnections((host) => events.push(`drain ${host.address}`));
		for (let time = 0; time < 3; time++) cluster.reportResponse(cluster.hosts[0]!, 500);
		assert.deepEqual(events, [`${closeConnectionsOnHostHealthFailure ? "close" : "drain"} 127.0.0.1:1`]);
		cluster.close();
	}
});

test("rates show after an interval", () => {
	const { cluster, clock } = create({}, { successRateMinimumHosts: 2, successRateRequestVolume: 10 });
	for (const host of cluster.hosts) for (let time = 0; time < 10; time++) cluster.reportResponse(host, 200);
	assert.equal(cluster.outlier?.external.average, -1);
	clock.advance(10_000);
	assert.equal(cluster.outlier?.external.average, 100);
	assert.equal(cluster.hosts[0]!.outlier?.external.rate, 100);
	cluster.close();
});
