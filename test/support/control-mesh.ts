import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildMesh, type ConfigObject, parseDocuments } from "../../src/config/index.ts";
import type { Mesh, MeshSettings, Service, Workload, WorkloadInstance } from "../../src/model/index.ts";

const project = resolve(import.meta.dirname, "../..");

/** The objects of YAML documents; a broken one fails the test. */
export function parseObjects(...documents: readonly string[]): ConfigObject[] {
	const { objects, problems } = parseDocuments(documents.join("\n---\n"), "test.yaml");
	if (problems.length > 0) throw new Error(problems.map(({ path, problem }) => `${path}: ${problem}`).join("\n"));
	return [...objects];
}

/** The documents of a folder of the project, such as `examples/shop`. */
export function readObjects(folder: string): ConfigObject[] {
	const files = readdirSync(join(project, folder)).filter((name) => name.endsWith(".yaml"));
	return parseObjects(...files.map((name) => readFileSync(join(project, folder, name), "utf8")));
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
	return { ...mesh, instances };
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
