/** Actions of the overload manager that make clients wait, or wait less: connections that are not accepted, timeouts that get shorter. */

import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

function setPressure(side: Side, pressure: number): void {
	writeFileSync(join(side.folder, "pressure.next"), String(pressure));
	renameSync(join(side.folder, "pressure.next"), join(side.folder, "pressure"));
}

const resource = "envoy.resource_monitors.injected_resource";

async function start(side: Side) {
	setPressure(side, 0);
	const silent = createServer(() => undefined);
	await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
	side.after(() => {
		silent.closeAllConnections();
		silent.close();
	});
	const direct = { status: 200, body: { inline_string: "hi" } };
	const routes = [
		{ match: { path: "/silent" }, route: { cluster: "c1", timeout: "0s" } },
		{ match: { path: "/own" }, route: { cluster: "c1", timeout: "0s", idle_timeout: "120s" } },
		{ match: { prefix: "/" }, direct_response: direct },
	];
	const manager = managerFilter({
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		common_http_protocol_options: { idle_timeout: "100s" },
		stream_idle_timeout: "100s",
		drain_timeout: "0.1s",
	});
	const { port } = silent.address() as AddressInfo;
	const proxy = await side.proxy({
		overload_manager: {
			refresh_interval: "0.05s",
			resource_monitors: [
				{
					name: resource,
					typed_config: typed("resource_monitors.injected_resource.v3.InjectedResourceConfig", {
						filename: join(side.folder, "pressure"),
					}),
				},
				{
					name: "envoy.resource_monitors.cpu_utilization",
					typed_config: typed("resource_monitors.cpu_utilization.v3.CpuUtilizationConfig"),
				},
			],
			actions: [
				{
					name: "envoy.overload_actions.reduce_timeouts",
					triggers: [{ name: resource, scaled: { scaling_threshold: 0.2, saturation_threshold: 0.6 } }],
					typed_config: {
						"@type": "type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig",
						timer_scale_factors: [
							{ timer: "HTTP_DOWNSTREAM_CONNECTION_IDLE", min_timeout: "0.2s" },
							{ timer: "HTTP_DOWNSTREAM_STREAM_IDLE", min_scale: { value: 0.2 } },
						],
					},
				},
				{
					name: "envoy.overload_actions.stop_accepting_connections",
					triggers: [{ name: resource, threshold: { value: 0.9 } }],
				},
				{ name: "envoy.overload_actions.shrink_heap", triggers: [{ name: resource, threshold: { value: 0.95 } }] },
			],
		},
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				staticCluster("c1", {
					load_assignment: {
						cluster_name: "c1",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
					},
				}),
			],
		},
	});
	return { proxy, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

/** Waits until an action is as far as the pressure brings it. */
async function press({ proxy }: World, side: Side, pressure: number, name: string, percent: number): Promise<void> {
	setPressure(side, pressure);
	await eventually(async () => {
		const seen = await proxy.stat(`overload.envoy.overload_actions.${name}.scale_percent`);
		if (seen !== percent) throw new Error(`${name} is at ${seen}`);
	});
}

/** A connection on which one request was answered. */
async function connectAndAsk(port: number): Promise<Socket> {
	const socket = connect(port, "127.0.0.1");
	socket.on("error", () => undefined);
	socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
	await once(socket, "data");
	return socket;
}

compareWithEnvoy("actions of the overload manager", {
	start,
	cases: {
		"idle connections end sooner": {
			want: { before: false, after: 1 },
			async see(world, side) {
				const socket = await connectAndAsk(world.port);
				const before = socket.destroyed;
				const gone = once(socket, "close");
				socket.on("end", () => socket.end());
				await press(world, side, 0.6, "reduce_timeouts", 100);
				await gone;
				return { before, after: await world.proxy.stat("http.in.downstream_cx_idle_timeout") };
			},
		},
		"and those that come meanwhile": {
			want: 2,
			async see({ port, proxy }) {
				const socket = await connectAndAsk(port);
				socket.on("end", () => socket.end());
				await once(socket, "close");
				return await proxy.stat("http.in.downstream_cx_idle_timeout");
			},
		},
		"half the pressure is half the way": {
			want: { "overload.envoy.overload_actions.reduce_timeouts.scale_percent": 50 },
			async see(world, side) {
				await press(world, side, 0.4, "reduce_timeouts", 50);
				return await world.proxy.stats("reduce_timeouts");
			},
		},
		"requests that do not move end sooner": {
			want: [
				{ status: 504, body: "stream timeout" },
				{ status: 504, body: "stream timeout" },
			],
			async see(world, side) {
				const calls = ["/silent", "/own"].map((path) => sendRequest({ port: world.port, path }));
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.c1.upstream_rq_active")) < 2) throw new Error("not sent yet");
				});
				await press(world, side, 0.6, "reduce_timeouts", 100);
				return (await Promise.all(calls)).map(({ status, body }) => ({ status, body }));
			},
		},
		"without pressure they stay": {
			want: { open: true, idle: 2 },
			async see(world, side) {
				await press(world, side, 0, "reduce_timeouts", 0);
				const socket = await connectAndAsk(world.port);
				await new Promise((resolve) => setTimeout(resolve, 500));
				const open = !socket.destroyed && socket.readable;
				socket.destroy();
				return { open, idle: await world.proxy.stat("http.in.downstream_cx_idle_timeout") };
			},
		},
		"connections wait, and are served later": {
			want: { early: false, body: "hi" },
			async see(world, side) {
				await press(world, side, 0.92, "stop_accepting_connections", 100);
				const before = await world.proxy.stat("http.in.downstream_rq_total");
				let answered = false;
				const answer = sendRequest({ port: world.port, path: "/" }).then((one) => {
					answered = true;
					return one;
				});
				await new Promise((resolve) => setTimeout(resolve, 400));
				const early = answered || (await world.proxy.stat("http.in.downstream_rq_total")) !== before;
				await press(world, side, 0, "stop_accepting_connections", 0);
				return { early, body: (await answer).body };
			},
		},
		"open connections are served meanwhile": {
			want: "HTTP/1.1 200 OK",
			async see(world, side) {
				const socket = await connectAndAsk(world.port);
				await press(world, side, 0.92, "stop_accepting_connections", 100);
				socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
				const [data] = (await once(socket, "data")) as [Buffer];
				socket.destroy();
				await press(world, side, 0, "stop_accepting_connections", 0);
				return data.toString().split("\r\n")[0];
			},
		},
		"actions are counted": {
			want: {
				"overload.envoy.overload_actions.shrink_heap.active": 0,
				"overload.envoy.overload_actions.shrink_heap.shrink_count": 0,
			},
			see: ({ proxy }) => proxy.stats("^overload\\.envoy\\.overload_actions"),
		},
		"processor time is a resource": {
			want: 0,
			see: ({ proxy }) => proxy.stat("overload.envoy.resource_monitors.cpu_utilization.failed_updates"),
		},
	},
});
