/** Access logs that go to services: ALS over HTTP and TCP, OpenTelemetry. */
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { StreamAccessLogsMessageSchema } from "../../src/api/gen/envoy/service/accesslog/v3/als_pb.js";
import { ExportLogsServiceRequestSchema } from "../../src/api/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { startFixedBackend } from "../support/fixed-backend.ts";
import { type GrpcService, startGrpcService } from "../support/grpc-service.ts";
import { sendRequest } from "../support/http-call.ts";

type Json = Record<string, unknown>;

function at(port: number): Json {
	return {
		load_assignment: {
			cluster_name: "x",
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
	};
}

function http2(): Json {
	return {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
			explicit_http_config: { http2_protocol_options: {} },
		}),
	};
}

const service = { envoy_grpc: { cluster_name: "logs" }, initial_metadata: [{ key: "x-from", value: "%PROTOCOL%" }] };
const tags = [
	{ tag: "fixed", literal: { value: "yes" } },
	{ tag: "header", request_header: { name: "x-a", default_value: "none" } },
	{ tag: "absent", request_header: { name: "x-none" } },
	{ tag: "variable", environment: { name: "AMIME_NO_SUCH", default_value: "unset" } },
	{
		tag: "route",
		metadata: { kind: { route: {} }, metadata_key: { key: "com.test", path: [{ key: "k" }] }, default_value: "d" },
	},
];
const common = {
	log_name: "mylog",
	grpc_service: service,
	transport_api_version: "V3",
	buffer_size_bytes: 0,
	custom_tags: tags,
};
const httpLog = {
	name: "als",
	typed_config: typed("access_loggers.grpc.v3.HttpGrpcAccessLogConfig", {
		common_config: common,
		additional_request_headers_to_log: ["X-A", "x-none", ":authority"],
		additional_response_headers_to_log: ["x-b"],
		additional_response_trailers_to_log: ["x-t"],
	}),
};
const otlpLog = {
	name: "otlp",
	typed_config: typed("access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig", {
		grpc_service: { envoy_grpc: { cluster_name: "collector" } },
		log_name: "otel",
		buffer_size_bytes: 0,
		resource_attributes: { values: [{ key: "region", value: { string_value: "here" } }] },
		body: { string_value: "%PROTOCOL% %RESPONSE_CODE%" },
		attributes: {
			values: [
				{ key: "path", value: { string_value: "%REQ(:PATH)%" } },
				{
					key: "list",
					value: { array_value: { values: [{ string_value: "%REQ(X-A)%" }, { string_value: "%RESPONSE_CODE%" }] } },
				},
				{
					key: "map",
					value: { kvlist_value: { values: [{ key: "code", value: { string_value: "%RESPONSE_CODE%" } }] } },
				},
			],
		},
		custom_tags: tags,
	}),
};
const tcpLog = {
	name: "tcp",
	typed_config: typed("access_loggers.grpc.v3.TcpGrpcAccessLogConfig", { common_config: common }),
};

async function start(side: Side) {
	const logs = await startGrpcService(side);
	const collector = await startGrpcService(side, {
		onMessage(call) {
			call.send(Buffer.alloc(0));
			call.finish();
		},
	});
	const backend = await startFixedBackend(side);
	const routes = [
		{ match: { prefix: "/dead" }, route: { cluster: "dead" } },
		{ match: { prefix: "/direct" }, direct_response: { status: 203, body: { inline_string: "here" } } },
		{
			name: "root",
			match: { prefix: "/" },
			route: { cluster: "backend" },
			metadata: { filter_metadata: { "com.test": { k: "v" } } },
		},
	];
	const manager = managerFilter({
		access_log: [httpLog, otlpLog],
		generate_request_id: false,
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
	});
	const tcp = {
		name: "t",
		typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", {
			stat_prefix: "t",
			cluster: "backend",
			access_log: [tcpLog],
		}),
	};
	const proxy = await side.proxy({
		node: { id: "n1", cluster: "c1", locality: { zone: "z1" } },
		static_resources: {
			listeners: [
				{ name: "http", address: socketAddress(0), filter_chains: [{ filters: [manager] }] },
				{ name: "tcp", address: socketAddress(0), filter_chains: [{ filters: [tcp] }] },
			],
			clusters: [
				staticCluster("backend", at(backend.port)),
				staticCluster("dead", at(1)),
				staticCluster("logs", { ...at(logs.port), typed_extension_protocol_options: http2() }),
				staticCluster("collector", { ...at(collector.port), typed_extension_protocol_options: http2() }),
			],
		},
	});
	return { proxy, port: await proxy.port("http"), tcpPort: await proxy.port("tcp"), logs, collector };
}

/** The newest entry that a service got after `run`. */
async function entryAfter(service: GrpcService, run: () => Promise<unknown>): Promise<Json> {
	const before = messagesOf(service).length;
	await run();
	return await eventually(() => {
		const found = messagesOf(service)[before];
		if (found === undefined) throw new Error("no entry yet");
		const { httpLogs, tcpLogs } = toJson(
			StreamAccessLogsMessageSchema,
			fromBinary(StreamAccessLogsMessageSchema, found),
			{
				registry: apiRegistry,
			},
		) as { httpLogs?: { logEntry: Json[] }; tcpLogs?: { logEntry: Json[] } };
		return cleaned((httpLogs ?? tcpLogs)?.logEntry[0] ?? {});
	});
}

