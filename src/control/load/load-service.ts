import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Server, type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type LoadStatsRequest,
	LoadStatsRequestSchema,
	type LoadStatsResponse,
	LoadStatsResponseSchema,
} from "../../api/gen/envoy/service/load_stats/v3/lrs_pb.js";
import type { Clock, Log } from "../../core/index.ts";
import { type StreamGate, streamPeerOf } from "../../xds/server/index.ts";
import type { ControlMetrics } from "../metrics.ts";
import { LoadBoard } from "./load-board.ts";

/** The times of load reports. */
export interface LoadTimes {
	/** How often clients report; 10 s by default. */
	readonly intervalMs?: number;
}

export interface LoadServiceOptions extends LoadTimes {
	readonly gate: Pick<StreamGate, "refuse">;
	/** The clusters that a node was given, for clients that have to be told each. */
	readonly clustersOf: (node: Node) => readonly string[];
	readonly clock: Clock;
	readonly log: Log;
	readonly metrics: Pick<ControlMetrics, "counter" | "gauge">;
}

/** Takes load reports. */
export interface LoadService {
	addTo(server: Pick<Server, "addService">): void;
	/** What was told last. */
	readonly board: LoadBoard;
	/** Ends every stream. */
	close(): void;
}

type Call = ServerDuplexStream<LoadStatsRequest, LoadStatsResponse>;

const defaultIntervalMs = 10_000;
/** A client with this feature takes "all" for an answer; others are told names. Envoy says so of itself, and so does gRPC. */
const allClustersFeature = "envoy.lrs.supports_send_all_clusters";

/** Creates the load reporting service. Who reports is checked as on a discovery stream: nobody speaks for another node. */
export function createLoadService(options: LoadServiceOptions): LoadService {
	const { clock, clustersOf, gate, intervalMs = defaultIntervalMs } = options;
	const log = options.log.child("load");
	const board = new LoadBoard();
	const calls = new Set<Call>();
	const streams = options.metrics.gauge("amime_load_streams");
	const reports = options.metrics.counter("amime_load_reports_total");
	const refused = options.metrics.counter("amime_load_refused_rows_total");
	const rows = options.metrics.gauge("amime_load_rows");

	function describeWishes(node: Node): LoadStatsResponse {
		const takesAll = node.clientFeatures.includes(allClustersFeature);
		return create(LoadStatsResponseSchema, {
			sendAllClusters: true,
			clusters: takesAll ? [] : [...clustersOf(node)],
			loadReportingInterval: durationFromMs(intervalMs),
		});
	}

	function open(call: Call): void {
		const peer = streamPeerOf(call);
		let reporter: ReturnType<LoadBoard["open"]> | undefined;
		calls.add(call);
		streams.value = calls.size;
		const end = (): void => {
			calls.delete(call);
			streams.value = calls.size;
			if (reporter !== undefined) board.close(reporter);
			reporter = undefined;
			rows.value = board.size;
		};
		const fail = (code: status, details: string): void => {
			end();
			call.emit("error", Object.assign(new Error(details), { code, details }));
		};
		call.on("data", ({ node, clusterStats }: LoadStatsRequest) => {
			if (!calls.has(call)) return;
			if (reporter === undefined) {
				if (node === undefined || node.id === "") {
					fail(status.INVALID_ARGUMENT, "the first report of a stream must carry a node with an id");
					return;
				}
				const refusal = gate.refuse(peer, node);
				if (refusal !== undefined) {
					fail(status.PERMISSION_DENIED, refusal);
					return;
				}
				reporter = board.open(node.id);
				call.write(describeWishes(node));
			}
			reports.value++;
			const left = board.report(reporter, clusterStats, clock.now());
			refused.value += left;
			rows.value = board.size;
			if (left > 0) log.debug("part of a load report is not taken", { client: reporter.client, rows: left });
		});
		call.on("error", (error) => log.debug("load stream broke", { peer: call.getPeer(), problem: error.message }));
		call.on("end", () => call.end());
		call.on("close", end);
		call.on("cancelled", end);
	}

	return {
		board,
		addTo(server) {
			server.addService(
				{
					stream: {
						path: "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats",
						requestStream: true,
						responseStream: true,
						requestSerialize: (message: LoadStatsRequest) => Buffer.from(toBinary(LoadStatsRequestSchema, message)),
						requestDeserialize: (bytes: Buffer) => fromBinary(LoadStatsRequestSchema, bytes),
						responseSerialize: (message: LoadStatsResponse) => Buffer.from(toBinary(LoadStatsResponseSchema, message)),
						responseDeserialize: (bytes: Buffer) => fromBinary(LoadStatsResponseSchema, bytes),
					},
				},
				{ stream: open },
			);
		},
		close() {
			for (const call of [...calls]) call.end();
			calls.clear();
		},
	};
}
