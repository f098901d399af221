/** One aggregated stream as the only source of configuration, both ways of the protocol: the same script for both proxies. */

import { clusterType, endpointType, listenerType, routeType } from "../../src/xds/server/index.ts";
import { managerFilter } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { type ManagedResources, type NamedJson, startManagementServer } from "../support/management-server.ts";
import { startNamedBackends } from "../support/named-backends.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { makeAdsBootstrap, makeAssignment, makeCluster, makeListener, makeRoutes } from "../support/xds-resources.ts";

type Management = Awaited<ReturnType<typeof startManagementServer>>;

interface World {
	readonly proxy: ProxyProcess;
	management: Management;
	/** The port of a listener by its name. */
	port(listener?: string): Promise<number>;
	backend(name: string): number;
}

function makeStart(delta: boolean) {
	return async (side: Side): Promise<World> => {
		const { portOf } = await startNamedBackends(side, ["one", "two"]);
		const management = await startManagementServer(side, {
			clusters: [makeCluster("a"), makeCluster("b")],
			assignments: [makeAssignment("a", [portOf("one")]), makeAssignment("b", [portOf("two")])],
			listeners: [makeListener("entry", "routes")],
			routes: [makeRoutes("routes", "a")],
		});
		const proxy = await side.proxy(makeAdsBootstrap(management.port, delta));
		return { proxy, management, port: (listener = "entry") => proxy.port(listener), backend: portOf };
	};
}

/** What a request is answered, once it is what it should become. */
async function settle(world: World, wanted: string, listener = "entry"): Promise<unknown> {
	return await eventually(async () => {
		const { status, body } = await sendRequest({ port: await world.port(listener), path: "/" });
		const seen = status === 200 ? body : String(status);
		if (seen !== wanted) throw new Error(`it is ${seen}`);
		return seen;
	});
}

/** What the proxy said to the newest response of a type, once it said something. */
async function verdict({ management }: World, type: string): Promise<string> {
	return await eventually(() => {
		const state = management.status(type)?.state;
		if (state !== "SYNCED" && state !== "NACKED") throw new Error(`${type} is ${state}`);
		return state;
	});
}

async function change(world: World, resources: ManagedResources, type: string, state: string): Promise<string> {
	world.management.set(resources);
	return await eventually(async () => {
		const said = await verdict(world, type);
		if (said !== state) throw new Error(`it is ${said}`);
		return said;
	});
}

const brokenRoutes: NamedJson = {
	name: "routes",
	virtual_hosts: [
		{ name: "v", domains: ["*"], routes: [] },
		{ name: "w", domains: ["*"], routes: [] },
	],
};

function directListener(name: string, text: string): NamedJson {
	const routes = [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: text } } }];
	const filter = managerFilter({
		stat_prefix: name,
		route_config: { name: "own", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
	});
	return { ...makeListener(name, "none"), filter_chains: [{ filters: [filter as never] }] };
}

