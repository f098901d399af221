import type { InstancePort, ServicePort, Workload, WorkloadInstance } from "../../model/index.ts";

/** The port of an instance that a service port leads to. A number means the application's port, declared or actual; where the
 *  workload leaves its port to the mesh, a number that names none means the port of the same name, or the only one. */
export function findTargetPort(
	servicePort: ServicePort,
	instance: WorkloadInstance,
	workload: Workload | undefined,
): InstancePort | undefined {
	const { targetPort } = servicePort;
	if (typeof targetPort === "string") return instance.ports.find((port) => port.name === targetPort);
	const exact = instance.ports.find((port) => isPortNumber(port, targetPort, workload));
	if (exact !== undefined || workload === undefined) return exact;
	const chosen = instance.ports.filter((port) => declaredPort(port, workload) === undefined);
	return chosen.find((port) => port.name === servicePort.name) ?? (instance.ports.length === 1 ? chosen[0] : undefined);
}

/** Whether a number in a policy or service means this port: where the application listens, or what its workload declares. */
export function isPortNumber(
	port: Pick<InstancePort, "name" | "appPort">,
	number: number,
	workload: Workload | undefined,
): boolean {
	return port.appPort === number || declaredPort(port, workload) === number;
}

function declaredPort(port: Pick<InstancePort, "name">, workload: Workload | undefined): number | undefined {
	return workload?.ports.find(({ name }) => name === port.name)?.port;
}
