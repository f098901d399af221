/** Tracing: spans to OpenTelemetry and Zipkin, W3C and B3 headers in and out, shares, request ids, decorators. */
import { createServer } from "node:http";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../../src/api/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { startFixedBackend } from "../support/fixed-backend.ts";
import { startGrpcService } from "../support/grpc-service.ts";
import { sendRequest } from "../support/http-call.ts";

type Json = Record<string, unknown>;

const w3cTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const w3c = `00-${w3cTrace}-00f067aa0ba902b7-01`;
const b3Trace = "463ac35c9f6413ad48485a3953bb6124";

function at(port: number): Json {
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
	return { load_assignment: { cluster_name: "x", endpoints } };
}

function provider(type: string, fields: Json): Json {
	return { name: "p", typed_config: { "@type": `type.googleapis.com/envoy.config.trace.v3.${type}`, ...fields } };
}

function openTelemetry(fields: Json = {}): Json {
	const grpc_service = { envoy_grpc: { cluster_name: "collector" } };
	return provider("OpenTelemetryConfig", { grpc_service, service_name: "svc", ...fields });
}

function openTelemetryOverHttp(): Json {
	const http_uri = { uri: "http://otel.test/v1/traces", cluster: "http-collector", timeout: "1s" };
	return provider("OpenTelemetryConfig", { http_service: { http_uri }, service_name: "svc" });
}

function sampler(type: string, fields: Json = {}): Json {
	return { name: "s", typed_config: typed(`tracers.opentelemetry.samplers.v3.${type}`, fields) };
}

function zipkin(fields: Json = {}): Json {
	return provider("ZipkinConfig", {
		collector_cluster: "http-collector",
		collector_endpoint: "/api/v2/spans",
		collector_endpoint_version: "HTTP_JSON",
		...fields,
	});
}

const customTags = [
	{ tag: "fixed", literal: { value: "yes" } },
	{ tag: "header", request_header: { name: "x-tag", default_value: "none" } },
];

const managers: Readonly<Record<string, Json>> = {
	plain: { provider: openTelemetry(), custom_tags: customTags, max_path_tag_length: 12 },
	spawn: { provider: openTelemetry(), spawn_upstream_span: true, verbose: true },
	http: { provider: openTelemetryOverHttp() },
	never: { provider: openTelemetry(), random_sampling: { value: 0 } },
	cut: { provider: openTelemetry(), overall_sampling: { value: 0 } },
	sampler: {
		provider: openTelemetry({ sampler: sampler("AlwaysOnSamplerConfig") }),
		random_sampling: { value: 0 },
	},
	parent: {
		provider: openTelemetry({
			sampler: sampler("ParentBasedSamplerConfig", { wrapped_sampler: sampler("AlwaysOnSamplerConfig") }),
		}),
	},
	ratio: {
		provider: openTelemetry({
			sampler: sampler("TraceIdRatioBasedSamplerConfig", { sampling_percentage: { numerator: 0 } }),
		}),
	},
	zipkin: { provider: zipkin() },
	long: {
		provider: zipkin({
			trace_id_128bit: true,
			shared_span_context: false,
			trace_context_option: "USE_B3_WITH_W3C_PROPAGATION",
		}),
		spawn_upstream_span: true,
	},
};

const routes = [
	{ match: { prefix: "/dead" }, route: { cluster: "dead" } },
	{ match: { prefix: "/named" }, route: { cluster: "backend" }, decorator: { operation: "named" } },
	{ match: { prefix: "/quiet" }, route: { cluster: "backend" }, decorator: { operation: "quiet", propagate: false } },
	{ match: { prefix: "/" }, route: { cluster: "backend" } },
];

async function start(side: Side) {
	/** In the order of their arrival. */
	const arrived: Json[] = [];
	const collector = await startGrpcService(side, {
		onMessage(call, message) {
			arrived.push(...readOtlp(message));
			call.send(Buffer.alloc(0));
			call.finish();
		},
	});
	const posts: { readonly path: string; readonly type: string }[] = [];
	const http = createServer((request, response) => {
		const parts: Buffer[] = [];
		request.on("data", (bytes: Buffer) => parts.push(bytes));
		request.on("end", () => {
			const path = request.url ?? "";
			posts.push({ path, type: request.headers["content-type"] ?? "" });
			const body = Buffer.concat(parts);
			arrived.push(...(path === "/v1/traces" ? readOtlp(body) : readZipkin(body)));
			response.writeHead(202).end();
		});
	});
	await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
	side.after(() => {
		http.closeAllConnections();
		http.close();
	});
	const backend = await startFixedBackend(side);
	const route_config = { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] };
	const listeners = Object.entries(managers).map(([name, tracing]) => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: [managerFilter({ tracing, route_config })] }],
	}));
	const egress = {
		...listeners[0],
		name: "egress",
		traffic_direction: "OUTBOUND",
	};
	const proxy = await side.proxy({
		node: { id: "n1", cluster: "c1", locality: { zone: "z1" } },
		layered_runtime: {
			layers: [
				{
					name: "flush",
					static_layer: { "tracing.opentelemetry.min_flush_spans": 1, "tracing.zipkin.min_flush_spans": 1 },
				},
			],
		},
		static_resources: {
			listeners: [...listeners, egress],
			clusters: [
				staticCluster("backend", at(backend.port)),
				staticCluster("dead", at(1)),
				staticCluster("http-collector", at((http.address() as { port: number }).port)),
				staticCluster("collector", {
					...at(collector.port),
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
							explicit_http_config: { http2_protocol_options: {} },
						}),
					},
				}),
			],
		},
	});
	const send = async (listener: string, path: string, headers: Record<string, string> = {}, isTraced = true) => {
		const before = { backend: backend.requests.length, spans: arrived.length };
		const port = await proxy.port(listener);
		const answer = await sendRequest({ port, path, headers: { host: "h.test", "user-agent": "ua", ...headers } });
		const wanted = before.spans + (isTraced ? (managers[listener]?.["spawn_upstream_span"] === true ? 2 : 1) : 0);
		await eventually(() => {
			if (arrived.length < wanted) throw new Error("the spans are not there yet");
		});
		return {
			spans: arrived
				.slice(before.spans)
				.toSorted((left, right) => (String(left["name"]) < String(right["name"]) ? -1 : 1)),
			upstream: describeHeaders(backend.requests[before.backend]?.headers ?? {}),
			decorator: answer.headers["x-envoy-decorator-operation"],
		};
	};
	return { proxy, send, posts };
}

