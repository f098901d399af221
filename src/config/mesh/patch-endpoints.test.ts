import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigObject } from "../config-object.ts";
import { parseDocuments } from "../parse-documents.ts";
import { buildMesh } from "./build-mesh.ts";
import { createMeshMemory } from "./mesh-memory.ts";

const settings = {};

function parse(document: object): ConfigObject {
	const { objects, problems } = parseDocuments(JSON.stringify(document), "api", { createdAt: 1 });
	assert.deepEqual(problems, []);
	return objects[0]!;
}

const service = parse({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name: "web", namespace: "shop" },
	spec: { clusterIP: "10.96.0.1", ports: [{ name: "http", port: 80, targetPort: 8080 }] },
});

const pod = (name: string, podIP: string, app: string): ConfigObject =>
	parse({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, namespace: "shop", labels: { app } },
		spec: { containers: [{ name: "c", image: "c" }] },
		status: { phase: "Running", podIP, conditions: [{ type: "Ready", status: "True" }] },
	});

const slice = (endpoints: readonly (readonly [address: string, ready: boolean])[], of = "web"): ConfigObject =>
	parse({
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: "web-1", namespace: "shop", labels: { "kubernetes.io/service-name": of } },
		addressType: "IPv4",
		ports: [{ name: "http", port: 8080 }],
		endpoints: endpoints.map(([address, ready]) => ({ addresses: [address], conditions: { ready } })),
	});

const pods = [pod("web-1", "10.1.0.1", "web"), pod("web-2", "10.1.0.2", "web"), pod("other", "10.1.0.3", "other")];

test("a mesh after any change of endpoints is the one that is built anew", () => {
	const memory = createMeshMemory();
	const changes = [
		slice([["10.1.0.1", true]]),
		slice([["10.1.0.1", false]]),
		slice([
			["10.1.0.1", true],
			["10.1.0.2", true],
		]),
		slice([["10.1.0.3", true]]),
		slice([["10.9.0.1", true]]),
		slice([["10.9.0.2", true]]),
		slice([["10.9.0.2", true]], "absent"),
		slice([]),
	];
	for (const change of changes) {
		const objects = [change, ...pods, service];
		const kept = buildMesh(objects, [], settings, memory);
		const anew = buildMesh(objects, [], settings);
		assert.deepEqual(kept.mesh, anew.mesh);
		assert.deepEqual(kept.problems, anew.problems);
	}
});

test("a change of health alone keeps everything else of the mesh as it is", () => {
	const memory = createMeshMemory();
	const before = buildMesh([slice([["10.1.0.1", true]]), ...pods, service], [], settings, memory);
	const after = buildMesh([slice([["10.1.0.1", false]]), ...pods, service], [], settings, memory);
	assert.equal(after.mesh.services[0]?.endpoints?.[0]?.health, "unready");
	assert.equal(after.mesh.instances, before.mesh.instances);
	assert.equal(after.problems, before.problems);
});
