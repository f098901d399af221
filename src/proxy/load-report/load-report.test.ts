import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ClusterStats } from "../../api/gen/envoy/config/endpoint/v3/load_report_pb.js";
import {
	type LoadStatsRequest,
	LoadStatsRequestSchema,
	LoadStatsResponseSchema,
} from "../../api/gen/envoy/service/load_stats/v3/lrs_pb.js";
import { createSeededRandom, silentLog } from "../../core/index.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import type { GrpcStreamHandlers } from "../grpc-client/index.ts";
import { createLoadReporter } from "./index.ts";

const count = () => ({ value: 0 });

function createHost(port: number, region: string, priority = 0) {
	const stats = { rq_success: count(), rq_error: count(), rq_total: count(), rq_active: count() };
	const endpoint = { kind: "socket", address: "10.0.0.1", port, ipv4Compatible: false };
	return { endpoint, priority, locality: { region, zone: "", subZone: "" }, stats } as unknown as Host;
}

function createCluster(name: string, hosts: readonly Host[]) {
	return {
		...{ name, hosts, dropCategory: "", overloadDrops: count() },
		stats: { upstream_rq_pending_overflow: count(), upstream_rq_maintenance_mode: count() },
		config: { discovery: { kind: "eds", serviceName: `${name}-service` } },
		ownerOf(this: Cluster) {
			return this;
		},
	} as unknown as Cluster;
}

/** A reporter with clusters of the test's, on a service of the test's. */
function start(initial: readonly Cluster[]) {
	const clock = createFakeClock();
	const clusters = new Map(initial.map((cluster) => [cluster.name, cluster]));
	const activated = new Set<(cluster: Cluster) => void>();
	const sent: LoadStatsRequest[] = [];
	let handlers: GrpcStreamHandlers | undefined;
	let opened = 0;
	const reporter = createLoadReporter({
		service: {
			clusterName: "lrs",
			unary: () => assert.fail("it streams"),
			stream(_path, given) {
				handlers = given;
				opened++;
				return {
					send: (message) => sent.push(fromBinary(LoadStatsRequestSchema, message)) > 0,
					...{ end: () => undefined, cancel: () => undefined, pause: () => undefined, resume: () => undefined },
					...{ isOpen: true, queuedBytes: 0 },
				};
			},
		},
		node: create(NodeSchema, { id: "n" }),
		clusters: {
			get: (name) => clusters.get(name),
			clusters: () => [...clusters.values()],
			onActivated(listener) {
				activated.add(listener);
				return () => activated.delete(listener);
			},
		},
		...{ clock, random: createSeededRandom(1), log: silentLog, stats: createMetricsRegistry().root },
		refresh: () => Promise.resolve(),
	});
	return {
		clock,
		sent,
		reporter,
		opened: () => opened,
		activate(cluster: Cluster) {
			clusters.set(cluster.name, cluster);
			for (const listener of activated) listener(cluster);
		},
		async answer(wishes: { sendAllClusters?: boolean; clusters?: string[]; reportEndpointGranularity?: boolean }) {
			const message = create(LoadStatsResponseSchema, { loadReportingInterval: { seconds: 2n }, ...wishes });
			handlers!.onMessage(Buffer.from(toBinary(LoadStatsResponseSchema, message)));
			await clock.advanceAsync(0);
		},
		end: () => handlers!.onEnd({ code: 14, message: "gone", metadata: [] }),
		async next(): Promise<ClusterStats[]> {
			const before = sent.length;
			await clock.advanceAsync(2_000);
			assert.equal(sent.length, before + 1);
			return sent.at(-1)!.clusterStats;
		},
	};
}

