/** Two workers on one port: everything an operator sees is of one process. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { eventually } from "../support/eventually.ts";
import { type HttpAnswer, sendRequest } from "../support/http-call.ts";

const cluster = (name: string, port: number, fields: object = {}) => ({
	name,
	connect_timeout: "1s",
	load_assignment: {
		cluster_name: name,
		endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
	},
	...fields,
});

const routeType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

function putRoutes(side: Side, body: string): void {
	const routes = [
		{ match: { prefix: "/limited" }, route: { cluster: "limited" } },
		{ match: { prefix: "/ejected" }, route: { cluster: "ejected" } },
		{ match: { prefix: "/checked" }, route: { cluster: "checked" } },
		{ match: { prefix: "/up" }, route: { cluster: "plain" } },
		{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: body } } },
	];
	const resource = { "@type": routeType, name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] };
	writeFileSync(join(side.folder, "rds.next"), JSON.stringify({ resources: [resource] }));
	renameSync(join(side.folder, "rds.next"), join(side.folder, "rds.json"));
}

async function start(side: Side) {
	const backend = await startEchoBackend(side, "backend");
	putRoutes(side, "one");
	const log = join(side.folder, "access.log");
	const manager = managerFilter({
		route_config: undefined,
		rds: {
			route_config_name: "r",
			config_source: { resource_api_version: "V3", path_config_source: { path: join(side.folder, "rds.json") } },
		},
		access_log: [
			{
				name: "file",
				typed_config: typed("access_loggers.file.v3.FileAccessLog", {
					path: log,
					log_format: { text_format_source: { inline_string: "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n" } },
				}),
			},
		],
	});
	const path = join(side.folder, "l.sock");
	const proxy = await side.proxy(
		{
			node: { id: "node", cluster: "cluster" },
			layered_runtime: { layers: [{ name: "admin", admin_layer: {} }] },
			static_resources: {
				listeners: [
					{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] },
					{ name: "p", address: { pipe: { path } }, filter_chains: [{ filters: [manager] }] },
				],
				clusters: [
					cluster("plain", backend.port),
					cluster("limited", backend.port, {
						circuit_breakers: { thresholds: [{ max_requests: 1 }] },
					}),
					cluster("ejected", backend.port, {
						common_lb_config: { healthy_panic_threshold: { value: 0 } },
						outlier_detection: { consecutive_5xx: 3, base_ejection_time: "60s", max_ejection_percent: 100 },
					}),
					cluster("checked", 1, {
						common_lb_config: { healthy_panic_threshold: { value: 0 } },
						health_checks: [
							{
								timeout: "1s",
								interval: "0.1s",
								unhealthy_threshold: 1,
								healthy_threshold: 1,
								tcp_health_check: {},
							},
						],
					}),
				],
			},
		},
		{ args: ["--concurrency", "2"] },
	);
	return { proxy, log, path, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

/** Enough connections for the kernel to give some to either worker. */
const many = 24;

/** Requests on connections of their own, all at once. */
function callAll({ port }: World, path: string): Promise<HttpAnswer[]> {
	return Promise.all(Array.from({ length: many }, () => sendRequest({ port, path })));
}

function countBy(answers: readonly HttpAnswer[]): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const { status, body } of answers) {
		const key = `${status} ${body}`;
		counts[key] = (counts[key] ?? 0) + 1;
	}
	return counts;
}