function readOtlp(message: Buffer): Json[] {
	const { resourceSpans } = toJson(
		ExportTraceServiceRequestSchema,
		fromBinary(ExportTraceServiceRequestSchema, message),
	) as unknown as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] };
	return resourceSpans.flatMap(({ scopeSpans }) =>
		scopeSpans.flatMap(({ spans }) =>
			spans.map(({ name, kind, flags, traceState, parentSpanId, status, attributes, events }) => ({
				name,
				kind,
				flags,
				traceState,
				hasParent: parentSpanId !== undefined,
				status,
				tags: readTags(attributes.map(({ key, value }) => [key, value.stringValue])),
				events: events?.map((event) => event.name),
			})),
		),
	);
}

interface OtlpSpan {
	readonly name: string;
	readonly kind: string;
	readonly flags: number;
	readonly traceState?: string;
	readonly parentSpanId?: string;
	readonly status?: Json;
	readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
	readonly events?: readonly { readonly name: string }[];
}

function readZipkin(body: Buffer): Json[] {
	const spans = JSON.parse(body.toString()) as (Json & {
		tags: Record<string, string>;
		annotations: { value: string }[];
	})[];
	return spans.map(({ name, kind, shared, parentId, traceId, id, tags, annotations, localEndpoint }) => ({
		name,
		kind,
		shared,
		hasParent: parentId !== undefined,
		isRoot: String(traceId).endsWith(String(id)),
		idLength: String(traceId).length,
		service: (localEndpoint as Json)["serviceName"],
		tags: readTags(Object.entries(tags)),
		annotations: annotations.map(({ value }) => value),
	}));
}

/** By name, without ports and random ids; the flags of an attempt that failed are not known when its span ends. */
function readTags(tags: readonly (readonly [string, string])[]): Json {
	const failed = tags.some(([name]) => name === "error.reason");
	return Object.fromEntries(
		tags
			.map(([name, value]): [string, string] => [
				name,
				name === "guid:x-request-id"
					? value.replace(/^.{14}(.).*$/, "$1")
					: value.replace(/^127\.0\.0\.1:\d+$/, "127.0.0.1:port"),
			])
			.filter(([name]) => !(failed && name === "response_flags"))
			.sort(([left], [right]) => (left < right ? -1 : 1)),
	);
}

/** What the next hop is told, with ids only where the client gave them. */
function describeHeaders(headers: NodeJS.Dict<string | string[]>): Json {
	const kept = Object.entries(headers).filter(([name]) =>
		/^(trace|x-b3|b3|x-client|x-envoy-force|x-envoy-dec)/.test(name),
	);
	const id = String(headers["x-request-id"] ?? "");
	const given = new RegExp(`(?!${w3cTrace}|${b3Trace})\\b[0-9a-f]{16,32}\\b`, "g");
	return {
		reason: id[14],
		...Object.fromEntries(
			kept
				.map(([name, value]): [string, string] => [name, String(value).replace(given, "id")])
				.sort(([left], [right]) => (left < right ? -1 : 1)),
		),
	};
}

