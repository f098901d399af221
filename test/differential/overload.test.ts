/** The overload manager, with a resource whose pressure a file says. */

import { renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { openClient } from "../support/raw-client.ts";

function setPressure(side: Side, pressure: number): void {
	writeFileSync(join(side.folder, "pressure.next"), String(pressure));
	renameSync(join(side.folder, "pressure.next"), join(side.folder, "pressure"));
}

const threshold = (value: number) => [{ name: "envoy.resource_monitors.injected_resource", threshold: { value } }];
const action = (name: string, value: number) => ({
	name: `envoy.overload_actions.${name}`,
	triggers: threshold(value),
});

async function start(side: Side) {
	setPressure(side, 0);
	const manager = managerFilter({
		route_config: {
			name: "r",
			virtual_hosts: [
				{
					name: "v",
					domains: ["*"],
					routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hi" } } }],
				},
			],
		},
	});
	const proxy = await side.proxy({
		layered_runtime: { layers: [{ name: "admin", admin_layer: {} }] },
		overload_manager: {
			refresh_interval: "0.05s",
			resource_monitors: [
				{
					name: "envoy.resource_monitors.injected_resource",
					typed_config: typed("resource_monitors.injected_resource.v3.InjectedResourceConfig", {
						filename: join(side.folder, "pressure"),
					}),
				},
				{
					name: "envoy.resource_monitors.fixed_heap",
					typed_config: typed("resource_monitors.fixed_heap.v3.FixedHeapConfig", {
						max_heap_size_bytes: 64 * 1024 * 1024 * 1024,
					}),
				},
				{
					name: "envoy.resource_monitors.global_downstream_max_connections",
					typed_config: typed("resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig", {
						max_active_downstream_connections: 3,
					}),
				},
			],
			actions: [
				action("disable_http_keepalive", 0.5),
				action("stop_accepting_requests", 0.8),
				action("reject_incoming_connections", 0.95),
			],
		},
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
		},
	});
	return { proxy, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

/** Waits until the action is what the pressure makes it. */
async function press({ proxy }: World, side: Side, pressure: number, name: string, active: number): Promise<void> {
	setPressure(side, pressure);
	await eventually(async () => {
		const seen = await proxy.stat(`overload.envoy.overload_actions.${name}.active`);
		if (seen !== active) throw new Error(`${name} is ${seen}`);
	});
}

async function see({ port }: World) {
	const { status, body, headers } = await sendRequest({ port, path: "/" });
	return { status, body, type: headers["content-type"] };
}

/** Whether the connection is still open a while after it was made. */
function isKept(port: number): Promise<{ readonly kept: boolean; end(): void }> {
	return new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1");
		const end = (): void => void socket.destroy();
		const timer = setTimeout(() => resolve({ kept: true, end }), 300);
		const close = (): void => {
			clearTimeout(timer);
			resolve({ kept: false, end });
		};
		socket.on("close", close).on("error", close);
	});
}

compareWithEnvoy("the overload manager", {
	start,
	cases: {
		"nothing happens without pressure": { want: { status: 200, body: "hi" }, see },
		"keep-alive ends": {
			want: "close",
			async see(world, side) {
				await press(world, side, 0.6, "disable_http_keepalive", 1);
				const { headers } = await sendRequest({ port: world.port, path: "/", headers: { connection: "keep-alive" } });
				return headers["connection"];
			},
		},
		"the end of the connection is left to the client": {
			want: ["close", "close"],
			async see(world, side) {
				const client = await openClient(side, world.port);
				const ask = async () => {
					client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
					return (await client.response()).headers.get("connection");
				};
				const seen = [await ask(), await ask()];
				client.socket.destroy();
				return seen;
			},
		},
		"it is counted": {
			want: { "http.in.downstream_cx_overload_disable_keepalive": 2 },
			see: ({ proxy }) => proxy.stats("overload_disable_keepalive"),
		},
		"requests are shed": {
			want: { status: 503, body: "envoy overloaded" },
			async see(world, side) {
				await press(world, side, 0.9, "stop_accepting_requests", 1);
				return see(world);
			},
		},
		"shed requests are counted": {
			want: { "http.in.downstream_rq_overload_close": 1 },
			see: ({ proxy }) => proxy.stats("^http\\.in\\.(downstream_rq_(overload_close|5xx|2xx))$"),
		},
		"pressures and actions are shown": {
			want: { "overload.envoy.resource_monitors.injected_resource.pressure": 90 },
			see: ({ proxy }) => proxy.stats("^overload\\.envoy\\.(resource_monitors\\.injected|overload_actions)"),
		},
		"connections are refused": {
			want: false,
			async see(world, side) {
				await press(world, side, 1, "reject_incoming_connections", 1);
				const { end, kept } = await isKept(world.port);
				end();
				return kept;
			},
		},
		"refused connections are counted": {
			want: [1],
			see: async ({ proxy }) => Object.values(await proxy.stats("^listener\\.127.*downstream_cx_overload_reject$")),
		},
		"without pressure it serves again": {
			want: { status: 200 },
			async see(world, side) {
				await press(world, side, 0.1, "disable_http_keepalive", 0);
				return see(world);
			},
		},
		"a pressure that cannot be read keeps what was": {
			want: 200,
			async see(world, side) {
				writeFileSync(join(side.folder, "pressure.next"), "much");
				renameSync(join(side.folder, "pressure.next"), join(side.folder, "pressure"));
				await eventually(async () => {
					const name = "overload.envoy.resource_monitors.injected_resource.failed_updates";
					if ((await world.proxy.stat(name)) === 0) throw new Error("not read yet");
				});
				return (await see(world)).status;
			},
		},
		"there is a limit of connections": {
			want: { within: [true, true, true], beyond: false },
			async see({ port }) {
				const within = await Promise.all([isKept(port), isKept(port), isKept(port)]);
				const beyond = await isKept(port);
				for (const one of [...within, beyond]) one.end();
				return { within: within.map(({ kept }) => kept), beyond: beyond.kept };
			},
		},
		"connections beyond it are counted": {
			want: [1],
			see: async ({ proxy }) => Object.values(await proxy.stats("^listener\\.127.*downstream_global_cx_overflow$")),
		},
	},
});
