import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { buildMesh, type ConfigObject, createMeshMemory, parseDocuments } from "../../config/index.ts";
import type { Mesh, MeshSettings } from "../../model/index.ts";
import { keepUnchanged } from "../ingest/intern.ts";
import { createSnapshotStore, type SnapshotStore } from "./index.ts";

function parse(document: object): ConfigObject {
	const { objects, problems } = parseDocuments(JSON.stringify(document), "api", { createdAt: 1 });
	assert.deepEqual(problems, []);
	return objects[0]!;
}

const pod = (name: string, podIP: string): ConfigObject =>
	parse({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, namespace: "shop", labels: { app: name } },
		spec: { containers: [{ name: "c", image: "c" }] },
		status: { phase: "Running", podIP, conditions: [{ type: "Ready", status: "True" }] },
	});

const service = (name: string, number: number, clusterIP = `10.96.0.${number}`): ConfigObject =>
	parse({
		apiVersion: "v1",
		kind: "Service",
		metadata: { name, namespace: "shop" },
		spec: {
			clusterIP,
			ports: [
				{ name: "http", port: 80, targetPort: 8080 },
				{ name: "tcp-db", port: 5432 },
			],
		},
	});

const slice = (of: string, endpoints: readonly (readonly [address: string, ready: boolean])[]): ConfigObject =>
	parse({
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: of, namespace: "shop", labels: { "kubernetes.io/service-name": of } },
		addressType: "IPv4",
		ports: [
			{ name: "http", port: 8080 },
			{ name: "tcp-db", port: 5432 },
		],
		endpoints: endpoints.map(([address, ready]) => ({ addresses: [address], conditions: { ready } })),
	});

const others = [
	pod("client", "10.1.0.1"),
	pod("web-0", "10.1.0.2"),
	service("web", 1),
	service("orders", 2),
	service("headless", 3, "None"),
	slice("orders", [["10.2.0.1", true]]),
];

/** Of `web` and of a headless service, one after the other. */
const changes: readonly (readonly ConfigObject[])[] = [
	[slice("web", [["10.9.0.1", true]]), slice("headless", [["10.8.0.1", true]])],
	[slice("web", [["10.9.0.2", true]]), slice("headless", [["10.8.0.1", true]])],
	[slice("web", [["10.9.0.2", false]]), slice("headless", [["10.8.0.1", true]])],
	[slice("web", [["10.1.0.2", true]]), slice("headless", [["10.8.0.1", true]])],
	[slice("web", [["10.1.0.2", false]]), slice("headless", [["10.8.0.2", true]])],
	[slice("web", []), slice("headless", [["10.8.0.2", true]])],
];

const nodes = ["amime", "envoy"].flatMap((userAgentName) =>
	["NONE", "REDIRECT"].map((mode) =>
		create(NodeSchema, {
			id: "sidecar~10.1.0.1~client.shop~shop.svc.cluster.local",
			userAgentName,
			metadata: { INTERCEPTION_MODE: mode },
		}),
	),
);

/** Everything that a node is given, by type and name, and what it finds by name. */
function describe(store: SnapshotStore, node: (typeof nodes)[number]): unknown {
	return [...store.get(node)!.resources].map(([type, resources]) => [
		type,
		[...resources.values()].map(({ name, version }) => `${name} ${version}`).sort(),
		resources.get("outbound|80||web.shop.svc.cluster.local")?.version,
	]);
}

for (const proxyScope of ["ALL", "NEEDED"] as const)
	test(`${proxyScope}: after any change of endpoints proxies are given what a new control plane would give them`, () => {
		const settings: Partial<MeshSettings> = { proxyScope };
		const createStore = () =>
			createSnapshotStore({
				hostsOf: () => new Set(["web.shop.svc.cluster.local"]),
				server: { host: "127.0.0.1", port: 15_010 },
			});
		const memory = createMeshMemory();
		const store = createStore();
		let mesh: Mesh | undefined;
		for (const slices of changes) {
			const objects = [...slices, ...others];
			mesh = keepUnchanged(mesh, buildMesh(objects, [], settings, memory).mesh);
			store.apply(mesh);
			const anew = createStore();
			anew.apply(buildMesh(objects, [], settings).mesh);
			for (const node of nodes) assert.deepEqual(describe(store, node), describe(anew, node));
		}
	});

test("a change of endpoints keeps clusters, listeners and routes of a proxy the same", () => {
	const settings: Partial<MeshSettings> = {};
	const memory = createMeshMemory();
	const store = createSnapshotStore();
	let mesh: Mesh | undefined;
	const given = changes.slice(0, 3).map((slices) => {
		mesh = keepUnchanged(mesh, buildMesh([...slices, ...others], [], settings, memory).mesh);
		store.apply(mesh);
		return store.get(nodes[1]!)!;
	});
	const [types] = [[...given[0]!.resources.keys()]];
	const changed = types.filter((type) => given[0]!.resources.get(type) !== given[2]!.resources.get(type));
	assert.deepEqual(changed, ["type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"]);
});
