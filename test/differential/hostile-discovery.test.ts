/** A discovery server that does not keep to the protocol: what each proxy answers, and what it goes on serving. */
import { clusterType, endpointType, listenerType, routeType, secretType } from "../../src/xds/server/index.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { startNamedBackends } from "../support/named-backends.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import {
	pack,
	type ScriptedDiscovery,
	type ScriptedResponse,
	type SeenRequest,
	startScriptedDiscovery,
} from "../support/scripted-discovery.ts";
import { makeAdsBootstrap, makeAssignment, makeCluster, makeListener, makeRoutes } from "../support/xds-resources.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly discovery: ScriptedDiscovery;
	readonly isDelta: boolean;
	backend(name: string): number;
}

const cluster = (name: string, more = {}) => ({ name, resource: pack(clusterType, makeCluster(name, more)) });
const assignment = (name: string, ports: readonly number[]) => ({
	name,
	resource: pack(endpointType, makeAssignment(name, ports)),
});
const routes = (to: string) => ({ name: "routes", resource: pack(routeType, makeRoutes("routes", to)) });
const listener = (name: string) => ({ name, resource: pack(listenerType, makeListener(name, "routes")) });

function makeStart(isDelta: boolean) {
	return async (side: Side): Promise<World> => {
		const { portOf } = await startNamedBackends(side, ["one", "two"]);
		const discovery = await startScriptedDiscovery(side, isDelta);
		discovery.baseline = new Map<string, ScriptedResponse>([
			[clusterType, { type: clusterType, version: "1", resources: [cluster("a"), cluster("b")] }],
			[
				endpointType,
				{
					type: endpointType,
					version: "1",
					resources: [assignment("a", [portOf("one")]), assignment("b", [portOf("two")])],
				},
			],
			[listenerType, { type: listenerType, version: "1", resources: [listener("entry")] }],
			[routeType, { type: routeType, version: "1", resources: [routes("a")] }],
		]);
		const proxy = await side.proxy(makeAdsBootstrap(discovery.port, isDelta));
		const world = { proxy, discovery, isDelta, backend: portOf };
		await settle(world, "one");
		return world;
	};
}

async function settle({ proxy }: World, wanted: string): Promise<string> {
	return await eventually(async () => {
		const { status, body } = await sendRequest({ port: await proxy.port("entry"), path: "/" });
		const seen = status === 200 ? body : String(status);
		if (seen !== wanted) throw new Error(`it is ${seen}`);
		return seen;
	});
}

let barriers = 0;

/** Waits until all that was said before is judged: routes are said again, and their answer is awaited. */
async function pass({ discovery }: World): Promise<SeenRequest> {
	const nonce = `barrier-${++barriers}`;
	discovery.say({ type: routeType, version: `b${barriers}`, nonce, resources: [routes("a")] });
	return await discovery.answerTo(nonce);
}

const short = (type: string): string => type.split(".").at(-1)!;

/** Says `responses`, and tells what was answered before the next good one was taken. */
async function say(world: World, ...responses: readonly ScriptedResponse[]) {
	const { discovery, proxy } = world;
	const before = discovery.requests.length;
	const streams = discovery.streams();
	const counted = "^(cluster_manager\\.cds|listener_manager\\.lds)\\.update_(success|rejected|failure)$";
	const stats = await proxy.stats(counted);
	for (const response of responses) discovery.say(response);
	const taken = await pass(world);
	const answers = discovery.requests
		.slice(before)
		.filter(({ nonce }) => nonce !== taken.nonce)
		.map(({ type, nonce, isRefusal, names }) => ({ type: short(type), nonce, isRefusal, names }));
	const after = Object.entries(await proxy.stats(counted)).map(([name, value]) => [name, value - (stats[name] ?? 0)]);
	return {
		answers,
		counted: Object.fromEntries(after.filter(([, value]) => value !== 0)),
		isTaken: !taken.isRefusal,
		isSameStream: discovery.streams() === streams,
		seen: await settle(world, "one"),
	};
}

const alive = { isTaken: true, isSameStream: true, seen: "one" };
const saying = (want: object, ...responses: readonly ScriptedResponse[]) => ({
	want: { ...alive, ...want },
	see: (world: World) => say(world, ...responses),
});

/** Breaks the stream by `act`; a new one must bring everything again. */
const breaking = (act: (world: World) => void | Promise<void>) => ({
	want: { isNewStream: true, isTaken: true, seen: "one", connected: 1 },
	async see(world: World) {
		const { discovery, proxy } = world;
		const streams = discovery.streams();
		const before = discovery.requests.length;
		await act(world);
		await eventually(
			() => {
				const types = discovery.requests
					.slice(before)
					.filter(({ nonce }) => nonce.startsWith("base-"))
					.map(({ type }) => type);
				if (discovery.streams() === streams || new Set(types).size < 4) throw new Error("no new stream");
			},
			{ deadlineMs: 20_000 },
		);
		const taken = await pass(world);
		const seen = await settle(world, "one");
		const first = discovery.requests.slice(before).filter(({ nonce }) => nonce === "");
		return {
			isNewStream: discovery.streams() > streams,
			isTaken: !taken.isRefusal,
			seen,
			connected: await proxy.stat("control_plane.connected_state"),
			asked: first.map(({ type, names }) => `${short(type)} ${names.join()}`).sort(),
		};
	},
});

