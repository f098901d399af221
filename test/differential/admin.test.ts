/** The admin port: texts, statuses and what commands change. */
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { openClient } from "../support/raw-client.ts";

type World = { readonly proxy: ProxyProcess };

async function ask({ proxy }: World, path: string, method = "GET") {
	const { status, body, headers } = await proxy.admin(path, method);
	return { status, body, type: headers["content-type"], cache: headers["cache-control"] };
}

/** Without ports. */
async function askFor(world: World, path: string, method = "GET") {
	const answer = await ask(world, path, method);
	return { ...answer, body: answer.body.replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:port") };
}

/** One endpoint for each thing that discovery may say. */
const states = {
	cluster_name: "states",
	endpoints: [
		{
			lb_endpoints: ["HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"].map((health_status, index) => ({
				endpoint: { address: socketAddress(81 + index) },
				health_status,
			})),
		},
	],
};

compareWithEnvoy("the admin port", {
	async start(side): Promise<World> {
		const proxy = await side.proxy({
			layered_runtime: {
				layers: [
					{ name: "base", static_layer: { "a.b": 1, text: "x" } },
					{ name: "admin", admin_layer: {} },
				],
			},
			static_resources: {
				listeners: [
					{
						name: "l",
						address: socketAddress(0),
						additional_addresses: [{ address: socketAddress(0) }],
						filter_chains: [{ filters: [managerFilter()] }],
					},
				],
				clusters: [
					staticCluster("c1"),
					staticCluster("states", { load_assignment: states }),
					staticCluster("budget", {
						circuit_breakers: {
							thresholds: [
								{ max_retries: 9, retry_budget: {} },
								{ priority: "HIGH", max_retries: 9, retry_budget: { min_retry_concurrency: 5 } },
							],
						},
					}),
				],
			},
		});
		return { proxy };
	},
	cases: {
		"the list of commands": { want: { status: 200 }, see: (world) => ask(world, "/help") },
		"an unknown path": { want: { status: 404 }, see: (world) => ask(world, "/no-such-page") },
		"a path that is not in its normal form": {
			want: { status: 200, body: "LIVE\n" },
			see: (world) => ask(world, "//stats/../%72eady"),
		},
		"a change by GET": { want: { status: 405 }, see: (world) => ask(world, "/quitquitquit") },
		"what is refused before any command, and an end that the client asks for": {
			want: { old: { status: 426 }, hostless: { status: 400 }, absolute: { status: 404 }, last: { status: 200 } },
			async see({ proxy }, side) {
				const say = async (text: string) => {
					const client = await openClient(side, proxy.adminPort);
					client.send(text);
					const { status, headers, body } = await client.response();
					return { status, headers: [...headers.keys()].sort(), body };
				};
				return {
					old: await say("GET /ready HTTP/1.0\r\n\r\n"),
					hostless: await say("GET /ready HTTP/1.1\r\n\r\n"),
					fragment: await say("GET /ready#x HTTP/1.1\r\nhost: a\r\n\r\n"),
					absolute: await say("GET http://a/ready HTTP/1.1\r\nhost: a\r\n\r\n"),
					last: await say("GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
				};
			},
		},
		"listeners as text": { want: { status: 200 }, see: (world) => askFor(world, "/listeners") },
		"clusters as text": { want: { status: 200 }, see: (world) => askFor(world, "/clusters?filter=c1") },
		"limits that the runtime changed, and what budgets of retries come to": {
			want: { text: { status: 200 } },
			async see(world) {
				await ask(world, "/runtime_modify?circuit_breakers.c1.default.max_connections=7", "POST");
				const text = await askFor(world, "/clusters?filter=c1|budget");
				const both = JSON.parse((await ask(world, "/clusters?format=json&filter=c1|budget")).body) as {
					cluster_statuses: { name: string; circuit_breakers: object }[];
				};
				await ask(world, "/runtime_modify?circuit_breakers.c1.default.max_connections=", "POST");
				const lines = text.body.split("\n").filter((line) => line.includes("::max_"));
				return {
					text: { ...text, body: lines.sort() },
					json: both.cluster_statuses.map(({ name, circuit_breakers }) => [name, circuit_breakers]).sort(),
				};
			},
		},
		"what the server says of itself": {
			want: { status: 200 },
			see: (world) =>
				ask(world, "/stats?usedonly&type=Gauges&filter=^server.(days|conc|compil)|^runtime.admin_overrides"),
		},
		"threads that stand still": {
			want: { status: 200 },
			see: (world) => ask(world, "/stats?filter=watchdog"),
		},
		"fields that are no lists": {
			want: [[400], [400], [400]],
			see: async (world) => {
				const fields = ["version_info", "last_updated", "bootstrap"];
				const answers = await Promise.all(fields.map((field) => ask(world, `/config_dump?resource=${field}`)));
				return answers.map(({ status, body }) => [status, body]);
			},
		},
		"loggers' levels": {
			want: { one: { status: 200 }, broken: { status: 400 } },
			async see(world) {
				// The two begin with levels of their own.
				await ask(world, "/logging?level=warning", "POST");
				const one = await ask(world, "/logging?http=error", "POST");
				return { one, broken: await ask(world, "/logging?paths=http", "POST") };
			},
		},
		"runtime values that change": {
			want: { changed: { status: 200, body: "OK\n" } },
			async see(world) {
				const changed = await ask(world, "/runtime_modify?text=y&more=2", "POST");
				return { changed, runtime: JSON.parse((await ask(world, "/runtime")).body) as unknown };
			},
		},
		"a broken pattern": { want: { status: 400 }, see: (world) => ask(world, "/stats?filter=((") },
		"a broken format": { want: { status: 400 }, see: (world) => ask(world, "/stats?format=xml") },
		"counters by name": { want: { status: 200 }, see: (world) => ask(world, "/stats?filter=^cluster.c1.upstream_rq") },
		"gauges that were used": {
			want: { status: 200 },
			see: (world) => ask(world, "/stats?usedonly&type=Gauges&filter=^cluster.c1.membership_total"),
		},
		"histograms in detail": {
			want: { status: 200 },
			see: (world) => ask(world, "/stats?format=json&histogram_buckets=detailed&filter=c1.upstream_cx_length"),
		},
		"Prometheus with summaries": {
			want: { status: 200 },
			see: (world) =>
				ask(world, "/stats/prometheus?histogram_buckets=cumulative&filter=c1.upstream_rq_(total|active)$"),
		},
		"a resource that is none": { want: { status: 404 }, see: (world) => ask(world, "/config_dump?resource=none") },
		"a mask that fits nothing": { want: { status: 400 }, see: (world) => ask(world, "/config_dump?mask=none") },
		profilers: {
			want: [{ status: 400 }, { status: 200 }],
			see: (world) => Promise.all([ask(world, "/cpuprofiler", "POST"), ask(world, "/cpuprofiler?enable=n", "POST")]),
		},
		"health checks that fail": {
			want: { failed: { status: 503, body: "DRAINING\n" }, mended: { status: 200 } },
			async see(world) {
				await ask(world, "/healthcheck/fail", "POST");
				const failed = await ask(world, "/ready");
				await ask(world, "/healthcheck/ok", "POST");
				return { failed, mended: await ask(world, "/ready") };
			},
		},
		"a drain that is told to stop nothing": {
			want: { status: 200, listeners: 200 },
			async see(world) {
				const { status } = await ask(world, "/drain_listeners?skip_exit", "POST");
				const answer = await sendRequest({
					port: await world.proxy.port("l"),
					path: "/nowhere",
					method: "OPTIONS",
				}).then(
					() => 200,
					() => 0,
				);
				return { status, listeners: answer };
			},
		},
		"endpoints by their health": {
			want: { status: 200 },
			see: (world) => ask(world, "/config_dump?include_eds&resource=static_endpoint_configs&name_regex=states"),
		},
		"masks that name no field, and sections that are not asked for": {
			want: { packed: 400, unknown: 400, endpoints: 404, empty: { status: 200 }, good: { status: 200 } },
			async see(world) {
				const of = (query: string) => ask(world, `/config_dump?${query}`);
				return {
					packed: (await of("resource=static_clusters&mask=cluster")).status,
					unknown: (await of("resource=static_clusters&mask=cluster.nope")).status,
					endpoints: (await of("resource=static_endpoint_configs")).status,
					empty: await of("mask=dynamic_active_clusters"),
					good: await of("resource=static_clusters&mask=cluster.name"),
				};
			},
		},
		"counters set back": {
			want: { status: 200, body: "OK\n" },
			see: (world) => ask(world, "/reset_counters", "POST"),
		},
	},
});
