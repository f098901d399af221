import type { InstancePort, Pod, Service, WorkloadInstance } from "../../model/index.ts";
import { type ClusterObjects, localityOf, selectPods, takesMutualTls, workloadNameOf } from "./cluster-services.ts";
import type { MeshMemory } from "./mesh-memory.ts";

/** Pods as instances. Their ports are those that Services lead to; of Services that lead to one port, the first says what it
 *  speaks. */
export function declareInstances(
	cluster: ClusterObjects,
	services: readonly Service[],
	{ instanceOf }: Pick<MeshMemory, "instanceOf">,
): WorkloadInstance[] {
	const ports = collectPorts(cluster, services);
	return cluster.pods.map((pod) => {
		const own = [...(ports.get(pod.address!)?.values() ?? [])];
		const node = pod.nodeName === undefined ? undefined : cluster.nodes.get(pod.nodeName);
		const inputs = [node, ...own.flatMap(({ name, protocol, appPort }) => [name, protocol, appPort])];
		return instanceOf(pod, inputs, () => fromPod(pod, cluster, own));
	});
}

function fromPod(pod: Pod, { nodes }: ClusterObjects, ports: readonly InstancePort[]): WorkloadInstance {
	const { namespace, name, labels, serviceAccount, nodeName, isReady, createdAt } = pod;
	const locality = localityOf(pod, nodes);
	return {
		namespace,
		name,
		workload: workloadNameOf(pod),
		labels,
		serviceAccount,
		address: pod.address!,
		pattern: takesMutualTls(pod) ? "sidecar" : "none",
		...(locality !== undefined && { locality }),
		...(nodeName !== undefined && { nodeName }),
		ports,
		upstreams: [],
		health: isReady ? "ready" : "unready",
		registeredAt: createdAt,
		declaredBy: "Pod",
	};
}

/** Ports by address and number. */
function collectPorts(cluster: ClusterObjects, services: readonly Service[]): Map<string, Map<number, InstancePort>> {
	const found = new Map<string, Map<number, InstancePort>>();
	const add = (address: string, { name, protocol }: Service["ports"][number], number: number | undefined): void => {
		if (number === undefined) return;
		let ports = found.get(address);
		if (ports === undefined) {
			ports = new Map();
			found.set(address, ports);
		}
		if (!ports.has(number)) ports.set(number, { name, protocol, appPort: number, meshPort: number });
	};
	for (const service of services)
		for (const port of service.ports) {
			for (const { address, ports } of service.endpoints ?? []) add(address, port, ports[port.name]);
			for (const pod of selectPods(service, cluster)) add(pod.address!, port, findTarget(pod, port.targetPort));
		}
	return found;
}

function findTarget(pod: Pod, targetPort: number | string): number | undefined {
	if (typeof targetPort === "number") return targetPort;
	return pod.ports.find(({ name }) => name === targetPort)?.port;
}
