/** What is written down of hosts that fail: ejections by outlier detection, results of active health checks. */

import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

interface World {
	readonly proxy: ProxyProcess;
	/** What the backend answers from now on. */
	readonly answer: (status: number) => void;
	/** Events without times and ports, once the proxy has ended. */
	readonly events: (file: string) => unknown[];
}

async function start(side: Side): Promise<World> {
	let status = 200;
	const backend = createServer((_request, response) => {
		response.statusCode = status;
		response.end();
	});
	backend.listen(0, "127.0.0.1");
	await once(backend, "listening");
	side.after(() => backend.close());
	const { port } = backend.address() as AddressInfo;
	const path = (file: string): string => join(side.folder, `${file}.log`);
	const sink = (file: string): object => ({
		name: "file",
		typed_config: typed("health_check.event_sinks.file.v3.HealthCheckEventFileSink", { event_log_path: path(file) }),
	});
	const check = (more: object): object => ({
		timeout: "2s",
		interval: "0.05s",
		no_traffic_interval: "0.05s",
		unhealthy_threshold: 2,
		healthy_threshold: 2,
		http_health_check: { path: "/" },
		...more,
	});
	const gone = await findFreePort();
	const cluster = (name: string, more: object, to = port): object =>
		staticCluster(name, {
			load_assignment: {
				cluster_name: name,
				endpoints: [{ locality: { zone: "z" }, lb_endpoints: [{ endpoint: { address: socketAddress(to) } }] }],
			},
			...more,
		});
	const proxy = await side.proxy(
		{
			cluster_manager: { outlier_detection: { event_log_path: path("ejections") } },
			static_resources: {
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [managerFilter()] }] }],
				clusters: [
					cluster("c1", {
						outlier_detection: {
							consecutive_5xx: 2,
							consecutive_gateway_failure: 2,
							enforcing_consecutive_gateway_failure: 0,
							interval: "0.1s",
							base_ejection_time: "0.1s",
							max_ejection_percent: 100,
						},
					}),
					cluster("checked", { health_checks: [check({ event_log_path: path("checks") })] }),
					cluster("gone", { health_checks: [check({ event_log_path: path("gone") })] }, gone),
					cluster("watched", {
						health_checks: [
							check({
								event_logger: [sink("all")],
								always_log_health_check_failures: true,
								always_log_health_check_success: true,
							}),
						],
					}),
				],
			},
		},
		{ args: ["--file-flush-interval-msec", "100"] },
	);
	const events = (file: string): unknown[] => {
		if (!existsSync(path(file))) return [];
		const text = readFileSync(path(file), "utf8").replaceAll(String(port), "0").replaceAll(String(gone), "0");
		return text
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => {
				const { timestamp, secs_since_last_action: seconds, ...event } = JSON.parse(line) as Record<string, unknown>;
				return { ...event, timed: typeof timestamp, seconds: typeof seconds };
			});
	};
	return {
		proxy,
		answer(next) {
			status = next;
		},
		events,
	};
}

async function untilStat({ proxy }: World, name: string, wanted: number): Promise<void> {
	await eventually(async () => {
		const value = await proxy.stat(name);
		if (value !== wanted) throw new Error(`${name} is ${value}, not ${wanted}`);
	});
}

/** Each event once, in the order in which they came first. */
function distinct(events: readonly unknown[]): unknown[] {
	const seen = new Map(events.map((event) => [JSON.stringify(event), event]));
	return [...seen.values()];
}

compareWithEnvoy("logs of events", {
	start,
	cases: {
		"hosts fail and mend": {
			want: { ejections: 1 },
			async see(world) {
				const { proxy, answer } = world;
				for (const name of ["checked", "watched"]) await untilStat(world, `cluster.${name}.membership_healthy`, 1);
				answer(503);
				const port = await proxy.port("l");
				for (let request = 0; request < 2; request++) await sendRequest({ port, path: "/" });
				for (const name of ["checked", "watched"]) await untilStat(world, `cluster.${name}.membership_healthy`, 0);
				answer(200);
				for (const name of ["checked", "watched"]) await untilStat(world, `cluster.${name}.membership_healthy`, 1);
				await untilStat(world, "cluster.c1.outlier_detection.ejections_active", 0);
				return { ejections: await proxy.stat("cluster.c1.outlier_detection.ejections_enforced_total") };
			},
		},
		"what was written": {
			want: {
				ejections: [{ action: "EJECT", enforced: false }, { action: "EJECT", enforced: true }, { action: "UNEJECT" }],
				checks: [
					{ add_healthy_event: { first_check: true } },
					{ eject_unhealthy_event: { failure_type: "ACTIVE" } },
					{ add_healthy_event: { first_check: false } },
				],
			},
			async see({ proxy, events }) {
				await proxy.stop();
				return {
					ejections: events("ejections"),
					checks: events("checks"),
					all: distinct(events("all")),
					gone: distinct(events("gone")),
				};
			},
		},
	},
});
