/** Ways to drain: what happens to kept connections and to new ones. */
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { openClient, type RawClient } from "../support/raw-client.ts";

const listeners = { plain: {}, inbound: { traffic_direction: "INBOUND" }, modified: { drain_type: "MODIFY_ONLY" } };
const names = Object.keys(listeners);

async function start(side: Side) {
	const manager = managerFilter({
		drain_timeout: "0.5s",
		route_config: {
			name: "r",
			virtual_hosts: [
				{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
			],
		},
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: Object.entries(listeners).map(([name, fields]) => ({
				name,
				address: socketAddress(0),
				filter_chains: [{ filters: [manager] }],
				...fields,
			})),
		},
		layered_runtime: { layers: [{ name: "admin", admin_layer: {} }] },
	});
	const clients: Record<string, RawClient> = {};
	for (const name of names) {
		clients[name] = await openClient(side, await proxy.port(name));
		await ask(clients[name]);
	}
	return { proxy, clients };
}

type World = Awaited<ReturnType<typeof start>>;

async function ask(client: RawClient) {
	client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
	const { status, headers } = await client.response();
	return { status, connection: headers.get("connection") };
}

/** Requests on the connections that are there already. */
async function askAll({ clients }: World) {
	const seen: Record<string, unknown> = {};
	for (const name of names) seen[name] = await ask(clients[name]!);
	return seen;
}

/** New connections; a listener that stops does so a moment after it was asked to. */
async function connectAll({ proxy }: World, stopped: readonly string[]) {
	const seen: Record<string, unknown> = {};
	for (const name of names) {
		const port = await proxy.port(name);
		const call = () =>
			sendRequest({ port, path: "/" }).then(
				({ status }) => status,
				() => "refused",
			);
		if (stopped.includes(name)) {
			await eventually(async () => {
				if ((await call()) !== "refused") throw new Error(`${name} still listens`);
			});
		}
		seen[name] = await call();
	}
	return seen;
}

const ways: Record<string, readonly string[]> = {
	"/drain_listeners": ["plain", "inbound", "modified"],
	"/drain_listeners?inboundonly": ["inbound"],
	"/drain_listeners?graceful&skip_exit": [],
};
for (const [path, stopped] of Object.entries(ways)) {
	compareWithEnvoy(`POST ${path}`, {
		start,
		cases: {
			"new connections": {
				want: Object.fromEntries(names.map((name) => [name, stopped.includes(name) ? "refused" : 200])),
				async see(world) {
					await world.proxy.admin(path, "POST");
					return connectAll(world, stopped);
				},
			},
			"kept connections": { want: { plain: { status: 200 } }, see: askAll },
			"it is counted": {
				want: { "listener_manager.listener_stopped": stopped.length },
				see: ({ proxy }) => proxy.stats("^listener_manager.listener_stopped|^server.live$"),
			},
			"who has stopped does not stop again": {
				want: { stopped: names.length },
				async see(world) {
					await world.proxy.admin("/drain_listeners", "POST");
					await connectAll(world, names);
					return { stopped: await world.proxy.stat("listener_manager.listener_stopped") };
				},
			},
		},
	});
}

compareWithEnvoy("POST /healthcheck/fail", {
	start,
	cases: {
		"clients are asked to close": {
			want: { plain: { connection: "close" }, modified: { connection: undefined } },
			async see(world) {
				await world.proxy.admin("/healthcheck/fail", "POST");
				return askAll(world);
			},
		},
		"and may ask on for a while": { want: { plain: { status: 200, connection: "close" } }, see: askAll },
		"until the drain time is over": {
			want: "ended",
			async see({ clients }) {
				await clients["plain"]!.closed();
				return "ended";
			},
		},
		"new connections are served": { want: { plain: 200, modified: 200 }, see: (world) => connectAll(world, []) },
		"it is shown": {
			want: { "server.live": 0 },
			see: ({ proxy }) => proxy.stats("^server.live$|^http.in.downstream_cx_drain_close$"),
		},
	},
});

compareWithEnvoy("limits of connections that the runtime sets", {
	async start(side) {
		const filters = [{ name: "echo", typed_config: typed("filters.network.echo.v3.Echo") }];
		const proxy = await side.proxy({
			static_resources: {
				listeners: ["narrow", "wide"].map((name) => ({
					name,
					address: socketAddress(0),
					filter_chains: [{ filters }],
				})),
			},
			layered_runtime: {
				layers: [{ name: "s", static_layer: { "envoy.resource_limits.listener.narrow.connection_limit": 1 } }],
			},
		});
		return { proxy, side };
	},
	cases: {
		"a second connection is closed": {
			want: ["echo", "closed"],
			async see({ proxy, side }) {
				const port = await proxy.port("narrow");
				const first = await openClient(side, port);
				first.send("echo");
				const seen = [await first.take(4)];
				const second = await openClient(side, port);
				await second.closed();
				seen.push("closed");
				return seen;
			},
		},
		"it is counted": {
			want: [1],
			see: async ({ proxy }) =>
				Object.values(await proxy.stats("^listener\\.127.*\\.downstream_cx_overflow$"))
					.sort()
					.reverse(),
		},
	},
});

compareWithEnvoy("paths of the admin port that are answered", {
	start: async (side) => ({
		proxy: await side.proxy({
			admin: {
				allow_paths: [{ prefix: "/ready" }, { exact: "/listeners" }, { prefix: "/server_info" }, { prefix: "/stats" }],
			},
			static_resources: {},
		}),
	}),
	cases: Object.fromEntries(
		["/ready", "/listeners", "/clusters", "/listeners?format=json"].map((path) => [
			path,
			{
				want: {},
				see: async ({ proxy }: { proxy: World["proxy"] }) => {
					const { status, body } = await proxy.admin(path);
					return { status, body };
				},
			},
		]),
	),
});