for (const delta of [false, true]) {
	compareWithEnvoy(`an aggregated stream, ${delta ? "delta" : "state of the world"}`, {
		start: makeStart(delta),
		cases: {
			"everything of the first configuration is taken": {
				want: { body: "one", verdicts: ["SYNCED", "SYNCED", "SYNCED", "SYNCED"] },
				async see(world) {
					const body = await settle(world, "one");
					const types = [clusterType, endpointType, listenerType, routeType];
					return { body, verdicts: await Promise.all(types.map((type) => verdict(world, type))) };
				},
			},
			"other endpoints": {
				want: "two",
				async see(world) {
					const { backend, management } = world;
					management.set({
						assignments: [makeAssignment("a", [backend("two")]), makeAssignment("b", [backend("two")])],
					});
					return await settle(world, "two");
				},
			},
			"no endpoints": {
				want: "503",
				async see(world) {
					world.management.set({ assignments: [makeAssignment("a", []), makeAssignment("b", [world.backend("two")])] });
					return await settle(world, "503");
				},
			},
			"other routes": {
				want: "two",
				async see(world) {
					world.management.set({ routes: [makeRoutes("routes", "b")] });
					return await settle(world, "two");
				},
			},
			"routes that are refused leave those that were": {
				want: { said: "NACKED", seen: "two", rejected: 1 },
				async see(world) {
					const said = await change(world, { routes: [brokenRoutes] }, routeType, "NACKED");
					const rejected = await world.proxy.stat("http.entry.rds.routes.update_rejected");
					return { said, seen: await settle(world, "two"), rejected };
				},
			},
			"routes that are mended are taken": {
				want: { said: "SYNCED", seen: "two" },
				async see(world) {
					const said = await change(world, { routes: [makeRoutes("routes", "b")] }, routeType, "SYNCED");
					return { said, seen: await settle(world, "two") };
				},
			},
			"a cluster that is refused leaves what was": {
				want: { said: "NACKED", seen: "two", rejected: 1 },
				async see(world) {
					const broken = makeCluster("b", { connect_timeout: "-1s" });
					const said = await change(world, { clusters: [makeCluster("a"), broken] }, clusterType, "NACKED");
					const rejected = await world.proxy.stat("cluster_manager.cds.update_rejected");
					return { said, seen: await settle(world, "two"), rejected };
				},
			},
			"a cluster that changes waits for its endpoints, which come again": {
				want: { said: "SYNCED", seen: "two", warming: 0 },
				async see(world) {
					const changed = makeCluster("b", { connect_timeout: "2s" });
					const said = await change(world, { clusters: [makeCluster("a"), changed] }, clusterType, "SYNCED");
					await eventually(async () => {
						if ((await world.proxy.stat("cluster_manager.warming_clusters")) !== 0) throw new Error("warming");
					});
					const warming = await world.proxy.stat("cluster_manager.warming_clusters");
					return { said, seen: await settle(world, "two"), warming };
				},
			},
			"a listener that is refused, beside one that is taken": {
				want: { said: "NACKED", seen: "new", old: "two" },
				async see(world) {
					const broken = { ...makeListener("broken", "routes"), filter_chains: [{ filters: [{ name: "what" }] }] };
					const listeners = [makeListener("entry", "routes"), broken, directListener("second", "new")];
					const said = await change(world, { listeners }, listenerType, "NACKED");
					return { said, seen: await settle(world, "new", "second"), old: await settle(world, "two") };
				},
			},
			"a listener that changes": {
				want: "newer",
				async see(world) {
					world.management.set({ listeners: [makeListener("entry", "routes"), directListener("second", "newer")] });
					return await settle(world, "newer", "second");
				},
			},
			"a listener that goes": {
				want: { active: 1, seen: "two" },
				async see(world) {
					await change(world, { listeners: [makeListener("entry", "routes")] }, listenerType, "SYNCED");
					const active = await eventually(async () => {
						const count = await world.proxy.stat("listener_manager.total_listeners_active");
						if (count !== 1) throw new Error(`${count} listeners`);
						return count;
					});
					return { active, seen: await settle(world, "two") };
				},
			},
			"a new cluster with its listener and routes at once": {
				want: "one",
				async see(world) {
					const { backend, management } = world;
					management.set({
						clusters: [makeCluster("a"), makeCluster("b"), makeCluster("c")],
						assignments: [
							makeAssignment("a", []),
							makeAssignment("b", [backend("two")]),
							makeAssignment("c", [backend("one")]),
						],
						listeners: [makeListener("entry", "routes"), makeListener("third", "more")],
						routes: [makeRoutes("routes", "b"), makeRoutes("more", "c")],
					});
					return await settle(world, "one", "third");
				},
			},
			"a cluster that goes leaves its routes without one": {
				want: "503",
				async see(world) {
					const { backend, management } = world;
					management.set({
						clusters: [makeCluster("a"), makeCluster("b")],
						assignments: [makeAssignment("a", []), makeAssignment("b", [backend("two")])],
					});
					return await settle(world, "503", "third");
				},
			},
			"without the server what was goes on": {
				want: { seen: "two", connected: 0 },
				async see(world) {
					await world.management.close();
					const connected = await eventually(async () => {
						const state = await world.proxy.stat("control_plane.connected_state");
						if (state !== 0) throw new Error("still connected");
						return state;
					});
					return { seen: await settle(world, "two"), connected };
				},
			},
			"a server that comes back is followed": {
				want: { seen: "one", connected: 1 },
				async see(world, side) {
					const { backend } = world;
					world.management = await startManagementServer(
						side,
						{
							clusters: [makeCluster("a"), makeCluster("b")],
							assignments: [makeAssignment("a", []), makeAssignment("b", [backend("one")])],
							listeners: [makeListener("entry", "routes")],
							routes: [makeRoutes("routes", "b")],
						},
						{ port: world.management.port },
					);
					const seen = await eventually(() => settle(world, "one"), { deadlineMs: 60_000 });
					return { seen, connected: await world.proxy.stat("control_plane.connected_state") };
				},
			},
			"what was refused is counted": {
				want: { "cluster_manager.cds.update_rejected": 1, "listener_manager.lds.update_rejected": 1 },
				see: ({ proxy }) => proxy.stats("(cds|lds)\\.update_rejected$"),
			},
		},
	});
}
