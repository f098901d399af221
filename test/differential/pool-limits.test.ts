/** The circuit breaker's limit of connection pools: which hosts get one, what the others answer, and when a place is free again. */
import { managerFilter, socketAddress } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import { startNamedBackends } from "../support/named-backends.ts";

const names = ["a", "b", "c"] as const;

async function start(side: Side) {
	const { portOf } = await startNamedBackends(side, names);
	const cluster = (name: string, limit: number, more: object = {}): object => ({
		name,
		circuit_breakers: { thresholds: [{ max_connection_pools: limit, track_remaining: true }] },
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: names.map((one) => ({ endpoint: { address: socketAddress(portOf(one)) } })) }],
		},
		...more,
	});
	const routes = ["one", "two", "many", "none"].map((name) => ({
		match: { path: `/${name}` },
		route: { cluster: name },
	}));
	const manager = managerFilter({
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [cluster("one", 1), cluster("two", 2), cluster("many", 8), cluster("none", 0)],
		},
	});
	return proxy;
}

type World = Awaited<ReturnType<typeof start>>;

const see =
	(name: string) =>
	async (proxy: World): Promise<object> => {
		const answers: string[] = [];
		for (let request = 0; request < 6; request++) {
			const { status, body } = await sendRequest({ port: await proxy.port("l"), path: `/${name}` });
			answers.push(status === 200 ? "200" : `${status} ${body}`);
		}
		const stats = await proxy.stats(`^cluster\\.${name}\\.`);
		const stat = (key: string): number | undefined => stats[`cluster.${name}.${key}`];
		return {
			answers: answers.sort(),
			open: stat("circuit_breakers.default.cx_pool_open"),
			remaining: stat("circuit_breakers.default.remaining_cx_pools"),
			overflow: stat("upstream_cx_pool_overflow"),
			refused: stat("upstream_rq_503"),
			none: stat("upstream_cx_none_healthy"),
		};
	};

compareWithEnvoy("connection pools", {
	start,
	cases: {
		"one pool serves one host of three": { want: { open: 1, remaining: 0, overflow: 4, refused: 4 }, see: see("one") },
		"two pools serve two": { want: { open: 1, overflow: 2 }, see: see("two") },
		"a limit that is not reached shows what is left": {
			want: { open: 0, remaining: 5, overflow: 0 },
			see: see("many"),
		},
		"without any there is no healthy upstream": {
			want: { answers: Array<string>(6).fill("503 no healthy upstream") },
			see: see("none"),
		},
	},
});