compareWithEnvoy("two workers", {
	start,
	cases: {
		"both answer, from the routes of a file": {
			want: { "200 one": many },
			see: async (world) => countBy(await callAll(world, "/")),
		},
		"counts are of both": {
			want: { "http.in.downstream_rq_2xx": many, "http.in.downstream_cx_total": many },
			see: ({ proxy }) => proxy.stats("^http\\.in\\.downstream_(rq_(2xx|total|completed)|cx_total)$"),
		},
		"workers and listeners": {
			want: { "listener_manager.workers_started": 1, "server.concurrency": 2 },
			see: ({ proxy }) =>
				proxy.stats("^(listener_manager\\.(workers_started|total_listeners_\\w+|listener_\\w+)|server\\.concurrency)$"),
		},
		"a listener is listed once": {
			want: ["l", "p"],
			async see({ proxy }) {
				const lines = (await proxy.admin("/listeners")).body.trim().split("\n");
				return lines.map((line) => line.split("::")[0]).sort();
			},
		},
		"a changed file changes both": {
			want: { "200 two": many },
			async see(world, side) {
				putRoutes(side, "two");
				let counts: Record<string, number> = {};
				await eventually(async () => {
					counts = countBy(await callAll(world, "/"));
					if (counts["200 two"] !== many) throw new Error(`still ${JSON.stringify(counts)}`);
				});
				return counts;
			},
		},
		"a circuit breaker is of both": {
			want: { "200 backend": 1 },
			see: async (world) => countBy(await callAll(world, "/limited?delay=700")),
		},
		"its overflow is counted once each": {
			want: { "cluster.limited.upstream_rq_503": many - 1 },
			see: ({ proxy }) => proxy.stats("^cluster\\.limited\\.(upstream_rq_(pending_overflow|total|200|503))$"),
		},
		"failures on either worker eject a host": {
			want: { after: [503, "no healthy upstream"] },
			async see({ port, proxy }) {
				const before: number[] = [];
				for (let call = 0; call < 3; call++) {
					before.push((await sendRequest({ port, path: "/ejected?code=500" })).status);
				}
				await eventually(async () => {
					const active = await proxy.stat("cluster.ejected.outlier_detection.ejections_active");
					if (active !== 1) throw new Error(`${active} ejections`);
				});
				const { status, body } = await sendRequest({ port, path: "/ejected" });
				return { before, after: [status, body] };
			},
		},
		"an ejection is shown": {
			want: { "cluster.ejected.outlier_detection.ejections_enforced_total": 1 },
			see: ({ proxy }) =>
				proxy.stats(
					"^cluster\\.ejected\\.outlier_detection\\.ejections_(active|enforced_total|detected_consecutive_5xx)$",
				),
		},
		"an ejected host for both": {
			want: { "503 no healthy upstream": many },
			see: async (world) => countBy(await callAll(world, "/ejected")),
		},
		"a host that fails its checks is checked once for both": {
			want: { "503 no healthy upstream": many },
			async see(world) {
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.checked.health_check.failure")) === 0) throw new Error("not checked");
				});
				return countBy(await callAll(world, "/checked"));
			},
		},
		"hosts' counts are of both": {
			want: ["plain rq_success 24", "plain rq_total 24"],
			async see(world) {
				await callAll(world, "/up");
				const { body } = await world.proxy.admin("/clusters");
				return [...body.matchAll(/^plain::[^:]+:\d+::(rq_(?:success|error|total|timeout))::(\d+)$/gm)]
					.map(([, name, count]) => `plain ${name} ${count}`)
					.filter((line) => !line.endsWith(" 0"))
					.sort();
			},
		},
		"runtime changes reach both": {
			want: 200,
			see: async ({ proxy }) => (await proxy.admin("/runtime_modify?some.key=1", "POST")).status,
		},
		"a failing health check answers for the process": {
			want: [503, 200],
			async see({ proxy }) {
				await proxy.admin("/healthcheck/fail", "POST");
				const failing = (await proxy.admin("/ready")).status;
				await proxy.admin("/healthcheck/ok", "POST");
				return [failing, (await proxy.admin("/ready")).status];
			},
		},
		"listeners drain on both": {
			want: "refused",
			async see({ port, proxy }) {
				await proxy.admin("/drain_listeners", "POST");
				let seen = "";
				await eventually(async () => {
					const results = await Promise.allSettled(Array.from({ length: 8 }, () => sendRequest({ port, path: "/" })));
					seen = results.every(({ status }) => status === "rejected") ? "refused" : "accepted";
					if (seen !== "refused") throw new Error("still accepting");
				});
				return seen;
			},
		},
		"one access log with whole lines, written at the end": {
			want: { exit: 0, broken: 0 },
			async see({ log, proxy }) {
				const exit = await proxy.stop();
				const lines = readFileSync(log, "utf8").trimEnd().split("\n");
				const paths = lines.map((line) => line.split("?")[0]!.split(" ")[0]);
				const isWhole = (line: string): boolean => /^\/\S* \d{3} \S+$/.test(line);
				return {
					exit,
					broken: lines.filter((line) => !isWhole(line)).length,
					up: paths.filter((path) => path === "/up").length,
					limited: paths.filter((path) => path === "/limited").length,
					checked: paths.filter((path) => path === "/checked").length,
				};
			},
		},
	},
});
