/** What a change costs, and what it leaves alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import type { ConfigObject } from "../../src/config/index.ts";
import { createSnapshotStore, type SnapshotStore } from "../../src/control/snapshot/index.ts";
import { createSeededRandom } from "../../src/core/index.ts";
import type { Mesh } from "../../src/model/index.ts";
import { clusterType, type XdsSnapshot } from "../../src/xds/server/index.ts";
import { application, createTestMesh, getSnapshot, parseObjects, readObjects } from "../support/control-mesh.ts";

/** `type name` to version, of the snapshots of every instance. */
function versions(store: SnapshotStore, mesh: Mesh): Map<string, string> {
	const all = new Map<string, string>();
	for (const instance of mesh.instances)
		for (const [key, version] of versionsOf(getSnapshot(store, instance, "amime")))
			all.set(`${instance.name} ${key}`, version);
	return all;
}

function versionsOf(snapshot: XdsSnapshot): Map<string, string> {
	return new Map(
		[...snapshot.resources].flatMap(([typeUrl, resources]) =>
			[...resources.values()].map(
				({ name, version }) => [`${typeUrl.slice(typeUrl.lastIndexOf(".") + 1)} ${name}`, version] as const,
			),
		),
	);
}

function changes(before: Map<string, string>, after: Map<string, string>): string[] {
	return [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key)).sort();
}

function storeOf(mesh: Mesh): SnapshotStore {
	const store = createSnapshotStore();
	store.apply(mesh);
	return store;
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
	return items
		.map((item) => [random(), item] as const)
		.sort(([a], [b]) => a - b)
		.map(([, item]) => item);
}