const makeTemplateRoutes = (template: string) => ({
	name: "routes",
	virtual_hosts: [
		{
			name: "all",
			domains: ["*"],
			routes: [
				{
					match: {
						path_match_policy: {
							name: "envoy.path.match.uri_template.uri_template_matcher",
							typed_config: {
								"@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
								path_template: template,
							},
						},
					},
					route: { cluster: "a" },
				},
			],
		},
	],
});
const garbage = Buffer.from("ffffffff0f0a0a0a", "hex");

for (const isDelta of [false, true]) {
	compareWithEnvoy(`a server that breaks the protocol, ${isDelta ? "delta" : "state of the world"}`, {
		start: makeStart(isDelta),
		cases: {
			"a type that does not exist": saying({}, { type: "type.googleapis.com/foo.Bar", version: "1", nonce: "x1" }),
			"a type that nobody asked for": saying({}, { type: secretType, version: "1", nonce: "x2" }),
			"no type at all": saying({}, { type: "", version: "1", nonce: "x3" }),
			"a resource of another type": saying(
				{ counted: { "cluster_manager.cds.update_rejected": 1 } },
				{ type: clusterType, version: "2", nonce: "x4", resources: [cluster("a"), cluster("b"), listener("what")] },
			),
			"no nonce": saying({}, { type: clusterType, version: "3", resources: [cluster("a"), cluster("b")] }),
			"one nonce twice": saying(
				{},
				{ type: clusterType, version: "4", nonce: "x5", resources: [cluster("a"), cluster("b")] },
				{ type: clusterType, version: "5", nonce: "x5", resources: [cluster("a"), cluster("b")] },
			),
			"no version": saying({}, { type: clusterType, nonce: "x6", resources: [cluster("a"), cluster("b")] }),
			"endpoints that nobody asked for": saying(
				{},
				{ type: endpointType, version: "6", nonce: "x7", resources: [assignment("stranger", [1])] },
			),
			"a cluster twice": saying(
				{ counted: { "cluster_manager.cds.update_rejected": 1 } },
				{ type: clusterType, version: "7", nonce: "x8", resources: [cluster("a"), cluster("b"), cluster("b")] },
			),
			"a listener twice": saying(
				{ counted: { "listener_manager.lds.update_rejected": 1 } },
				{ type: listenerType, version: "7", nonce: "x9", resources: [listener("entry"), listener("entry")] },
			),
			"a resource that is cut off": saying(
				{ counted: { "cluster_manager.cds.update_rejected": 1 } },
				{
					type: clusterType,
					version: "8",
					nonce: "x10",
					resources: [
						cluster("a"),
						cluster("b"),
						{
							name: "c",
							resource: { typeUrl: clusterType, value: pack(clusterType, makeCluster("c")).value.subarray(0, 9) },
						},
					],
				},
			),
			"a resource that is garbage": saying(
				{},
				{
					type: listenerType,
					version: "8",
					nonce: "x11",
					resources: [{ name: "g", resource: { typeUrl: listenerType, value: garbage } }, listener("entry")],
				},
			),
			"a resource without a name": saying(
				{},
				{
					type: clusterType,
					version: "9",
					nonce: "x12",
					resources: [cluster("a"), cluster("b"), { resource: pack(clusterType, { connect_timeout: "1s" }) }],
				},
			),
			"a path template with a line's end in it": saying(
				{},
				{
					type: routeType,
					version: "10",
					nonce: "x13",
					resources: [{ name: "routes", resource: pack(routeType, makeTemplateRoutes("/a\n*")) }],
				},
			),
			"a message that is no response": breaking(({ discovery }) => discovery.stream().send(garbage)),
			"a message that says to be compressed": breaking(({ discovery }) => {
				discovery.stream().stream.write(Buffer.of(1, 0, 0, 0, 3, 1, 2, 3));
			}),
			"flags that do not exist": breaking(({ discovery }) => {
				discovery.stream().stream.write(Buffer.of(0x52, 0, 0, 0, 3, 1, 2, 3));
			}),
			"the end with an error": breaking(({ discovery }) => discovery.stream().finish(13, "broken")),
			"the end without one": breaking(({ discovery }) => discovery.stream().finish(0)),
			"a reset in the midst of a message": breaking(({ discovery }) => {
				discovery.stream().stream.write(Buffer.of(0, 0, 0, 1, 0, 1, 2, 3));
				discovery.stream().stream.close(2);
			}),
			"a connection that is cut in the midst of a message": breaking(async ({ discovery }) => {
				discovery.stream().stream.write(Buffer.of(0, 0, 0, 1, 0, 1, 2, 3));
				await new Promise((resolve) => setTimeout(resolve, 50));
				discovery.service.disconnect();
			}),
		},
	});
}
