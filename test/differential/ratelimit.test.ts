/** The ratelimit filter: what the service is asked, and what becomes of its answers. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	RateLimitResponse_Code as Code,
	RateLimitRequestSchema,
	type RateLimitResponse,
	RateLimitResponseSchema,
	RateLimitResponse_RateLimit_Unit as Unit,
} from "../../src/api/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { type GrpcService, startGrpcService } from "../support/grpc-service.ts";
import { type HttpCall, sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

interface World {
	readonly port: number;
	readonly proxy: ProxyProcess;
	readonly service: GrpcService;
}

type Answer = Parameters<typeof create<typeof RateLimitResponseSchema>>[1];

const statuses = [
	{
		code: Code.OK,
		currentLimit: { requestsPerUnit: 10, unit: Unit.MINUTE, name: "first" },
		limitRemaining: 4,
		durationUntilReset: { seconds: 33n, nanos: 0 },
	},
	{
		code: Code.OK,
		currentLimit: { requestsPerUnit: 5, unit: Unit.HOUR },
		limitRemaining: 2,
		durationUntilReset: { seconds: 99n, nanos: 0 },
	},
];

/** What the service says, by the value of the descriptors' first entry. */
const answers: Readonly<Record<string, Answer>> = {
	over: { overallCode: Code.OVER_LIMIT, statuses } as Answer,
	"over-body": {
		overallCode: Code.OVER_LIMIT,
		rawBody: Buffer.from("slow down"),
		responseHeadersToAdd: [{ key: "x-limited", value: "yes" }],
	} as Answer,
	headers: {
		overallCode: Code.OK,
		statuses,
		responseHeadersToAdd: [{ key: "x-to-client", value: "1" }],
		requestHeadersToAdd: [{ key: "x-to-upstream", value: "2" }],
	} as Answer,
	exceeded: {
		overallCode: Code.OVER_LIMIT,
		statuses: [
			{
				code: Code.OVER_LIMIT,
				durationUntilReset: { seconds: 7n, nanos: 0 },
				currentLimit: { requestsPerUnit: 3, unit: Unit.SECOND },
			},
			{ code: Code.OVER_LIMIT, durationUntilReset: { seconds: 20n, nanos: 0 } },
			{ code: Code.OK, durationUntilReset: { seconds: 50n, nanos: 0 } },
		],
	} as Answer,
	unknown: { overallCode: Code.UNKNOWN } as Answer,
	metadata: { overallCode: Code.OK, dynamicMetadata: { who: "me" } } as Answer,
};

async function start(side: Side, fields: object): Promise<World> {
	const backend = await startSeenBackend(side);
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			const request = fromBinary(RateLimitRequestSchema, message);
			const first = request.descriptors[0]?.entries[0]?.value ?? "";
			if (first === "fails") call.finish(14, "gone");
			else if (first !== "silent") {
				const answer = create(RateLimitResponseSchema, answers[first] ?? ({ overallCode: Code.OK } as Answer));
				call.send(toBinary(RateLimitResponseSchema, answer as RateLimitResponse));
				call.finish();
			}
		},
	});
	const limit = {
		name: "envoy.filters.http.ratelimit",
		typed_config: typed("filters.http.ratelimit.v3.RateLimit", {
			domain: "shop",
			timeout: "0.3s",
			rate_limit_service: { transport_api_version: "V3", grpc_service: { envoy_grpc: { cluster_name: "limits" } } },
			...fields,
		}),
	};
	const generic = (descriptor_value: string) => ({ actions: [{ generic_key: { descriptor_value } }] });
	const route = (prefix: string, rate_limits: readonly object[], more: object = {}) => ({
		match: { path: prefix },
		route: { cluster: "c", rate_limits, ...more },
	});
	const perRoute = (config: Record<string, unknown>) => ({
		typed_per_filter_config: {
			"envoy.filters.http.ratelimit": typed("filters.http.ratelimit.v3.RateLimitPerRoute", config),
		},
	});
	const manager = managerFilter({
		http_filters: [limit, routerFilter],
		route_config: {
			name: "r",
			virtual_hosts: [
				{
					name: "v",
					domains: ["*"],
					rate_limits: [generic("host")],
					routes: [
						...["over", "exceeded", "over-body", "headers", "unknown", "metadata", "fails", "silent"].map((name) =>
							route(`/${name}`, [generic(name)]),
						),
						route("/actions", [
							{
								actions: [
									{ generic_key: { descriptor_key: "k", descriptor_value: "v" } },
									{ source_cluster: {} },
									{ destination_cluster: {} },
									{ request_headers: { header_name: "x-user", descriptor_key: "user" } },
								],
							},
							{ actions: [{ request_headers: { header_name: "x-absent", descriptor_key: "absent" } }] },
							{
								actions: [
									{
										header_value_match: {
											descriptor_value: "get",
											headers: [{ name: ":method", string_match: { exact: "GET" } }],
										},
									},
									{ remote_address: {} },
								],
							},
							{
								actions: [
									{
										query_parameter_value_match: {
											descriptor_value: "q",
											query_parameters: [{ name: "a", string_match: { exact: "1" } }],
										},
									},
								],
							},
							{ stage: 1, actions: [{ generic_key: { descriptor_value: "other stage" } }] },
							{ actions: [{ masked_remote_address: { v4_prefix_mask_len: 8 } }] },
						]),
						route("/inherit", []),
						route("/include", [generic("own")], { include_vh_rate_limits: true }),
						{ ...route("/ignore", []), ...perRoute({ vh_rate_limits: "IGNORE" }) },
						{ ...route("/domain", [generic("own")]), ...perRoute({ domain: "other" }) },
						{ ...route("/own", [generic("own")]), ...perRoute({ rate_limits: [generic("per route")] }) },
					],
				},
			],
		},
	});
	const proxy = await side.proxy({
		node: { id: "n", cluster: "here" },
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [plainCluster("c", backend), grpcCluster("limits", service.port)],
		},
	});
	return { proxy, port: await proxy.port("l"), service };
}