const extra = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: shop}
spec: {host: ratings, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: also, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: reviews}], rules: [{matches: [{path: {type: PathPrefix, value: /x}}], backendRefs: [{name: ratings, port: 80}]}]}
`;

test("a Sidecar bounds what comes in to the application, of one listener or of all, live", () => {
	const sidecar = (spec: string): string =>
		`\n---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: bounds, namespace: shop}\nspec: ${spec}\n`;
	const limitOf = (store: SnapshotStore, mesh: Mesh, isCaptured: boolean): number[] => {
		const instance = mesh.instances.find(({ namespace }) => namespace === "shop")!;
		const metadata = { INTERCEPTION_MODE: isCaptured ? "REDIRECT" : "NONE" };
		const node = create(NodeSchema, {
			id: `sidecar~${instance.address}~${instance.name}.shop~shop.svc.cluster.local`,
			metadata,
		});
		const clusters = [...store.get(node)!.resources.get(clusterType)!.values()].map(({ value }) =>
			fromBinary(ClusterSchema, value),
		);
		return clusters
			.filter(({ name }) => name.startsWith("inbound|"))
			.map(({ circuitBreakers }) => circuitBreakers!.thresholds[0]!.maxConnections!);
	};
	const meshOf = (more: string): Mesh => createTestMesh(parseObjects(application("web") + more));
	const store = storeOf(meshOf(""));
	for (const isCaptured of [false, true]) {
		store.apply(meshOf(""));
		assert.deepEqual(limitOf(store, meshOf(""), isCaptured), [4294967295]);
		const all = meshOf(sidecar("{inboundConnectionPool: {tcp: {maxConnections: 7}}}"));
		store.apply(all);
		assert.deepEqual(limitOf(store, all, isCaptured), [7]);
	}
	const port = "{number: 8080, protocol: HTTP, name: http}";
	const one = meshOf(
		sidecar(
			`{inboundConnectionPool: {tcp: {maxConnections: 7}}, ingress: [{port: ${port}, connectionPool: {tcp: {maxConnections: 3}}}]}`,
		),
	);
	store.apply(one);
	assert.deepEqual(limitOf(store, one, true), [3]);
	const rule = (more: string): string =>
		`\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: bounds, namespace: shop}\nspec: {host: web, ${more}}\n`;
	const pool = "trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}";
	for (const isCaptured of [false, true]) {
		const limited = meshOf(rule(pool));
		store.apply(limited);
		assert.deepEqual(limitOf(store, limited, isCaptured), [5], "the rule of the own service");
		const both = meshOf(rule(pool) + sidecar("{inboundConnectionPool: {tcp: {maxConnections: 7}}}"));
		store.apply(both);
		assert.deepEqual(limitOf(store, both, isCaptured), [7], "a Sidecar says more");
		const selecting = meshOf(rule(`workloadSelector: {matchLabels: {app: web}}, ${pool}`));
		store.apply(selecting);
		assert.deepEqual(limitOf(store, selecting, isCaptured), [4294967295], "rules that select are for clients");
	}
});

test("what goes on to a captured application is not captured again: it comes from where Istio's rules let it pass", () => {
	const sourcesOf = (address: string, more = ""): Record<string, string | undefined> => {
		const mesh = createTestMesh(parseObjects(application("web") + more));
		const placed = { ...mesh, instances: mesh.instances.map((instance) => ({ ...instance, address })) };
		const { name } = placed.instances.find(({ namespace }) => namespace === "shop")!;
		const node = create(NodeSchema, {
			id: `sidecar~${address}~${name}.shop~shop.svc.cluster.local`,
			metadata: { INTERCEPTION_MODE: "REDIRECT" },
		});
		const resources = storeOf(placed).get(node)!.resources.get(clusterType)!.values();
		const clusters = [...resources].map(({ value }) => fromBinary(ClusterSchema, value));
		const inbound = clusters.filter(({ name }) => /^[Ii]nbound/.test(name));
		return Object.fromEntries(
			inbound.map(({ name, upstreamBindConfig }) => [name.slice(0, 7), upstreamBindConfig?.sourceAddress?.address]),
		);
	};
	assert.deepEqual(sourcesOf("10.0.0.7"), { inbound: "127.0.0.6", Inbound: "127.0.0.6" });
	assert.deepEqual(sourcesOf("2001:db8::7"), { inbound: "::6", Inbound: "::6" });
	assert.deepEqual(sourcesOf("127.0.0.9"), { inbound: undefined, Inbound: undefined });
	const ingress = "[{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}]";
	const sidecar = `\n---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s, namespace: shop}\nspec: {ingress: ${ingress}}\n`;
	assert.deepEqual(sourcesOf("10.0.0.7", sidecar), { inbound: undefined, Inbound: "127.0.0.6" });
});

test("any order of the same objects and instances gives the same versions", () => {
	const objects = [...readObjects("examples/shop"), ...parseObjects(extra)];
	const mesh = createTestMesh(objects);
	const expected = versions(storeOf(mesh), mesh);
	const random = createSeededRandom(7);
	for (let round = 0; round < 20; round++) {
		const shuffled = Object.fromEntries(
			Object.entries(mesh).map(([key, value]) => [
				key,
				Array.isArray(value) ? shuffle(value as unknown[], () => random.next()) : value,
			]),
		) as unknown as Mesh;
		assert.deepEqual(changes(expected, versions(storeOf(shuffled), mesh)), []);
	}
});

test("a change of one endpoint changes the assignments of its services and nothing else, and keeps every other object", () => {
	const mesh = createTestMesh(readObjects("examples/shop"));
	const store = storeOf(mesh);
	const web = mesh.instances.find(({ name }) => name === "web-0")!;
	const before = getSnapshot(store, web);
	const changed = {
		...mesh,
		instances: mesh.instances.map((item) =>
			item.name === "ratings-1" ? { ...item, health: "unready" as const } : item,
		),
	};
	store.apply(changed);
	const after = getSnapshot(store, web);
	assert.deepEqual(changes(versionsOf(before), versionsOf(after)), [
		"ClusterLoadAssignment outbound|80||ratings.shop.svc.cluster.local",
	]);
	for (const [typeUrl, resources] of before.resources) {
		if (typeUrl.endsWith("ClusterLoadAssignment")) continue;
		assert.equal(after.resources.get(typeUrl), resources, `${typeUrl} kept its map`);
	}
	const own = mesh.instances.find(({ name }) => name === "ratings-1")!;
	assert.deepEqual(
		changes(versionsOf(getSnapshot(storeOf(mesh), own)), versionsOf(getSnapshot(store, own))),
		["ClusterLoadAssignment outbound|80||ratings.shop.svc.cluster.local"],
		"not even its own listeners",
	);
});

test("a changed route changes the two route configurations it is in", () => {
	const objects = readObjects("examples/shop");
	const mesh = createTestMesh(objects);
	const store = storeOf(mesh);
	const web = mesh.instances.find(({ name }) => name === "web-0")!;
	const before = versionsOf(getSnapshot(store, web));
	const [route] = mesh.httpRoutes;
	const rules = route!.rules.map((rule) => ({
		...rule,
		backends: rule.backends.map((backend) => ({ ...backend, weight: 50 })),
	}));
	store.apply({ ...mesh, httpRoutes: [{ ...route!, rules }] });
	assert.deepEqual(changes(before, versionsOf(getSnapshot(store, web))), [
		"RouteConfiguration http_proxy",
		"RouteConfiguration reviews.shop.svc.cluster.local:80",
	]);
});

test("a bad object changes nothing of the others' resources", () => {
	const good: ConfigObject[] = [...readObjects("examples/shop"), ...parseObjects(application("other"))];
	const mesh = createTestMesh(good);
	const expected = versions(storeOf(mesh), mesh);
	const bad = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: bad, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: other}], rules: [{backendRefs: [{name: nowhere, port: 1}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: bad, namespace: shop}
spec: {host: nowhere, subsets: [{name: v1, labels: {a: b}}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: bad, namespace: shop}
spec: {selector: {matchLabels: {app: nobody}}, rules: [{}]}
`;
	const spoiled = { ...createTestMesh([...good, ...parseObjects(bad)]), instances: mesh.instances };
	assert.deepEqual(
		new Set(changes(expected, versions(storeOf(spoiled), spoiled)).map((key) => key.replace(/^\S+ /, ""))),
		new Set(["RouteConfiguration http_proxy", "RouteConfiguration other.shop.svc.cluster.local:80"]),
	);
});

test("a node that names no known instance waits", () => {
	const mesh = createTestMesh(readObjects("examples/shop"));
	const store = storeOf(mesh);
	for (const id of ["", "sidecar~1~nobody-0.shop~x", "router~127.0.0.1~web-0.shop~x", "sidecar~a~web-0~x"])
		assert.equal(store.get({ id, userAgentName: "envoy" } as never), undefined, id);
});