test("what was counted since the last report is told by locality and priority", async () => {
	const [near, far, second] = [createHost(1, "near"), createHost(2, "far", 1), createHost(3, "near")];
	const { answer, next, sent } = start([createCluster("a", [near, far, second])]);
	assert.deepEqual(sent[0]?.node?.clientFeatures, ["envoy.lrs.supports_send_all_clusters"]);
	assert.deepEqual(sent[0]?.clusterStats, []);
	near.stats.rq_total.value = 100;
	await answer({ sendAllClusters: true });
	near.stats.rq_total.value += 3;
	near.stats.rq_success.value += 2;
	second.stats.rq_error.value += 1;
	second.stats.rq_total.value += 1;
	far.stats.rq_active.value = 1;
	const [stats] = await next();
	assert.deepEqual([stats?.clusterName, stats?.clusterServiceName], ["a", "a-service"]);
	assert.equal(stats?.loadReportInterval?.seconds, 2n);
	const figures = (one: ClusterStats | undefined) =>
		one?.upstreamLocalityStats.map((row) => [
			...[row.locality?.region, row.priority, row.totalIssuedRequests],
			...[row.totalSuccessfulRequests, row.totalErrorRequests, row.totalRequestsInProgress],
		]);
	assert.deepEqual(figures(stats), [
		["near", 0, 4n, 2n, 1n, 0n],
		["far", 1, 0n, 0n, 0n, 1n],
	]);
	far.stats.rq_active.value = 0;
	assert.deepEqual(figures((await next())[0]), []);
});

test("the service says which clusters, and may want each endpoint", async () => {
	const host = createHost(1, "");
	const { answer, next } = start([createCluster("a", [host]), createCluster("b", [createHost(2, "")])]);
	await answer({ clusters: ["a", "later"], reportEndpointGranularity: true });
	host.stats.rq_total.value += 2;
	const stats = await next();
	assert.deepEqual(
		stats.map(({ clusterName }) => clusterName),
		["a"],
	);
	const [locality] = stats[0]!.upstreamLocalityStats;
	assert.equal(locality?.locality, undefined);
	const [endpoint] = locality!.upstreamEndpointStats;
	assert.equal(endpoint?.totalIssuedRequests, 2n);
	const { address } = endpoint!.address!;
	assert.deepEqual(address.case === "socketAddress" && [address.value.address, address.value.portSpecifier.value], [
		"10.0.0.1",
		1,
	]);
});

test("a cluster that comes later is told of from its first request, and one that is replaced goes on", async () => {
	const { activate, answer, next } = start([]);
	await answer({ sendAllClusters: true });
	const first = createHost(1, "");
	activate(createCluster("a", [first]));
	first.stats.rq_total.value = 5;
	const issued = (stats: readonly ClusterStats[]) => stats[0]?.upstreamLocalityStats[0]?.totalIssuedRequests;
	assert.equal(issued(await next()), 5n);
	const second = createHost(1, "");
	second.stats.rq_total.value = 7;
	activate(createCluster("a", [second]));
	assert.equal(issued(await next()), 7n);
});

test("drops are told, those of drop_overload by their category", async () => {
	const cluster = createCluster("a", []) as Cluster & { dropCategory: string };
	cluster.dropCategory = "lb";
	const { answer, next } = start([cluster]);
	await answer({ sendAllClusters: true });
	cluster.overloadDrops.value += 4;
	cluster.stats.upstream_rq_pending_overflow.value += 2;
	const [stats] = await next();
	assert.equal(stats?.totalDroppedRequests, 6n);
	assert.deepEqual(
		stats?.droppedRequests.map(({ category, droppedCount }) => [category, droppedCount]),
		[["lb", 4n]],
	);
});

test("a stream that ends is opened again, and nothing counted meanwhile is lost", async () => {
	const host = createHost(1, "");
	const { answer, clock, end, next, opened, reporter, sent } = start([createCluster("a", [host])]);
	await answer({ sendAllClusters: true });
	end();
	host.stats.rq_total.value += 9;
	await clock.advanceAsync(10_000);
	assert.equal(opened(), 2);
	assert.deepEqual(sent.at(-1)?.clusterStats, []);
	await answer({ sendAllClusters: true });
	assert.equal((await next())[0]?.upstreamLocalityStats[0]?.totalIssuedRequests, 9n);
	reporter.close();
	assert.equal(clock.pending, 0);
});