compareWithEnvoy("tracing", {
	start,
	cases: {
		"the first span of a trace": {
			want: { spans: [{ name: "ingress", kind: "SPAN_KIND_SERVER", hasParent: false, tags: { fixed: "yes" } }] },
			see: ({ send }) => send("plain", "/a-rather-long-path?b=1", { "x-tag": "t" }),
		},
		"a trace continues from W3C headers": {
			want: { spans: [{ hasParent: true, traceState: "a=b" }] },
			see: ({ send }) => send("plain", "/", { traceparent: w3c, tracestate: "a=b" }),
		},
		"a parent that is not sampled": {
			want: { spans: [], upstream: { traceparent: `00-${w3cTrace}-id-00` } },
			see: ({ send }) => send("plain", "/", { traceparent: w3c.replace(/01$/, "00") }, false),
		},
		"a broken parent leaves no trace": {
			want: { spans: [], upstream: { traceparent: "00-xyz-01" } },
			see: ({ send }) => send("plain", "/", { traceparent: "00-xyz-01" }, false),
		},
		"a request that fails": {
			want: { spans: [{ status: { code: "STATUS_CODE_ERROR" }, tags: { error: "true", "http.status_code": "503" } }] },
			see: ({ send }) => send("plain", "/dead"),
		},
		"a gRPC request": {
			want: { spans: [{ tags: { "grpc.path": "/pkg.S/M" } }] },
			see: ({ send }) => send("plain", "/pkg.S/M", { "content-type": "application/grpc", "grpc-timeout": "1S" }),
		},
		"the route's operation": {
			want: { spans: [{ name: "named" }], decorator: "named" },
			see: ({ send }) => send("plain", "/named"),
		},
		"an operation that is not passed on": {
			want: { spans: [{ name: "quiet" }] },
			see: ({ send }) => send("plain", "/quiet"),
		},
		"the caller's operation wins": {
			want: { spans: [{ name: "called" }] },
			see: ({ send }) => send("plain", "/named", { "x-envoy-decorator-operation": "called" }),
		},
		"requests that leave": {
			want: { spans: [{ name: "egress h.test", kind: "SPAN_KIND_CLIENT" }] },
			see: ({ send }) => send("egress", "/"),
		},
		"a span of the attempt": {
			want: { spans: [{ name: "ingress" }, { name: "router backend egress" }] },
			see: ({ send }) => send("spawn", "/"),
		},
		"an attempt that fails": {
			want: { spans: [{ name: "ingress" }, { tags: { "error.reason": "remote connection failure" } }] },
			see: ({ send }) => send("spawn", "/dead"),
		},
		"OTLP over HTTP": {
			want: { spans: [{ name: "ingress" }], path: "/v1/traces", type: "application/x-protobuf" },
			async see({ send, posts }) {
				const seen = await send("http", "/");
				const { path, type } = posts.at(-1)!;
				return { ...seen, path, type };
			},
		},
		"nothing sampled": {
			want: { spans: [], upstream: { reason: "4" } },
			see: ({ send }) => send("never", "/", {}, false),
		},
		"a client that wants a trace": {
			want: { spans: [{ tags: { "guid:x-client-trace-id": "c1", "guid:x-request-id": "b" } }] },
			see: ({ send }) => send("never", "/", { "x-client-trace-id": "c1" }),
		},
		"the overall share": {
			want: { spans: [], upstream: { reason: "4" } },
			see: ({ send }) => send("cut", "/", { "x-client-trace-id": "c1" }, false),
		},
		"an id that says what was decided": {
			want: { spans: [{ tags: { "guid:x-request-id": "9" } }] },
			see: ({ send }) => send("never", "/", { "x-request-id": "4d2ea8b0-1a2b-9c3d-8e4f-5a6b7c8d9e0f" }),
		},
		"a sampler takes nothing that the shares leave out": {
			want: { spans: [] },
			see: ({ send }) => send("sampler", "/", {}, false),
		},
		"a sampler that follows the parent": {
			want: { spans: [] },
			see: ({ send }) => send("parent", "/", { traceparent: w3c.replace(/01$/, "00") }, false),
		},
		"a sampler of no trace": { want: { spans: [] }, see: ({ send }) => send("ratio", "/", {}, false) },
		"the first span in Zipkin": {
			want: { spans: [{ kind: "SERVER", shared: true, idLength: 16, isRoot: true }] },
			see: ({ send }) => send("zipkin", "/z"),
		},
		"a trace continues from B3 headers": {
			want: { spans: [{ hasParent: true, shared: true }], upstream: { "x-b3-traceid": b3Trace } },
			see: ({ send }) =>
				send("zipkin", "/z", {
					"x-b3-traceid": b3Trace,
					"x-b3-spanid": "a2fb4a1d1a96d312",
					"x-b3-parentspanid": "0020000000000001",
					"x-b3-sampled": "1",
				}),
		},
		"a single B3 header that wants no trace": {
			want: { spans: [] },
			see: ({ send }) => send("zipkin", "/z", { b3: `${b3Trace}-a2fb4a1d1a96d312-0` }, false),
		},
		"long ids and W3C headers beside B3's": {
			want: { spans: [{ kind: "SERVER", idLength: 32, isRoot: true }, { kind: "CLIENT" }] },
			see: ({ send }) => send("long", "/z"),
		},
		"Zipkin continues from W3C headers": {
			want: { spans: [{ kind: "SERVER", hasParent: true }, { kind: "CLIENT" }] },
			see: ({ send }) => send("long", "/z", { traceparent: w3c }),
		},
		"what is counted": {
			want: { "http.in.tracing.client_enabled": 1 },
			see: ({ proxy }) => proxy.stats("^http\\.in\\.tracing\\.|^tracing.*(spans_sent|spans_dropped)$"),
		},
	},
});
