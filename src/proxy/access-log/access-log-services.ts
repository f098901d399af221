import { create, toBinary } from "@bufbuild/protobuf";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { StreamAccessLogsMessage_IdentifierSchema } from "../../api/gen/envoy/service/accesslog/v3/als_pb.js";
import { LogRecordSchema } from "../../api/gen/opentelemetry/proto/logs/v1/logs_pb.js";
import { ResourceSchema } from "../../api/gen/opentelemetry/proto/resource/v1/resource_pb.js";
import { compileAccessLogFilter } from "../../engine/access-log/index.ts";
import type { StreamInfo } from "../../engine/format/index.ts";
import type { Runtime } from "../../engine/runtime/index.ts";
import type { AccessLog, StatsScope } from "../../telemetry/index.ts";
import type { GrpcStream } from "../grpc-client/index.ts";
import type { AccessLogConfig, GrpcAccessLogSink, OpenTelemetryAccessLogSink } from "../runtime-config/index.ts";
import { Batch, type BatchStats, encodeField } from "./batch.ts";
import { encodeEntry, formatFilterState } from "./log-entry.ts";
import { encodeKeyValue, exportOtlp, fillEntries, fillTemplate, type OtlpContext } from "./otlp.ts";

/** The access logs of a proxy that go to services. */
export interface AccessLogServices {
	create(config: AccessLogConfig, sink: GrpcAccessLogSink | OpenTelemetryAccessLogSink): AccessLog;
	/** Sends what is kept; says whether there are logs at all. */
	flush(): boolean;
}

/** Options of {@link createAccessLogServices}. */
export interface AccessLogServicesOptions {
	readonly context: OtlpContext & { readonly runtime: Runtime };
	/** The root scope. */
	readonly stats: StatsScope;
	/** Named to the services. */
	readonly node: Node;
}

/** Where entries go, filled by any number of logs. */
interface Destination {
	readonly batch: Batch;
	encode(stream: StreamInfo): Uint8Array;
}

/** Creates the set of logs to services, empty. */
export function createAccessLogServices(options: AccessLogServicesOptions): AccessLogServices {
	const { context, stats } = options;
	const batches = new Set<Batch>();

	function createDestination(sink: GrpcAccessLogSink | OpenTelemetryAccessLogSink): Destination {
		const destination =
			sink.kind === "grpc"
				? createServiceDestination(sink, options, createStats(stats, "access_logs.grpc_access_log"))
				: createOtlpDestination(sink, options, createStats(stats, otlpScope(sink)));
		batches.add(destination.batch);
		return destination;
	}

	return {
		create(config, sink) {
			const destination = createDestination(sink);
			const takes = compileAccessLogFilter(config.filter, context.runtime);
			return {
				log(stream) {
					if (takes(stream, context.random)) destination.batch.add(destination.encode(stream));
				},
			};
		},
		flush() {
			for (const batch of batches) batch.flush();
			return batches.size > 0;
		},
	};
}

function createStats(stats: StatsScope, name: string): BatchStats {
	const scope = stats.scope(name);
	return {
		logs_written: scope.counter("logs_written"),
		logs_dropped: scope.counter("logs_dropped"),
		grpc_entries_flushed: scope.counter("grpc_entries_flushed"),
		grpc_entries_flush_failed: scope.counter("grpc_entries_flush_failed"),
	};
}

function otlpScope({ statPrefix }: OpenTelemetryAccessLogSink): string {
	const root = "access_logs.open_telemetry_access_log";
	return statPrefix === "" ? root : `${root}.${statPrefix}`;
}

const serviceMethod = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const otlpMethod = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/** What may wait for a service that reads slowly; more is dropped. */
const maxQueuedBytes = 512 * 1024;

