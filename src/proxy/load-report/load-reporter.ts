import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { type Node, NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	LoadStatsRequestSchema,
	type LoadStatsResponse,
	LoadStatsResponseSchema,
} from "../../api/gen/envoy/service/load_stats/v3/lrs_pb.js";
import { type Clock, computeBackoff, describeError, type Log, type Random, type Timer } from "../../core/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { ClusterManager } from "../cluster/index.ts";
import type { GrpcClient, GrpcStream } from "../grpc-client/index.ts";
import { createLoadReporterStats } from "../stats/index.ts";
import { LoadWindows } from "./load-windows.ts";

export interface LoadReporterOptions {
	readonly service: GrpcClient;
	/** Named to the service. */
	readonly node: Node;
	readonly clusters: Pick<ClusterManager, "get" | "clusters" | "onActivated">;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** The root scope. */
	readonly stats: StatsScope;
	/** Brings the counts of hosts up to date, where threads count for themselves. */
	readonly refresh: () => Promise<void>;
}

/** Tells a service of the load of clusters, until it is closed. */
export interface LoadReporter {
	close(): void;
}

const path = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";
const retry = { baseMs: 500, maxMs: 5_000 };
const defaultIntervalMs = 10_000;
/** A service that wants reports faster gets them this fast. */
const minIntervalMs = 50;
/** What may wait for a service that reads slowly; counts are told with the next report then. */
const maxQueuedBytes = 1024 * 1024;

/** Opens the stream and begins to report when the service says how. Spec: `envoy.service.load_stats.v3.LoadReportingService`. */
export function createLoadReporter(options: LoadReporterOptions): LoadReporter {
	const { clock, clusters, log, random, refresh, service } = options;
	const stats = createLoadReporterStats(options.stats.scope("load_reporter"));
	const windows = new LoadWindows();
	const node = create(NodeSchema, {
		...options.node,
		clientFeatures: [...options.node.clientFeatures, "envoy.lrs.supports_send_all_clusters"],
	});
	let stream: GrpcStream | undefined;
	let wishes: LoadStatsResponse | undefined;
	let timer: Timer | undefined;
	let attempts = 0;
	let isClosed = false;

	const stopFollowing = clusters.onActivated(({ name }) => {
		if (wishes?.sendAllClusters === true || wishes?.clusters.includes(name) === true) windows.begin(name, clock.now());
	});

	function open(): void {
		stream = service.stream(path, {
			onMessage: onWishes,
			onEnd({ code, message }) {
				log.debug("load report stream ended", { cluster: service.clusterName, code, message });
				stream = undefined;
				stats.errors.value++;
				timer?.cancel();
				const delay = retry.baseMs / 2 + computeBackoff(retry, attempts++, random);
				timer = clock.setTimer(
					delay,
					() => {
						stats.retries.value++;
						open();
					},
					{ unref: true },
				);
			},
		});
		stream.send(toBinary(LoadStatsRequestSchema, create(LoadStatsRequestSchema, { node })));
		stats.responses.value++;
	}

	function onWishes(bytes: Buffer): void {
		try {
			wishes = fromBinary(LoadStatsResponseSchema, bytes);
		} catch (error) {
			log.warn("a load reporting service sends what is no response", { problem: describeError(error) });
			return;
		}
		attempts = 0;
		stats.requests.value++;
		void refresh().then(() => {
			if (stream !== undefined) startPeriod();
		});
	}

	function startPeriod(): void {
		if (wishes === undefined || isClosed) return;
		const names = wishes.sendAllClusters ? clusters.clusters().map(({ name }) => name) : wishes.clusters;
		windows.track(names, (name) => clusters.get(name), clock.now());
		timer?.cancel();
		timer = clock.setTimer(readInterval(wishes.loadReportingInterval), () => void report(), { unref: true });
	}

	async function report(): Promise<void> {
		await refresh();
		if (stream === undefined || wishes === undefined || isClosed) return;
		if (stream.queuedBytes <= maxQueuedBytes) {
			const clusterStats = windows.take((name) => clusters.get(name), wishes.reportEndpointGranularity, clock.now());
			stream.send(toBinary(LoadStatsRequestSchema, create(LoadStatsRequestSchema, { node, clusterStats })));
			stats.responses.value++;
		}
		startPeriod();
	}

	open();
	return {
		close() {
			isClosed = true;
			stopFollowing();
			timer?.cancel();
			stream?.cancel();
			stream = undefined;
		},
	};
}

function readInterval(interval: Duration | undefined): number {
	return interval === undefined ? defaultIntervalMs : Math.max(minIntervalMs, durationMs(interval));
}
