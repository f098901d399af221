/** `track_cluster_stats`: sizes of messages and the share of timeouts that was used, of requests, retries and failures. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { managerFilter, oneHost, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { answerRequests, ok, startRawServer } from "../support/raw-client.ts";

interface World {
	readonly proxy: ProxyProcess;
	call(path: string, body?: string): Promise<number>;
}

const names = ["plain", "chunked", "again", "silent", "broken", "endless", "slow"];
const route = (cluster: string, fields: object = {}) => ({
	match: { prefix: `/${cluster}` },
	route: { cluster, ...fields },
});

async function start(side: Side): Promise<World> {
	const backend = await startRawServer(
		side,
		answerRequests((head, count) => {
			if (head.includes("/silent")) return undefined;
			if (head.includes("/again") && count % 2 === 1) return "HTTP/1.1 503 no\r\nContent-Length: 4\r\n\r\nbusy";
			if (!head.includes("/chunked"))
				return ok("answer", "Server: x\r\nVary: a\r\nVary: b\r\nX-Two: 1\r\nX-Two:  2 \r\n");
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
		}),
	);
	// Its head comes well before its body.
	const slow = createServer((_request, response) => {
		response.write("begin");
		setTimeout(() => response.end("end"), 400);
	});
	await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
	side.after(() => slow.close().closeAllConnections());
	const ports: Readonly<Record<string, number>> = {
		broken: await findFreePort(),
		slow: (slow.address() as AddressInfo).port,
	};
	const proxy = await side.proxy({
		stats_flush_on_admin: true,
		static_resources: {
			clusters: [
				...names.map((name) => describeCluster(name, ports[name] ?? backend.port, { timeout_budgets: true })),
				{ ...describeCluster("old", backend.port, {}), track_timeout_budgets: true },
			],
			listeners: [
				{
					name: "l",
					address: socketAddress(0),
					filter_chains: [{ filters: [managerFilter({ route_config: oneHost(routes) })] }],
				},
			],
		},
	});
	return {
		proxy,
		async call(path, body) {
			const port = await proxy.port("l");
			const method = body === undefined ? "GET" : "POST";
			const headers = { host: "h.test", "x-more": "of it" };
			const { status } = await sendRequest({ port, path, method, headers, ...(body !== undefined && { body }) });
			return status;
		},
	};
}

const routes = [
	route("plain"),
	route("chunked"),
	route("again", {
		retry_policy: { retry_on: "5xx", per_try_timeout: "10s", retry_back_off: { base_interval: "0.001s" } },
	}),
	route("silent", { timeout: "0.2s", retry_policy: { retry_on: "5xx", per_try_timeout: "0.08s", num_retries: 1 } }),
	route("broken"),
	route("endless", { timeout: "0s" }),
	route("slow", { timeout: "1s" }),
	route("old"),
];

function describeCluster(name: string, port: number, track: object) {
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
	return staticCluster(name, {
		load_assignment: { cluster_name: name, endpoints },
		...(Object.keys(track).length > 0 && { track_cluster_stats: { ...track, request_response_sizes: true } }),
	});
}

/** Count and sum of each histogram of a cluster. */
async function read({ proxy }: World, cluster: string, filter: string): Promise<Record<string, string>> {
	const { body } = await proxy.admin(`/stats/prometheus?filter=^cluster.${cluster}.upstream_r[qs]_(${filter})`);
	const lines = body.matchAll(/^envoy_cluster_(\w+_(?:count|sum))\{[^}]*\} (\S+)$/gm);
	return Object.fromEntries([...lines].map(([, name, value]) => [name!, value!]));
}

/** The histograms of a request that is over. */
async function measure(world: World, cluster: string, calls: readonly (string | undefined)[] = [undefined]) {
	const statuses = [];
	for (const body of calls) statuses.push(await world.call(`/${cluster}`, body));
	const sizes = await eventually(async () => {
		const found = await read(world, cluster, "headers|body");
		if (Number(found.upstream_rq_headers_size_count ?? 0) < calls.length) throw new Error("not counted yet");
		return found;
	});
	return { statuses, sizes };
}

/** The percentages that do not depend on how fast a machine is. */
async function share(world: World, cluster: string) {
	const found = await read(world, cluster, "timeout_budget");
	const per = "upstream_rq_timeout_budget_per_try_percent_used";
	const all = "upstream_rq_timeout_budget_percent_used";
	return {
		tries: found[`${per}_count`],
		isTrySlow: Number(found[`${per}_sum`]) >= 100,
		requests: found[`${all}_count`],
		isSlow: Number(found[`${all}_sum`]) >= 80,
		isHalf: Number(found[`${all}_sum`]) >= 35,
	};
}

compareWithEnvoy("what clusters measure", {
	start,
	cases: {
		"names of what is asked for": {
			want: [],
			async see({ proxy }) {
				const { body } = await proxy.admin("/stats?filter=upstream_r[qs]_(timeout_budget|headers|body)");
				return body.split("\n").sort();
			},
		},
		"sizes of requests and answers": {
			want: { statuses: [200, 200], sizes: { upstream_rq_headers_size_count: "2" } },
			see: (world) => measure(world, "plain", [undefined, "a body"]),
		},
		"a chunked answer, as the upstream framed it": {
			want: { statuses: [200] },
			see: (world) => measure(world, "chunked"),
		},
		"each attempt": {
			want: { statuses: [200], sizes: { upstream_rs_body_size_count: "2" } },
			see: (world) => measure(world, "again", ["once more"]),
		},
		"shares of a request with a retry": {
			want: { tries: "2", requests: "1" },
			see: (world) => share(world, "again"),
		},
		"an upstream that does not answer": {
			want: { statuses: [504] },
			see: (world) => measure(world, "silent", ["nobody reads it"]),
		},
		"shares of a request that took too long": {
			want: { tries: "2", isTrySlow: true, isSlow: true, requests: "1" },
			see: (world) => share(world, "silent"),
		},
		"an upstream that cannot be reached": {
			want: { statuses: [503] },
			see: (world) => measure(world, "broken"),
		},
		"shares of a request that nobody took": { want: { tries: "1" }, see: (world) => share(world, "broken") },
		"no timeout": {
			want: { tries: "1", isSlow: false },
			async see(world) {
				await measure(world, "endless");
				return share(world, "endless");
			},
		},
		"the whole answer counts": {
			want: { isHalf: true, requests: "1" },
			async see(world) {
				await measure(world, "slow");
				return share(world, "slow");
			},
		},
		"so it does for upstream_rq_time": {
			want: true,
			see: async (world) => Number((await read(world, "slow", "time$")).upstream_rq_time_sum) >= 350,
		},
		"the older field": {
			want: { tries: "1", requests: "1" },
			async see(world) {
				await world.call("/old");
				return eventually(async () => {
					const found = await share(world, "old");
					if (found.tries === "0") throw new Error("not counted yet");
					return found;
				});
			},
		},
	},
});
