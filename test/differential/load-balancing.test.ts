/** Which host of which zone a request reaches: zones, slow start, subsets, policies of balancing. */
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { countAnswers, isNear, startNamedBackends } from "../support/named-backends.ts";

type Json = Record<string, unknown>;
const names = ["a1", "a2", "a3", "b1", "b2", "b3"] as const;

const endpoint = (port: number, more: Json = {}): Json => ({ endpoint: { address: socketAddress(port) }, ...more });
const zone = (name: string, lb_endpoints: readonly Json[], more: Json = {}): Json => ({
	locality: { region: "r", zone: name },
	lb_endpoints,
	...more,
});
const cluster = (name: string, endpoints: readonly Json[], more: Json = {}): Json => ({
	name,
	load_assignment: { cluster_name: name, endpoints },
	...more,
});
const zoneAware = (fields: Json): Json => ({ common_lb_config: { zone_aware_lb_config: fields } });
const policy = (type: string, fields: Json = {}): Json => ({
	policies: [{ typed_extension_config: { name: "p", typed_config: typed(`load_balancing_policies.${type}`, fields) } }],
});

/** A listener whose routes are the clusters' names, and what else goes into the bootstrap. */
function bootstrap(clusters: readonly Json[], routes: readonly Json[] = [], top: Json = {}): Json {
	const byName = clusters.map(({ name }) => ({ match: { path: `/${name}` }, route: { cluster: name } }));
	const label = { metadata_namespace: "envoy.lb", key: "v" };
	const manager = managerFilter({
		http_filters: [
			{
				name: "labels",
				typed_config: typed("filters.http.header_to_metadata.v3.Config", {
					request_rules: [{ header: "x-v", on_header_present: label }],
				}),
			},
			routerFilter,
		],
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: [...routes, ...byName] }] },
	});
	const listener = { name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	return { static_resources: { listeners: [listener], clusters }, ...top };
}

compareWithEnvoy("zone-aware routing", {
	async start(side) {
		const { portOf } = await startNamedBackends(side, names);
		const even = [zone("a", [endpoint(portOf("a1"))]), zone("b", [endpoint(portOf("b1"))])];
		const uneven = [
			zone("a", [endpoint(portOf("a1"))]),
			zone(
				"b",
				["b1", "b2", "b3"].map((name) => endpoint(portOf(name))),
			),
		];
		const down = [
			zone("a", [endpoint(portOf("a1"), { health_status: "UNHEALTHY" })]),
			zone("b", [endpoint(portOf("b1"), { health_status: "UNHEALTHY" })]),
		];
		const proxy = await side.proxy(
			bootstrap(
				[
					cluster("proxies", [zone("a", [endpoint(1)]), zone("b", [endpoint(2)])]),
					cluster("even", even, zoneAware({ min_cluster_size: 1 })),
					cluster("uneven", uneven, zoneAware({ min_cluster_size: 1 })),
					cluster("small", even),
					cluster("off", even, zoneAware({ min_cluster_size: 1, routing_enabled: { value: 0 } })),
					cluster("down", down, zoneAware({ min_cluster_size: 1, fail_traffic_on_panic: true })),
					cluster("least", even, { lb_policy: "LEAST_REQUEST", ...zoneAware({ min_cluster_size: 1 }) }),
					cluster("forced", uneven, {
						load_balancing_policy: policy("round_robin.v3.RoundRobin", {
							locality_lb_config: {
								zone_aware_lb_config: { min_cluster_size: "1", force_local_zone: { min_size: 1 } },
							},
						}),
					}),
					cluster("typed", uneven, {
						load_balancing_policy: policy("round_robin.v3.RoundRobin", {
							locality_lb_config: {
								zone_aware_lb_config: { min_cluster_size: "1", force_locality_direct_routing: true },
							},
						}),
					}),
				],
				[],
				{
					node: { id: "n", cluster: "c", locality: { region: "r", zone: "a" } },
					cluster_manager: { local_cluster_name: "proxies" },
				},
			),
		);
		return { proxy, port: await proxy.port("l") };
	},
	cases: {
		"a zone with its fair share keeps its requests": {
			want: { counts: { a1: 30 }, direct: 30 },
			see: async ({ proxy, port }) => ({
				counts: await countAnswers(port, "/even", 30),
				direct: await proxy.stat("cluster.even.lb_zone_routing_all_directly"),
			}),
		},
		"a zone with less than its share keeps what it can take": {
			want: { isNear: true, isCounted: true },
			async see({ proxy, port }) {
				const counts = await countAnswers(port, "/uneven", 200);
				const sampled = await proxy.stat("cluster.uneven.lb_zone_routing_sampled");
				const crossing = await proxy.stat("cluster.uneven.lb_zone_routing_cross_zone");
				return { isNear: isNear(counts, { a1: 0.5 }), isCounted: sampled + crossing === 200 };
			},
		},
		"a small cluster is used as a whole": {
			want: { a1: 10, b1: 10 },
			see: ({ port }) => countAnswers(port, "/small", 20),
		},
		"nothing is kept when routing is off": {
			want: { a1: 10, b1: 10 },
			see: ({ port }) => countAnswers(port, "/off", 20),
		},
		"panic can fail requests": {
			want: { 503: 4 },
			see: ({ port }) => countAnswers(port, "/down", 4),
		},
		"least request keeps zones too": {
			want: { a1: 20 },
			see: ({ port }) => countAnswers(port, "/least", 20),
		},
		"a policy can force the own zone": {
			want: { a1: 20 },
			see: ({ port }) => countAnswers(port, "/typed", 20),
		},
		"the own zone is forced where it has hosts enough": {
			want: { a1: 20 },
			see: ({ port }) => countAnswers(port, "/forced", 20),
		},
		"why there was no zone is counted": {
			want: { "cluster.off.lb_zone_cluster_too_small": 0 },
			async see({ proxy }) {
				const stats = await proxy.stats(
					"^cluster\\.(off|even|uneven)\\.lb_(zone_cluster_too_small|local_cluster_not_ok|zone_no_capacity_left)$",
				);
				const computed = await proxy.stats("^cluster\\.small\\.lb_zone_cluster_too_small$");
				return { ...stats, ...computed };
			},
		},
		"answers are counted by the zones of proxy and host": {
			want: { "cluster.small.zone.a.a.upstream_rq_200": 10, "cluster.small.zone.a.b.upstream_rq_completed": 10 },
			see: ({ proxy }) => proxy.stats("^cluster\\.(small|even|down)\\.zone\\."),
		},
	},
});

