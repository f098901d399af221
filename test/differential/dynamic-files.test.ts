/** Listeners, clusters, routes, endpoints and runtime values from files that are replaced while both proxies run. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const types = {
	lds: "envoy.config.listener.v3.Listener",
	cds: "envoy.config.cluster.v3.Cluster",
	rds: "envoy.config.route.v3.RouteConfiguration",
	eds: "envoy.config.endpoint.v3.ClusterLoadAssignment",
	rtds: "envoy.service.runtime.v3.Runtime",
} as const;

type Kind = keyof typeof types;

function put(side: Side, kind: Kind, resources: readonly object[] | string, version?: string): void {
	const packed =
		typeof resources === "string"
			? resources
			: JSON.stringify({
					...(version === undefined ? {} : { version_info: version }),
					resources: resources.map((resource) => ({ "@type": `type.googleapis.com/${types[kind]}`, ...resource })),
				});
	const path = join(side.folder, `${kind}.json`);
	writeFileSync(`${path}.next`, packed);
	renameSync(`${path}.next`, path);
}

const source = (side: Side, kind: Kind) => ({
	resource_api_version: "V3",
	path_config_source: { path: join(side.folder, `${kind}.json`) },
});

const routes = (body: string, cluster = "e1") => ({
	name: "r",
	virtual_hosts: [
		{
			name: "v",
			domains: ["*"],
			routes: [
				{ match: { path: "/body" }, direct_response: { status: 200, body: { inline_string: body } } },
				{
					match: {
						path: "/sometimes",
						runtime_fraction: { default_value: { numerator: 0 }, runtime_key: "some.share" },
					},
					direct_response: { status: 200, body: { inline_string: "yes" } },
				},
				{ match: { prefix: "/" }, route: { cluster } },
			],
		},
	],
});

const endpoints = (...ports: number[]) => ({
	cluster_name: "e1",
	endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: socketAddress(port) } })) }],
});

async function start(side: Side) {
	const [one, two] = [await startEchoBackend(side, "one"), await startEchoBackend(side, "two")];
	const manager = managerFilter({
		route_config: undefined,
		rds: { route_config_name: "r", config_source: source(side, "rds") },
	});
	const listener = (name: string, extra: object = {}) => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: [manager] }],
		...extra,
	});
	const cluster = {
		name: "e1",
		type: "EDS",
		connect_timeout: "1s",
		eds_cluster_config: { eds_config: source(side, "eds") },
	};
	put(side, "rtds", [{ name: "rt", layer: { some: { share: 0 } } }]);
	put(side, "eds", [endpoints(one.port)]);
	put(side, "rds", [routes("first")]);
	put(side, "cds", [cluster], "c1");
	put(side, "lds", [listener("l")], "l1");
	const proxy = await side.proxy({
		node: { id: "node", cluster: "cluster" },
		layered_runtime: { layers: [{ name: "rt", rtds_layer: { name: "rt", rtds_config: source(side, "rtds") } }] },
		dynamic_resources: { lds_config: source(side, "lds"), cds_config: source(side, "cds") },
	});
	return { proxy, one, two, cluster, listener, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

async function body({ port }: World, path = "/"): Promise<string> {
	const answer = await sendRequest({ port, path });
	return `${answer.status} ${answer.body}`;
}

async function untilCounted({ proxy }: World, name: string, before: number): Promise<void> {
	await eventually(async () => {
		if ((await proxy.stat(name)) === before) throw new Error(`${name} is still ${before}`);
	});
}

async function untilBody(world: World, wanted: string, path = "/"): Promise<string> {
	await eventually(async () => {
		const seen = await body(world, path);
		if (seen !== wanted) throw new Error(`${seen}, not ${wanted}`);
	});
	return wanted;
}

const updates = (scope: string) =>
	`^${scope.replaceAll(".", "\\.")}\\.update_(attempt|success|failure|rejected|empty)$`;

compareWithEnvoy("configuration from files", {
	start,
	cases: {
		"everything is there at the start": {
			want: ["200 one", "200 first"],
			see: async (world) => [await body(world), await body(world, "/body")],
		},
		"the versions of files are shown": {
			want: ["ClustersConfigDump c1", "ListenersConfigDump l1"],
			async see({ proxy }) {
				const { configs } = JSON.parse((await proxy.admin("/config_dump")).body) as {
					configs: { readonly "@type": string; readonly version_info?: string }[];
				};
				return configs.flatMap(({ "@type": type, version_info: version }) =>
					version === undefined ? [] : [`${type.slice(type.lastIndexOf(".") + 1)} ${version}`],
				);
			},
		},
		"routes are swapped": {
			want: "200 second",
			see(world, side) {
				put(side, "rds", [routes("second")], "r2");
				return untilBody(world, "200 second", "/body");
			},
		},
		"routes that cannot be read change nothing and count as a failure": {
			want: { "http.in.rds.r.update_failure": 1 },
			async see(world, side) {
				put(side, "rds", "{");
				await untilCounted(world, "http.in.rds.r.update_failure", 0);
				return { body: await body(world, "/body"), ...(await world.proxy.stats(updates("http.in.rds.r"))) };
			},
		},
		"routes of another name are refused": {
			want: { "http.in.rds.r.update_rejected": 1 },
			async see(world, side) {
				put(side, "rds", [{ ...routes("third"), name: "other" }]);
				await untilCounted(world, "http.in.rds.r.update_rejected", 0);
				return { body: await body(world, "/body"), ...(await world.proxy.stats(updates("http.in.rds.r"))) };
			},
		},
		"endpoints are replaced": {
			want: "200 two",
			see(world, side) {
				put(side, "eds", [endpoints(world.two.port)]);
				return untilBody(world, "200 two");
			},
		},
		"two resources in a file of endpoints are refused": {
			want: { "cluster.e1.update_rejected": 1 },
			async see(world, side) {
				put(side, "eds", [endpoints(world.one.port), { cluster_name: "x" }]);
				await untilCounted(world, "cluster.e1.update_rejected", 0);
				return { body: await body(world), ...(await world.proxy.stats(updates("cluster.e1"))) };
			},
		},
		"an empty file of endpoints changes nothing": {
			want: { "cluster.e1.update_empty": 1 },
			async see(world, side) {
				put(side, "eds", []);
				await untilCounted(world, "cluster.e1.update_empty", 0);
				return { body: await body(world), ...(await world.proxy.stats(updates("cluster.e1"))) };
			},
		},
		"endpoints that are the same again are counted": {
			want: { "cluster.e1.update_no_rebuild": 1 },
			async see(world, side) {
				put(side, "eds", [endpoints(world.two.port)], "again");
				await untilCounted(world, "cluster.e1.update_no_rebuild", 0);
				return world.proxy.stats("^cluster\\.e1\\.update_(success|no_rebuild)$");
			},
		},
		"a resource may come in the wrapper that names it": {
			want: "200 wrapped",
			see(world, side) {
				const resource = { "@type": `type.googleapis.com/${types.rds}`, ...routes("wrapped") };
				const wrapper = "type.googleapis.com/envoy.service.discovery.v3.Resource";
				put(side, "rds", JSON.stringify({ resources: [{ "@type": wrapper, name: "r", version: "1", resource }] }));
				return untilBody(world, "200 wrapped", "/body");
			},
		},
		"routes that ask for their clusters to be known are refused when one is not": {
			want: { "http.in.rds.r.update_rejected": 2, body: "200 wrapped" },
			async see(world, side) {
				put(side, "rds", [{ ...routes("unknown", "nowhere"), validate_clusters: true }]);
				await untilCounted(world, "http.in.rds.r.update_rejected", 1);
				return { body: await body(world, "/body"), ...(await world.proxy.stats(updates("http.in.rds.r"))) };
			},
		},
		"a runtime value is swapped": {
			want: "200 yes",
			see(world, side) {
				put(side, "rtds", [{ name: "rt", layer: { some: { share: 100 } } }]);
				return untilBody(world, "200 yes", "/sometimes");
			},
		},
		"of two clusters one breaks a rule: the file is refused": {
			want: { "cluster_manager.cds.update_rejected": 1 },
			async see(world, side) {
				const bad = {
					...world.cluster,
					name: "e2",
					lb_policy: "RING_HASH",
					ring_hash_lb_config: { minimum_ring_size: 9e6 },
				};
				put(side, "cds", [{ ...world.cluster, connect_timeout: "2s" }, bad]);
				await untilCounted(world, "cluster_manager.cds.update_rejected", 0);
				return world.proxy.stats(
					"^cluster_manager\\.(cds\\.(update_[a-s]|config_reload$)|cluster_(added|modified|removed)|active)",
				);
			},
		},
		"of two clusters one cannot be made: it counts as added all the same": {
			want: { "cluster_manager.cluster_added": 2, "cluster_manager.active_clusters": 1 },
			async see(world, side) {
				put(side, "cds", [world.cluster, { name: "e3", type: "EDS" }]);
				await untilCounted(world, "cluster_manager.cds.update_rejected", 1);
				return world.proxy.stats("^cluster_manager\\.(cds\\.update_rejected|cluster_(added|modified|removed)|active)");
			},
		},
		"a changed cluster asks for its endpoints anew": {
			want: true,
			async see(world, side) {
				const name = `cluster.${world.cluster.name}.update_success`;
				const before = (await world.proxy.stats(`^${name}$`))[name]!;
				put(side, "cds", [{ ...world.cluster, connect_timeout: "4s" }]);
				return eventually(async () => {
					const after = (await world.proxy.stats(`^${name}$`))[name]!;
					if (after === before) throw new Error("not yet");
					return after === before + 1;
				});
			},
		},
		"a listener changes in place": {
			want: { "listener_manager.listener_in_place_updated": 1 },
			async see(world, side) {
				const filters = [
					managerFilter({
						route_config: undefined,
						rds: { route_config_name: "r", config_source: source(side, "rds") },
						server_name: "other",
					}),
				];
				put(side, "rds", [routes("second")]);
				put(side, "lds", [world.listener("l", { filter_chains: [{ filters }] })]);
				await untilCounted(world, "listener_manager.listener_in_place_updated", 0);
				// A worker of Envoy's reports it later.
				await untilCounted(world, "listener_manager.listener_create_success", 1);
				return world.proxy.stats("^listener_manager\\.(listener_|total_|lds\\.update_(attempt|success|rejected))");
			},
		},
		"a listener is refused, another one is added": {
			want: { "listener_manager.lds.update_rejected": 1, "listener_manager.listener_added": 2 },
			async see(world, side) {
				const bad = world.listener("bad", { filter_chains: [{ filters: [managerFilter()] }] });
				put(side, "lds", [world.listener("l"), world.listener("m"), bad]);
				await untilCounted(world, "listener_manager.lds.update_rejected", 0);
				return world.proxy.stats(
					"^listener_manager\\.(listener_(added|removed|create_failure)|lds\\.update_(attempt|success|rejected))",
				);
			},
		},
		"listeners that are not in the file go": {
			want: { "listener_manager.listener_removed": 2 },
			async see(world, side) {
				put(side, "lds", []);
				await untilCounted(world, "listener_manager.listener_removed", 0);
				return world.proxy.stats("^listener_manager\\.(listener_removed|total_listeners_(active|draining|warming))$");
			},
		},
		"a listener without a name gets a new one with every file, and only one may have none": {
			want: [
				{ "listener_manager.listener_added": 3, "listener_manager.listener_removed": 2 },
				{ "listener_manager.listener_added": 4, "listener_manager.listener_removed": 3 },
				{ "listener_manager.listener_added": 5, "listener_manager.listener_removed": 4 },
			],
			async see(world, side) {
				const { name: _, ...nameless } = world.listener("");
				const seen: object[] = [];
				for (const [added, listeners] of [
					[2, [nameless]],
					[3, [{ ...nameless, stat_prefix: "other" }]],
					[4, [nameless, nameless]],
				] as const) {
					put(side, "lds", listeners);
					await untilCounted(world, "listener_manager.listener_added", added);
					const stats = await world.proxy.stats(
						"^listener_manager\\.(listener_(added|removed|modified)|lds\\.update_rejected|total_listeners_active)$",
					);
					const { body } = await world.proxy.admin("/listeners");
					seen.push({
						...stats,
						listeners: body.replace(/[\da-f]{8}-[\da-f-]{27}/g, "uuid").replace(/:\d+\n/g, ":port\n"),
					});
				}
				return seen;
			},
		},
	},
});
