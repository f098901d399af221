/** Clusters that a proxy asks for when a request or a connection needs them, over an aggregated delta stream. */
import type { JsonValue } from "@bufbuild/protobuf";
import { managerFilter, oneHost, routerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { type NamedJson, startManagementServer } from "../support/management-server.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";
import { adsSource, makeAddress, makeAdsBootstrap, makeCluster } from "../support/xds-resources.ts";

const onDemandName = "envoy.filters.http.on_demand";
const onDemand = "filters.http.on_demand.v3";
const odcds = { source: adsSource, timeout: "0.5s" };

const filters = [
	{
		name: "before",
		typed_config: typed("filters.http.header_mutation.v3.HeaderMutation", {
			mutations: { request_mutations: [{ append: { header: { key: "x-passed", value: "1" } } }] },
		}),
	},
	{ name: onDemandName, typed_config: typed(`${onDemand}.OnDemand`, { odcds }) },
	routerFilter,
];

const log = {
	name: "envoy.access_loggers.stdout",
	typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
		log_format: {
			text_format_source: {
				inline_string:
					"log %PROTOCOL% %REQ(:path)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER%\n",
			},
		},
	}),
};

const routes = [
	{ match: { prefix: "/none" }, route: { cluster: "none", cluster_not_found_response_code: "NOT_FOUND" } },
	{
		match: { prefix: "/off" },
		route: { cluster: "off" },
		typed_per_filter_config: { [onDemandName]: typed(`${onDemand}.PerRouteConfig`) },
	},
	{ match: { prefix: "/header" }, route: { cluster_header: "x-cluster" } },
	{
		match: { prefix: "/weighted" },
		route: { weighted_clusters: { clusters: [{ name: "weighted", weight: 1 }] } },
	},
	{ match: { prefix: "/direct" }, direct_response: { status: 204 } },
	{ match: { prefix: "/" }, route: { cluster: "later" } },
];

const http = {
	name: "http",
	address: socketAddress(0),
	filter_chains: [
		{
			filters: [
				managerFilter({
					stat_prefix: "web",
					route_config: { ...oneHost(routes), validate_clusters: false },
					http_filters: filters,
					access_log: [log],
				}),
			],
		},
	],
};

function tcp(name: string, cluster: string) {
	return {
		name,
		address: socketAddress(0),
		filter_chains: [
			{
				filters: [
					{
						name: "envoy.filters.network.tcp_proxy",
						typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", {
							stat_prefix: name,
							cluster,
							on_demand: { odcds_config: adsSource, timeout: "0.5s" },
							access_log: [log],
						}),
					},
				],
			},
		],
	};
}

/** Its endpoints come from a server that never says any. */
const cold = makeCluster("cold", {
	eds_cluster_config: {
		eds_config: {
			resource_api_version: "V3",
			api_config_source: {
				api_type: "GRPC",
				transport_api_version: "V3",
				grpc_services: [{ envoy_grpc: { cluster_name: "silent" } }],
			},
		},
	},
});

type Json = Record<string, JsonValue>;

interface World {
	readonly proxy: ProxyProcess;
	readonly management: Awaited<ReturnType<typeof startManagementServer>>;
	cluster(name: string, kind?: "web" | "raw"): NamedJson;
}

function makeStart(given: readonly string[] | undefined, workers: number) {
	return async (side: Side): Promise<World> => {
		const ports = { web: await startSeenBackend(side), raw: await startGreeter(side, "raw") };
		const cluster: World["cluster"] = (name, kind = "web") => ({
			...staticCluster(name, {
				connect_timeout: "5s",
				load_assignment: {
					cluster_name: name,
					endpoints: [{ lb_endpoints: [{ endpoint: { address: makeAddress(ports[kind]) } }] }],
				},
			}),
			name,
		});
		const management = await startManagementServer(side, {
			clusters: (given ?? []).map((name) => cluster(name)),
			hiddenClusters: [cluster("found"), cluster("weighted"), cluster("off"), cluster("tcp", "raw"), cold],
		});
		const { dynamic_resources: dynamic, static_resources: fixed, ...rest } = makeAdsBootstrap(management.port, true);
		const silent = staticCluster("silent", { load_assignment: cluster("silent", "raw")["load_assignment"] });
		const bootstrap = {
			...rest,
			dynamic_resources: {
				ads_config: (dynamic as Json)["ads_config"]!,
				...(given === undefined ? {} : { cds_config: adsSource }),
			},
			static_resources: {
				clusters: [...((fixed as Json)["clusters"] as Json[]), silent],
				listeners: [http, tcp("raw", "tcp"), tcp("lost", "lost"), tcp("cold", "cold")],
			},
		};
		const proxy = await side.proxy(bootstrap, { args: ["--concurrency", String(workers)] });
		return { proxy, management, cluster };
	};
}