compareWithEnvoy("slow start", {
	async start(side) {
		const { portOf, unwell } = await startNamedBackends(side, ["old", "new"]);
		unwell.add("new");
		const second = "0.1s";
		const check = {
			timeout: "1s",
			interval: second,
			no_traffic_interval: second,
			unhealthy_interval: second,
			unhealthy_edge_interval: second,
			unhealthy_threshold: 1,
			healthy_threshold: 1,
			http_health_check: { path: "/healthz" },
		};
		const both = [{ lb_endpoints: [endpoint(portOf("old")), endpoint(portOf("new"))] }];
		const common = { health_checks: [check], common_lb_config: { healthy_panic_threshold: { value: 0 } } };
		const slow = { slow_start_window: "600s", min_weight_percent: { value: 5 } };
		const proxy = await side.proxy(
			bootstrap([
				cluster("slow", both, { ...common, round_robin_lb_config: { slow_start_config: slow } }),
				cluster("short", both, {
					...common,
					round_robin_lb_config: { slow_start_config: { slow_start_window: "1s" } },
				}),
				cluster("none", both, common),
			]),
		);
		const port = await proxy.port("l");
		const isIn = async (name: string, path: string) => (await countAnswers(port, path, 8))[name] !== undefined;
		await until(async () => (await isIn("old", "/none")) && (await isIn("old", "/slow")));
		unwell.delete("new");
		await until(async () => isIn("new", "/none"));
		return { port };
	},
	cases: {
		"a host that came back is one of all at once without it": {
			want: { old: 10, new: 10 },
			see: ({ port }) => countAnswers(port, "/none", 20),
		},
		"hosts in the same window share by their age": {
			want: { isThere: true },
			see: async ({ port }) => ({ isThere: (await countAnswers(port, "/slow", 40))["old"] !== undefined }),
		},
		"a window that is over leaves no trace": {
			want: { isEven: true },
			async see({ port }) {
				await until(async () => isNear(await countAnswers(port, "/short", 20), { new: 0.5 }, 0.1));
				return { isEven: true };
			},
		},
	},
});

