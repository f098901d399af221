/** What the runtime changes while a proxy runs: maintenance, retries, limits, outlier detection. */
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { startNamedBackends } from "../support/named-backends.ts";

compareWithEnvoy("keys of the runtime", {
	async start(side) {
		const { portOf, unwell } = await startNamedBackends(side, ["one"]);
		unwell.add("one");
		const cluster = (name: string, more: object = {}) => ({
			name,
			load_assignment: {
				cluster_name: name,
				endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(portOf("one")) } }] }],
			},
			...more,
		});
		const retry_policy = { retry_on: "5xx", num_retries: 1 };
		const routes = ["resting", "limited", "outlier"].map((name) => ({
			match: { prefix: `/${name}` },
			route: { cluster: name, prefix_rewrite: "/" },
		}));
		const retried = {
			match: { prefix: "/retried" },
			route: { cluster: "limited", prefix_rewrite: "/healthz", priority: "HIGH", retry_policy },
		};
		const shared = {
			match: { path: "/shared", runtime_fraction: { default_value: { numerator: 100 }, runtime_key: "some.share" } },
			direct_response: { status: 204 },
		};
		const broken = { match: { path: "/outlier/broken" }, route: { cluster: "outlier", prefix_rewrite: "/healthz" } };
		const manager = managerFilter({
			route_config: {
				name: "r",
				virtual_hosts: [{ name: "v", domains: ["*"], routes: [shared, broken, retried, ...routes] }],
			},
		});
		const proxy = await side.proxy({
			static_resources: {
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
				clusters: [
					cluster("resting"),
					cluster("limited"),
					cluster("outlier", {
						outlier_detection: { consecutive_5xx: 50, max_ejection_percent: 100 },
						common_lb_config: { healthy_panic_threshold: { value: 0 } },
					}),
				],
			},
			layered_runtime: {
				layers: [
					{
						name: "static",
						static_layer: {
							upstream: { maintenance_mode: { resting: 100 } },
							circuit_breakers: { limited: { default: { max_requests: 0 } } },
						},
					},
					{ name: "admin", admin_layer: {} },
				],
			},
		});
		const port = await proxy.port("l");
		const get = async (path: string) => {
			const { status, body, headers } = await sendRequest({ port, path });
			return { status, body, overloaded: headers["x-envoy-overloaded"] };
		};
		const modify = (query: string) => proxy.admin(`/runtime_modify?${query}`, "POST");
		return { proxy, get, modify };
	},
	cases: {
		"a cluster under maintenance answers for itself": {
			want: { status: 503, body: "maintenance mode", overloaded: "true", counted: 1 },
			see: async ({ proxy, get }) => ({
				...(await get("/resting")),
				counted: await proxy.stat("cluster.resting.upstream_rq_maintenance_mode"),
			}),
		},
		"maintenance ends when it is modified away": {
			want: { status: 200, body: "one" },
			async see({ get, modify }) {
				await modify("upstream.maintenance_mode.resting=0");
				await until(async () => (await get("/resting")).status === 200);
				return get("/resting");
			},
		},
		"a fraction may be modified as an object": {
			want: { before: 204, after: 404 },
			async see({ get, modify }) {
				const before = (await get("/shared")).status;
				await modify(`some.share=${encodeURIComponent('{"numerator":0,"denominator":"MILLION"}')}`);
				await until(async () => (await get("/shared")).status === 404);
				return { before, after: (await get("/shared")).status };
			},
		},
		"limits are those of the runtime": {
			want: [503, 200],
			async see({ get, modify }) {
				const before = (await get("/limited")).status;
				await modify("circuit_breakers.limited.default.max_requests=5");
				await until(async () => (await get("/limited")).status === 200);
				return [before, (await get("/limited")).status];
			},
		},
		"retries can be turned off": {
			want: { before: 1, after: 1 },
			async see({ proxy, get, modify }) {
				const count = () => proxy.stat("cluster.limited.upstream_rq_retry");
				await get("/retried");
				const before = await count();
				await modify("upstream.use_retry=0");
				await get("/retried");
				return { before, after: await count() };
			},
		},
		"outlier detection goes by it": {
			want: { broken: 503, after: "no healthy upstream" },
			async see({ get, modify }) {
				await modify("outlier_detection.consecutive_5xx=1");
				const { status: broken } = await get("/outlier/broken");
				await until(async () => (await get("/outlier")).status === 503);
				return { broken, after: (await get("/outlier")).body };
			},
		},
	},
});