/** One stream to an access log service, opened with the first entries and again when it broke. */
function createServiceDestination(
	sink: GrpcAccessLogSink,
	{ context, node }: AccessLogServicesOptions,
	stats: BatchStats,
): Destination {
	const client = context.grpc.client(sink.service);
	const { logName } = sink;
	const identifier = toBinary(
		StreamAccessLogsMessage_IdentifierSchema,
		create(StreamAccessLogsMessage_IdentifierSchema, { node, logName }),
	);
	const logsField = sink.protocol === "http" ? 2 : 3;
	let stream: GrpcStream | undefined;
	const send = (entries: readonly Uint8Array[]): boolean => {
		const logs = Buffer.concat(entries.flatMap((entry) => encodeField(1, entry)));
		const parts = encodeField(logsField, logs);
		if (stream === undefined) {
			parts.unshift(...encodeField(1, identifier));
			const opened = client.stream(serviceMethod, {
				onMessage: () => undefined,
				onEnd() {
					if (stream === opened) stream = undefined;
				},
			});
			stream = opened;
		}
		if (stream.queuedBytes > maxQueuedBytes) return false;
		stream.send(Buffer.concat(parts));
		stats.grpc_entries_flushed.value += entries.length;
		return true;
	};
	return {
		batch: new Batch({ ...sink, clock: context.clock, stats, send }),
		encode: (info) => encodeEntry(info, sink),
	};
}

/** Exports of log records to an OpenTelemetry collector. */
function createOtlpDestination(
	sink: OpenTelemetryAccessLogSink,
	{ context, node }: AccessLogServicesOptions,
	stats: BatchStats,
): Destination {
	const builtin = sink.hasBuiltinLabels
		? [
				encodeKeyValue("log_name", sink.logName),
				encodeKeyValue("zone_name", node.locality?.zone ?? ""),
				encodeKeyValue("cluster_name", node.cluster),
				encodeKeyValue("node_name", node.id),
			]
		: [];
	let resource: Uint8Array | undefined;
	const encode = (stream: StreamInfo): Uint8Array => {
		resource ??= toBinary(
			ResourceSchema,
			create(ResourceSchema, { attributes: [...builtin, ...fillEntries(sink.resourceAttributes, stream)] }),
		);
		return encodeRecord(sink, stream);
	};
	const send = (entries: readonly Uint8Array[]): boolean => {
		const records = Buffer.concat(entries.flatMap((entry) => encodeField(2, entry)));
		const logs = [...encodeField(1, resource ?? new Uint8Array()), ...encodeField(2, records)];
		const request = Buffer.concat(encodeField(1, Buffer.concat(logs)));
		exportOtlp(context, sink.exporter, otlpMethod, request, undefined, (isTaken) => {
			if (isTaken) return;
			stats.logs_written.value -= entries.length;
			stats.logs_dropped.value += entries.length;
		});
		return true;
	};
	return { batch: new Batch({ ...sink, clock: context.clock, stats, send }), encode };
}

function encodeRecord(sink: OpenTelemetryAccessLogSink, stream: StreamInfo): Uint8Array {
	const attributes = fillEntries(sink.attributes, stream);
	for (const { tag, read } of sink.customTags) {
		const value = read(stream);
		if (value !== undefined) attributes.push(encodeKeyValue(tag, value));
	}
	for (const key of sink.filterStateObjects) {
		const text = formatFilterState(stream, key);
		if (text !== undefined) attributes.push(encodeKeyValue(key, text));
	}
	const hasTrace = stream.traceId !== "" && stream.spanId !== "";
	return toBinary(
		LogRecordSchema,
		create(LogRecordSchema, {
			timeUnixNano: BigInt(Math.floor(stream.startWallMs * 1000)) * 1000n,
			attributes,
			...(sink.body === undefined ? {} : { body: fillTemplate(sink.body, stream) }),
			...(hasTrace
				? { traceId: Buffer.from(stream.traceId.padStart(32, "0"), "hex"), spanId: Buffer.from(stream.spanId, "hex") }
				: {}),
		}),
	);
}
