import { type Labels, matchesLabels, type Service, type WorkloadInstance } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { egressSource } from "../egress-log.ts";
import type { OutboundProxy, ProxyKind } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";

/** A gateway proxy: a node of type `router`. */
export interface GatewayNode {
	readonly name: string;
	readonly namespace: string;
	readonly labels: Labels;
	readonly kind: ProxyKind;
	/** The workload it is, when the mesh knows it. */
	readonly instance?: WorkloadInstance;
	/** As what its routes see it. */
	readonly client: Client;
}

/** A gateway as its own upstreams see it; of one that the mesh does not know only the name is told. */
export function outboundProxyOf(index: MeshIndex, { instance, kind, name, namespace }: GatewayNode): OutboundProxy {
	const identity = instance === undefined ? `${namespace}/${name}` : egressSource(index.mesh.settings, instance);
	return { kind, identity };
}

/** The Services in front of a gateway proxy, by host. */
export function servicesInFront(index: MeshIndex, { instance, namespace, labels }: GatewayNode): readonly Service[] {
	if (instance !== undefined) return index.servicesOf(instance);
	return index.services.filter(
		({ selector, namespace: own }) => own === namespace && selector !== undefined && matchesLabels(selector, labels),
	);
}

/** Where a proxy that a machine started for Gateways listens for a port of theirs: not at all for one that has no place yet. Undefined for
 *  any other proxy. */
export function listenPortOf({ instance }: GatewayNode, port: number): number | "none" | undefined {
	if (instance?.gatewayPorts === undefined) return undefined;
	return instance.gatewayPorts.find((candidate) => candidate.port === port)?.listenPort ?? "none";
}

/** Where a proxy listens for the clients of a port of a Service in front of it. */
export function findBindPort(service: Service, number: number, { instance }: GatewayNode): number | undefined {
	const port = service.ports.find((candidate) => candidate.port === number);
	if (port === undefined) return undefined;
	const endpoint = service.endpoints?.find(({ address }) => address === instance?.address);
	const listed = endpoint?.ports[port.name];
	if (listed !== undefined) return listed;
	const { targetPort } = port;
	if (typeof targetPort === "number") return targetPort;
	return instance?.ports.find(({ name }) => name === targetPort)?.appPort;
}