function readRecords(message: Buffer): { resource: Json; record: Json; text: string }[] {
	const { resourceLogs } = toJson(
		ExportLogsServiceRequestSchema,
		fromBinary(ExportLogsServiceRequestSchema, message),
	) as unknown as { resourceLogs: { resource: Json; scopeLogs: { logRecords: Json[] }[] }[] };
	return resourceLogs.flatMap(({ resource, scopeLogs }) =>
		scopeLogs.flatMap(({ logRecords }) =>
			logRecords.map((record) => ({ resource, record, text: JSON.stringify(record) })),
		),
	);
}

function messagesOf({ calls }: GrpcService): Buffer[] {
	return calls.flatMap(({ messages }) => messages);
}

const unstable = /[tT]ime|duration|portValue|HeadersBytes|streamId|BodyBytes/;
/** amime counts no bytes on the wire, and an address that refused is no remote end of a connection. */
const uncounted = /WireBytes|HeaderBytes|upstreamRemoteAddress/;

/** Without ports, times and sizes, attributes by their names. */
function cleaned(entry: Json): Json {
	const clean = (key: string, value: unknown): unknown => {
		if (uncounted.test(key)) return undefined;
		if (key === "attributes") {
			return (value as { key: string }[]).toSorted((left, right) => (left.key < right.key ? -1 : 1));
		}
		return unstable.test(key) ? typeof value : value;
	};
	return JSON.parse(JSON.stringify(entry, clean)) as Json;
}

compareWithEnvoy("access logs to services", {
	start,
	cases: {
		"a request in ALS": {
			want: { request: { path: "/a?b=1", requestMethod: "GET" }, commonProperties: { upstreamCluster: "backend" } },
			see: ({ logs, port }) =>
				entryAfter(logs, () =>
					sendRequest({ port, path: "/a?b=1", headers: { host: "h.test", "x-a": "1", "user-agent": "ua" } }),
				),
		},
		"a failure in ALS": {
			want: {
				response: { responseCode: 503 },
				commonProperties: { responseFlags: { upstreamConnectionFailure: true } },
			},
			see: ({ logs, port }) => entryAfter(logs, () => sendRequest({ port, path: "/dead", headers: { host: "h" } })),
		},
		"an answer of the proxy's own in ALS": {
			want: { response: { responseCode: 203, responseCodeDetails: "direct_response" } },
			see: ({ logs, port }) => entryAfter(logs, () => sendRequest({ port, path: "/direct", headers: { host: "h" } })),
		},
		"who says it, and how the service is called": {
			want: { identifier: { logName: "mylog", node: { id: "n1", cluster: "c1" } }, type: "application/grpc" },
			async see({ logs }) {
				const call = logs.calls[0]!;
				const first = fromBinary(StreamAccessLogsMessageSchema, call.messages[0]!);
				const { identifier } = toJson(StreamAccessLogsMessageSchema, first, { registry: apiRegistry }) as {
					identifier: { node: Json; logName: string };
				};
				const { id, cluster, locality } = identifier.node;
				const { headers } = call;
				return {
					identifier: { logName: identifier.logName, node: { id, cluster, locality } },
					type: headers["content-type"],
					te: headers["te"],
					authority: headers[":authority"],
					internal: headers["x-envoy-internal"],
					from: headers["x-from"],
					path: headers[":path"],
					names: Object.keys(headers).sort(),
				};
			},
		},
		"a connection in ALS": {
			want: { connectionProperties: { receivedBytes: "54" }, commonProperties: { accessLogType: "TcpConnectionEnd" } },
			see: ({ logs, tcpPort }) =>
				entryAfter(logs, () =>
					sendRequest({ port: tcpPort, path: "/tcp", headers: { host: "h.test", connection: "close" } }),
				),
		},
		"a request in OpenTelemetry": {
			want: { record: { body: { stringValue: "HTTP/1.1 200" } } },
			async see({ collector, port }) {
				await sendRequest({ port, path: "/otel", headers: { host: "h.test", "x-a": "1" } });
				return await eventually(() => {
					// Requests carry as many records as there were at the time: only the record is looked at.
					const found = messagesOf(collector)
						.flatMap(readRecords)
						.find(({ text }) => text.includes("/otel"));
					if (found === undefined) throw new Error("no record yet");
					const { resource, record } = found;
					return { resource: cleaned(resource), record: cleaned(record) };
				});
			},
		},
		"how the collector is called": {
			want: { path: "/opentelemetry.proto.collector.logs.v1.LogsService/Export" },
			async see({ collector }) {
				const { headers } = collector.calls[0]!;
				return { path: headers[":path"], names: Object.keys(headers).sort() };
			},
		},
		"what is counted": {
			want: { "cluster.logs.upstream_rq_active": 2 },
			see: ({ proxy }) =>
				proxy.stats(
					"^access_logs.*(dropped|flush_failed)$|grpc_access_log.grpc_entries_flushed|^cluster\\.logs\\.upstream_rq_(active|total|pending_total)$",
				),
		},
	},
});