async function ask({ proxy }: World, path: string, headers: Readonly<Record<string, string>> = {}, body?: string) {
	const port = await proxy.port("http");
	const answer = await sendRequest({ port, path, headers, ...(body === undefined ? {} : { method: "POST", body }) });
	const seen =
		answer.status === 200 ? (JSON.parse(answer.body) as { body: string; headers: Record<string, string> }) : undefined;
	return { status: answer.status, body: seen?.body ?? answer.body, passed: seen?.headers["x-passed"] };
}

for (const [name, given, workers] of [
	["with all clusters subscribed to", ["a"], 1],
	["and nothing else", undefined, 1],
	["for two workers", ["a"], 2],
] as const) {
	compareWithEnvoy(`clusters on demand, ${name}`, {
		start: makeStart(given, workers),
		cases: {
			"a cluster that the server knows": {
				want: { status: 200 },
				see: (world) => ask(world, "/header", { "x-cluster": "found" }),
			},
			again: {
				want: { status: 200 },
				see: (world) => ask(world, "/header", { "x-cluster": "found" }),
			},
			"of a weighted route, for a request with a body": {
				want: { status: 200, body: "hello" },
				see: (world) => ask(world, "/weighted", {}, "hello"),
			},
			"one that it does not know": {
				want: { status: 404 },
				see: (world) => ask(world, "/none"),
			},
			"again, one that it does not know": {
				want: { status: 404 },
				see: (world) => ask(world, "/none"),
			},
			"a route without discovery": {
				want: { status: 503 },
				see: (world) => ask(world, "/off"),
			},
			"a route without a cluster, and one without its header": {
				want: [{ status: 204 }, { status: 503 }],
				see: async (world) => [await ask(world, "/direct"), await ask(world, "/header")],
			},
			"one that comes to be later": {
				want: [{ status: 503 }, { status: 200 }],
				async see(world) {
					const before = await ask(world, "/");
					const known = (given ?? []).map((one) => world.cluster(one));
					const hidden = ["found", "weighted", "off", "later"].map((one) => world.cluster(one));
					world.management.set({
						clusters: known,
						hiddenClusters: [...hidden, world.cluster("tcp", "raw"), cold],
					});
					const after = await eventually(async () => {
						const answer = await ask(world, "/");
						if (answer.status !== 200) throw new Error(`it is ${answer.status}`);
						return answer;
					});
					return [before, { status: after.status }];
				},
			},
			"many at once": {
				want: [200],
				async see(world) {
					world.management.set({
						clusters: (given ?? []).map((one) => world.cluster(one)),
						hiddenClusters: ["found", "weighted", "later", "crowd"]
							.map((one) => world.cluster(one))
							.concat(world.cluster("tcp", "raw"), cold),
					});
					const answers = await Promise.all(
						Array.from({ length: 20 }, () => ask(world, "/header", { "x-cluster": "crowd" })),
					);
					return [...new Set(answers.map(({ status }) => status))];
				},
			},
			connections: {
				want: { found: "hello raw\n", missing: "" },
				async see({ proxy }) {
					const { heard: found } = await talk({ port: await proxy.port("raw"), until: "hello raw" });
					const { heard: missing } = await talk({ port: await proxy.port("lost") });
					return { found, missing };
				},
			},
			"one that is not warm in time": {
				want: { request: { status: 503 }, connection: "" },
				async see(world) {
					const request = await ask(world, "/header", { "x-cluster": "cold" });
					const { heard: connection } = await talk({ port: await world.proxy.port("cold") });
					return { request, connection };
				},
			},
			"what is counted": {
				want: {
					"tcp.raw.on_demand_cluster_success": 1,
					"tcp.lost.on_demand_cluster_missing": 1,
					"tcp.cold.on_demand_cluster_timeout": 1,
				},
				see: ({ proxy }) =>
					proxy.stats("^tcp\\..*on_demand|^http\\.web\\.(downstream_rq_total|no_cluster|no_route)|^tcp\\..*no_route"),
			},
			"what is logged": {
				want: ["log - - 0 - - tcp"],
				async see({ proxy }) {
					return await eventually(() => {
						const all = proxy.stdout().split("\n");
						const lines = all.filter((line) => line.startsWith("log ") && !/crowd$| \/ /.test(line));
						if (lines.length < 11) throw new Error(`there are ${lines.length}`);
						return lines.sort();
					});
				},
			},
		},
	});
}