async function ask({ port, service }: World, call: Omit<HttpCall, "port">) {
	const before = service.calls.length;
	const { status, body, headers } = await sendRequest({ port, ...call });
	const asked = service.calls.slice(before).map(({ path, messages }) => {
		const { domain, descriptors, hitsAddend } = fromBinary(RateLimitRequestSchema, messages[0]!);
		const entries = descriptors.map((descriptor) => descriptor.entries.map(({ key, value }) => `${key}=${value}`));
		return { path, domain, entries, hitsAddend };
	});
	const shown = Object.fromEntries(
		Object.entries(headers).filter(([name]) => /^x-(?!envoy-up)|content|retry/.test(name)),
	);
	return { status, body, headers: shown, asked };
}

const simple = (path: string, want: object, call: Partial<HttpCall> = {}) => ({
	want,
	see: (world: World) => ask(world, { path, ...call }),
});

compareWithEnvoy("ratelimit", {
	start: (side) =>
		start(side, {
			enable_x_ratelimit_headers: "DRAFT_VERSION_03",
			enable_retry_after_header: true,
			response_headers_to_add: [{ header: { key: "x-config", value: "%RESPONSE_CODE%" } }],
		}),
	cases: {
		"every action": simple("/actions?a=1", { status: 200 }, { headers: { "x-user": "me" } }),
		"actions that give nothing": simple("/actions", { status: 200 }, { method: "POST" }),
		"over the limit": simple("/over", { status: 429 }),
		"when to come again": simple("/exceeded", { status: 429 }),
		"over the limit with a body": simple("/over-body", { status: 429, body: "slow down" }),
		"over the limit of a gRPC call": simple(
			"/over",
			{ status: 200 },
			{ headers: { "content-type": "application/grpc" } },
		),
		"headers both ways": simple("/headers", { status: 200 }),
		"an answer that says nothing": simple("/unknown", { status: 200 }),
		"dynamic metadata": simple("/metadata", { status: 200 }),
		"a service that fails": simple("/fails", { status: 200 }),
		"a service that is silent": simple("/silent", { status: 200 }),
		"limits of the virtual host": simple("/inherit", { status: 200 }),
		"limits of both": simple("/include", { status: 200 }),
		"limits of neither": simple("/ignore", { status: 200 }),
		"another domain": simple("/domain", { status: 200 }),
		"limits of the route's filter config": simple("/own", { status: 200 }),
		counters: {
			want: { "cluster.c.ratelimit.over_limit": 4 },
			see: ({ proxy }) => proxy.stats("ratelimit|cluster\\.c\\.upstream_rq_(429|200|completed)"),
		},
	},
});

compareWithEnvoy("ratelimit, strict", {
	start: (side) =>
		start(side, {
			failure_mode_deny: true,
			rate_limited_status: { code: "ServiceUnavailable" },
			rate_limited_as_resource_exhausted: true,
			disable_x_envoy_ratelimited_header: true,
			enable_retry_after_header: true,
			status_on_error: { code: "BadGateway" },
			stat_prefix: "sp",
		}),
	cases: {
		"over the limit": simple("/over", { status: 503 }),
		"over the limit of a gRPC call": simple(
			"/over",
			{ status: 200 },
			{ headers: { "content-type": "application/grpc" } },
		),
		"when to come again": simple("/exceeded", { status: 503 }),
		"a service that fails": simple("/fails", { status: 502 }),
		counters: { want: {}, see: ({ proxy }) => proxy.stats("ratelimit") },
	},
});
