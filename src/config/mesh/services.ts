import { matchesLabels, type Service, type ServicePort, type Workload } from "../../model/index.ts";
import type { ServiceDocument } from "../kinds/service/service.ts";
import { type ClusterObjects, resolveClusterService } from "./cluster-services.ts";

/** A Service whose ports have their protocols: what its document leaves open, the workloads behind it say. */
export function resolveService(
	document: ServiceDocument,
	workloads: readonly Workload[],
	cluster: ClusterObjects,
): Service {
	const behind = selectWorkloads(document, workloads);
	const ofCluster = behind.length > 0 ? undefined : resolveClusterService(document, cluster);
	if (ofCluster !== undefined) return ofCluster;
	const { undeclared, unknown: ___, tlsPorts: _, publishesUnready: __, ...service } = document;
	if (undeclared.length === 0 || service.selector === undefined) return service;
	const ports = service.ports.map((port) => {
		if (!undeclared.includes(port.port)) return port;
		const protocol = behind
			.map((workload) => findWorkloadPort(workload, port)?.protocol)
			.find((item) => item !== undefined);
		return protocol === undefined ? port : { ...port, protocol };
	});
	return { ...service, ports };
}

/** The workloads a Service selects. */
export function selectWorkloads(service: Service, workloads: readonly Workload[]): Workload[] {
	const { selector, namespace } = service;
	if (selector === undefined) return [];
	return workloads.filter((workload) => workload.namespace === namespace && matchesLabels(selector, workload.labels));
}

/** The port of a workload that a port of a Service means: by name, by number, or the only one there is when the workload's
 *  port is chosen at its start. */
export function findWorkloadPort(workload: Workload, port: ServicePort): Workload["ports"][number] | undefined {
	const { targetPort } = port;
	if (typeof targetPort === "string") return workload.ports.find((candidate) => candidate.name === targetPort);
	return workload.ports.find((candidate) => candidate.port === targetPort);
}
