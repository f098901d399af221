import type { Service, ServicePort, WorkloadInstance } from "../../../model/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { findTargetPort } from "../port.ts";

/** A port of a Service that leads to a port of a workload. */
export interface LeadingPort {
	readonly service: Service;
	readonly port: ServicePort;
}

/** The Services that lead to one port of a captured workload, by the addresses that they list, else by their target ports. */
export function leadingServices(index: MeshIndex, instance: WorkloadInstance, appPort: number): LeadingPort[] {
	const workload = index.workload({ namespace: instance.namespace, name: instance.workload });
	return index.servicesOf(instance).flatMap((service) => {
		const { endpoints = [], ports } = service;
		const here = endpoints.filter(({ address }) => address === instance.address);
		const port =
			endpoints.length === 0
				? ports.find((one) => findTargetPort(one, instance, workload)?.appPort === appPort)
				: ports.find(({ name }) => here.some(({ ports: numbers }) => numbers[name] === appPort));
		return port === undefined ? [] : [{ service, port }];
	});
}
