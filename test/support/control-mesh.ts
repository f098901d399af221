import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { buildMesh, type ConfigObject, parseDocuments } from "../../src/config/index.ts";
import { createSnapshotStore, type SnapshotStore } from "../../src/control/snapshot/index.ts";
import type { Mesh, MeshSettings, Service, Workload, WorkloadInstance } from "../../src/model/index.ts";
import type { XdsSnapshot } from "../../src/xds/server/index.ts";

const project = resolve(import.meta.dirname, "../..");

/** The objects of YAML documents; a broken one fails the test. */
export function parseObjects(...documents: readonly string[]): ConfigObject[] {
	const { objects, problems } = parseDocuments(documents.join("\n---\n"), "test.yaml");
	const errors = problems.filter((problem) => problem.severity === "error");
	if (errors.length > 0) throw new Error(errors.map(({ path, problem }) => `${path}: ${problem}`).join("\n"));
	return [...objects];
}

/** The documents of a folder of the project, such as `examples/shop`. */
export function readObjects(folder: string): ConfigObject[] {
	const texts = readdirSync(join(project, folder))
		.filter((name) => name.endsWith(".yaml"))
		.map((name) => readFileSync(join(project, folder, name), "utf8"));
	// Files of other programs are passed over, as the watched folder does.
	return parseObjects(...texts.filter((text) => !parseDocuments(text, "test.yaml").isForeign));
}

/** A mesh of documents with every replica of its workloads running, on ports counted up from 20000. */
export function createTestMesh(
	objects: readonly ConfigObject[],
	change: (instance: WorkloadInstance) => WorkloadInstance = (instance) => instance,
	settings: Partial<MeshSettings> = {},
): Mesh {
	const { mesh } = buildMesh(objects, [], settings);
	let port = 20_000;
	const nextPort = (): number => port++;
	const instances = mesh.workloads.flatMap((workload) =>
		Array.from({ length: workload.replicas }, (_, ordinal) =>
			change(createInstance(workload, ordinal, mesh.services, nextPort)),
		),
	);
	return { ...mesh, instances: [...instances, ...mesh.declaredInstances] };
}

/** A running copy of a workload. */
export function createInstance(
	workload: Workload,
	ordinal: number,
	services: readonly Service[],
	nextPort: () => number,
): WorkloadInstance {
	const hasSidecar = workload.pattern === "sidecar";
	return {
		name: `${workload.name}-${ordinal}`,
		namespace: workload.namespace,
		workload: workload.name,
		labels: workload.labels,
		serviceAccount: workload.serviceAccount,
		address: "127.0.0.1",
		pattern: workload.pattern,
		...(hasSidecar && { sidecar: workload.sidecar, httpProxyPort: nextPort(), adminPort: nextPort() }),
		ports: workload.ports.map(({ name, protocol, port }) => {
			const appPort = port ?? nextPort();
			return { name, protocol, appPort, meshPort: hasSidecar ? nextPort() : appPort };
		}),
		upstreams: hasSidecar
			? services.flatMap((service) =>
					service.ports.map(({ port }) => ({
						service: { namespace: service.namespace, name: service.name },
						port,
						listenPort: nextPort(),
					})),
				)
			: [],
		health: "ready",
		registeredAt: 0,
	};
}

/** The node id of an instance's sidecar. */
export function nodeIdOf(instance: WorkloadInstance): string {
	const { name, namespace, address } = instance;
	return `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`;
}

/** A mesh of YAML documents, and what its proxies are given. */
export interface SimulatedMesh {
	readonly mesh: Mesh;
	readonly store: SnapshotStore;
	snapshot(instance: string, kind?: "amime" | "envoy"): XdsSnapshot;
	instance(name: string): WorkloadInstance;
}

/** Translates documents as the control plane does. */
export function simulateMesh(
	objects: readonly ConfigObject[],
	change?: (instance: WorkloadInstance) => WorkloadInstance,
	settings: Partial<MeshSettings> = {},
): SimulatedMesh {
	const mesh = createTestMesh(objects, change, settings);
	const store = createSnapshotStore();
	store.apply(mesh);
	const instance = (name: string): WorkloadInstance => {
		const found = mesh.instances.find((candidate) => candidate.name === name);
		if (found === undefined) throw new Error(`no instance ${name}`);
		return found;
	};
	return {
		mesh,
		store,
		instance,
		snapshot: (name, kind = "envoy") => getSnapshot(store, instance(name), kind),
	};
}

export function getSnapshot(
	store: SnapshotStore,
	instance: WorkloadInstance,
	kind: "amime" | "envoy" = "envoy",
): XdsSnapshot {
	const snapshot = store.get(create(NodeSchema, { id: nodeIdOf(instance), userAgentName: kind }));
	if (snapshot === undefined) throw new Error(`no snapshot for ${instance.name}`);
	return snapshot;
}

/** A Workload and its Service, of one name and one HTTP port. */
export function application(
	name: string,
	options: {
		readonly namespace?: string;
		readonly protocol?: string;
		readonly version?: string;
		readonly port?: number;
		readonly replicas?: number;
	} = {},
): string {
	const { namespace = "shop", protocol = "http", version = "v1", port = 80, replicas = 1 } = options;
	return `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}, version: ${version}}}
spec:
  command: [none]
  serviceAccount: ${name}
  replicas: ${replicas}
  ports: [{name: ${protocol}, protocol: ${protocol}}]
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {app: ${name}}
  ports: [{name: ${protocol}, port: ${port}, targetPort: ${protocol}}]
`;
}