compareWithEnvoy("subsets and policies of balancing", {
	async start(side) {
		const { portOf } = await startNamedBackends(side, names);
		const labelled = (name: string, labels: Json, more: Json = {}): Json =>
			endpoint(portOf(name), { metadata: { filter_metadata: { "envoy.lb": labels } }, ...more });
		const versions = [
			{ lb_endpoints: [labelled("a1", { v: "1" }), labelled("a2", { v: "2", e: "dev" }), labelled("a3", { v: "2" })] },
		];
		const hashed = [{ lb_endpoints: ["a1", "a2", "a3"].map((name) => labelled(name, { hash_key: name })) }];
		const plain = [{ lb_endpoints: ["a1", "a2", "a3"].map((name) => endpoint(portOf(name))) }];
		const roundRobin = policy("round_robin.v3.RoundRobin");
		const subset = (fields: Json): Json => ({
			load_balancing_policy: policy("subset.v3.Subset", { subset_lb_policy: roundRobin, ...fields }),
		});
		const clusters = [
			cluster("strict", versions, subset({ subset_selectors: [{ keys: ["v"] }] })),
			cluster("any", versions, subset({ fallback_policy: "ANY_ENDPOINT", subset_selectors: [{ keys: ["v"] }] })),
			cluster("redundant", versions, subset({ allow_redundant_keys: true, subset_selectors: [{ keys: ["v"] }] })),
			cluster("single", versions, subset({ subset_selectors: [{ keys: ["v"], single_host_per_subset: true }] })),
			cluster("ring", hashed, { lb_policy: "RING_HASH" }),
			cluster("maglev", hashed, { load_balancing_policy: policy("maglev.v3.Maglev", { table_size: "503" }) }),
			cluster("override", plain, {
				load_balancing_policy: policy("override_host.v3.OverrideHost", {
					override_host_sources: [{ header: "x-to" }],
					fallback_policy: roundRobin,
				}),
			}),
			cluster("reports", plain, {
				load_balancing_policy: policy("client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin"),
			}),
		];
		const wants = (labels: Json): Json => ({ metadata_match: { filter_metadata: { "envoy.lb": labels } } });
		const hash = { hash_policy: [{ header: { header_name: "x-key" } }] };
		const routes = ["strict", "any", "redundant", "single"].flatMap((name) =>
			Object.entries({ v1: { v: "1" }, v2: { v: "2" }, v9: { v: "9" }, both: { v: "2", e: "dev" } }).map(
				([key, labels]) => ({ match: { path: `/${name}/${key}` }, route: { cluster: name, ...wants(labels) } }),
			),
		);
		const hashing = ["ring", "maglev"].map((name) => ({
			match: { path: `/${name}` },
			route: { cluster: name, ...hash },
		}));
		const proxy = await side.proxy(bootstrap(clusters, [...routes, ...hashing]));
		const port = await proxy.port("l");
		const reach = async (path: string, headers: Record<string, string> = {}) =>
			Object.keys(await countAnswers(port, path, 8, headers)).sort();
		return { proxy, port, reach, portOf };
	},
	cases: {
		"criteria choose the hosts that meet them": {
			want: [["a1"], ["a2", "a3"]],
			see: async ({ reach }) => [await reach("/strict/v1"), await reach("/strict/v2")],
		},
		"what filters say of a request takes precedence over its route": {
			want: [["a1"], ["a2"], ["503"]],
			see: async ({ reach }) => [
				await reach("/strict/v2", { "x-v": "1" }),
				await reach("/redundant/both", { "x-v": "2", "x-other": "1" }).then((hosts) => hosts.slice(0, 1)),
				await reach("/strict", { "x-v": "9" }),
			],
		},
		"no host is no answer, unless any will do": {
			want: [["503"], ["a1", "a2", "a3"]],
			see: async ({ reach }) => [await reach("/strict/v9"), await reach("/any/v9")],
		},
		"more keys than a selector's are one too many, unless they may be": {
			want: [["503"], ["a2", "a3"]],
			see: async ({ reach }) => [await reach("/strict/both"), await reach("/redundant/both")],
		},
		"a subset of one host has one host": {
			want: { hosts: ["a2"], duplicates: 1 },
			see: async ({ proxy, reach }) => ({
				hosts: await reach("/single/v2"),
				duplicates: await proxy.stat("cluster.single.lb_subsets_single_host_per_subset_duplicate"),
			}),
		},
		"the same key reaches the same host through a ring": {
			want: { count: 12 },
			async see({ reach }) {
				const reached: string[][] = [];
				for (let key = 0; key < 12; key++) reached.push(await reach("/ring", { "x-key": `k${key}` }));
				return { count: reached.filter(({ length }) => length === 1).length, reached };
			},
		},
		"and through Maglev's table": {
			want: { count: 12 },
			async see({ reach }) {
				const reached: string[][] = [];
				for (let key = 0; key < 12; key++) reached.push(await reach("/maglev", { "x-key": `k${key}` }));
				return { count: reached.filter(({ length }) => length === 1).length, reached };
			},
		},
		"sizes of rings and tables are shown": {
			want: { "cluster.ring.ring_hash_lb.size": 1026, "cluster.maglev.maglev_lb.max_entries_per_host": 168 },
			see: ({ proxy }) => proxy.stats("^cluster\\.(ring|maglev)\\.(ring_hash_lb|maglev_lb)\\."),
		},
		"a request can name its host": {
			want: [["a3"], ["a2"], ["a1", "a2", "a3"]],
			see: async ({ reach, portOf }) => [
				await reach("/override", { "x-to": `127.0.0.1:${portOf("a3")}` }),
				await reach("/override", { "x-to": `127.0.0.9:1, 127.0.0.1:${portOf("a2")}` }),
				await reach("/override"),
			],
		},
		"hosts that report nothing get the same": {
			want: { a1: 4, a2: 4, a3: 4 },
			see: ({ port }) => countAnswers(port, "/reports", 12),
		},
	},
});
