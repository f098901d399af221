import {
	type ConnectionPoolSettings,
	type InstancePort,
	matchesLabels,
	type ServerTls,
	type Sidecar,
	type SidecarIngress,
	type WorkloadInstance,
} from "../../../model/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { compareAge } from "../names.ts";

/** One port of a captured workload that has filter chains of its own. */
export interface InboundPort extends InstancePort {
	/** Where the application is reached: the address the client wanted, or what a Sidecar says. */
	readonly endpoint: { readonly address: string; readonly port: number };
	/** A Sidecar lists it, not a Service. */
	readonly isDeclared?: boolean;
	/** Of the listener of a Sidecar; that of the whole Sidecar when undefined. */
	readonly connectionPool?: ConnectionPoolSettings;
	/** Of the listener of a Sidecar: what the proxy ends in place of mutual TLS. */
	readonly tls?: ServerTls;
}

/** The ports of a workload in their order: those that Services lead to, or those that the ingress of its Sidecar lists. */
export function listInboundPorts(index: MeshIndex, instance: WorkloadInstance): readonly InboundPort[] {
	const ingress = findIngressSidecar(index, instance)?.ingress ?? [];
	const declared = ingress.flatMap((listener) => toPort(listener, instance) ?? []);
	if (declared.length > 0) return declared;
	return [...instance.ports]
		.sort((a, b) => a.appPort - b.appPort)
		.map((port) => ({ ...port, endpoint: { address: instance.address, port: port.appPort } }));
}

/** The Sidecar that says what comes in for a workload: one that selects it, else the one of its namespace. */
export function findIngressSidecar(
	index: MeshIndex,
	instance: Pick<WorkloadInstance, "namespace" | "labels">,
): Sidecar | undefined {
	const own = index.mesh.sidecars.filter(({ namespace }) => namespace === instance.namespace).sort(compareAge);
	return (
		own.find(({ selector }) => selector !== undefined && matchesLabels(selector, instance.labels)) ??
		own.find(({ selector }) => selector === undefined)
	);
}

function toPort(
	{ port, defaultEndpoint, connectionPool, tls }: SidecarIngress,
	instance: WorkloadInstance,
): InboundPort | undefined {
	if (port === undefined || port.protocol === "http-proxy") return undefined;
	const { number, name, protocol } = port;
	const colon = defaultEndpoint?.lastIndexOf(":") ?? -1;
	const address = colon <= 0 ? instance.address : defaultEndpoint!.slice(0, colon);
	const target = colon < 0 ? number : Number(defaultEndpoint!.slice(colon + 1));
	return {
		name,
		protocol,
		isDeclared: true,
		...(connectionPool !== undefined && { connectionPool }),
		...(tls !== undefined && { tls }),
		appPort: number,
		meshPort: number,
		// A unix socket is given whole; every address of the workload is its own.
		endpoint:
			defaultEndpoint?.startsWith("unix:") === true
				? { address: defaultEndpoint, port: 0 }
				: { address: address === "0.0.0.0" || address === "[::]" ? instance.address : address, port: target },
	};
}

/** TLS of clients outside the mesh, and where it is said. */
export interface IngressTls {
	readonly tls: ServerTls;
	readonly protocol: InstancePort["protocol"];
	readonly sidecar: Sidecar;
	/** The field of the Sidecar. */
	readonly path: string;
}

/** The TLS that a proxy ends for one application port of a workload that registered itself, and what it finds inside. */
export function findIngressTls(
	index: MeshIndex,
	instance: WorkloadInstance,
	{ appPort }: InstancePort,
): IngressTls | undefined {
	const sidecar = findIngressSidecar(index, instance);
	const listeners = sidecar?.ingress ?? [];
	const position = listeners.findIndex((listener) => listener.port?.number === appPort);
	const { tls, port } = listeners[position] ?? {};
	if (sidecar === undefined || tls === undefined || port === undefined || port.protocol === "http-proxy")
		return undefined;
	return { tls, protocol: port.protocol, sidecar, path: `spec.ingress[${position}].tls` };
}
