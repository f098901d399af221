import { isHttpProtocol, isServiceParent, type Service } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { findRoutes } from "../http-route.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { type Egress, type EgressScope, findEgress } from "./egress-scope.ts";

/** Hosts by port. */
export type AddressedServices = ReadonlyMap<number, ReadonlySet<string>>;

/** With more services at a port than this, only those with routes of their own have listeners: each takes about 3 KB. */
const maxListenersPerPort = 100;

/** Services whose HTTP goes by the address that a captured client connects to, whatever host its requests name: those that HTTPRoutes
 *  or GRPCRoutes are for, since these hold for connections to the Service and for no others (GAMMA), and beside them the other Services
 *  of the same port. At all other addresses and ports the host decides (Istio). */
export function findAddressedServices(index: MeshIndex, client: Client, scope: EgressScope): AddressedServices {
	const before = known.get(scope);
	if (before?.index === index && before.namespace === client.namespace) return before.found;
	const found = collect(index, client, scope);
	known.set(scope, { index, namespace: client.namespace, found });
	return found;
}

/** Listeners and routes of a client ask for the same. */
const known = new WeakMap<
	EgressScope,
	{ readonly index: MeshIndex; readonly namespace: string; readonly found: AddressedServices }
>();

function collect(index: MeshIndex, client: Client, scope: EgressScope): AddressedServices {
	const found = new Map<number, ReadonlySet<string>>();
	if (!hasRoutesOfServices(index)) return found;
	for (const egress of scope.egresses) {
		if (isBound(egress)) continue;
		const ports = new Map<number, { readonly host: string; readonly isRouted: boolean }[]>();
		for (const { host, service, ports: own } of egress.services.values()) {
			if (service.host !== undefined || listVirtualAddresses(service).length === 0) continue;
			for (const port of own) {
				if (!isHttpProtocol(port.protocol) || findEgress(scope, port.port) !== egress) continue;
				const isRouted = findRoutes(index, service, port, client.namespace).length > 0;
				const known = ports.get(port.port);
				if (known === undefined) ports.set(port.port, [{ host, isRouted }]);
				else known.push({ host, isRouted });
			}
		}
		for (const [port, services] of ports) {
			const routed = services.filter(({ isRouted }) => isRouted);
			if (routed.length === 0) continue;
			const chosen = services.length <= maxListenersPerPort ? services : routed;
			found.set(port, new Set(chosen.map(({ host }) => host)));
		}
	}
	return found;
}

/** What listeners depend on of them: the same text while they stay the same. */
export function describeAddressedServices(addressed: AddressedServices): string {
	return [...addressed].map(([port, hosts]) => `${port} ${[...hosts].join()}`).join(" ");
}

/** The addresses of a service that are its own alone. */
export function listVirtualAddresses({ addresses = [] }: Service): string[] {
	return addresses.filter((address) => !address.includes("/") && address !== "0.0.0.0" && address !== "::");
}

function hasRoutesOfServices(index: MeshIndex): boolean {
	return index.remember("routes of services", () =>
		index.mesh.httpRoutes.some(({ parents }) => parents.some(isServiceParent)),
	);
}

/** Whether clients connect to the listeners of an egress, not to services. */
function isBound({ listener }: Egress): boolean {
	return listener?.bind !== undefined || listener?.captureMode === "NONE" || listener?.port?.protocol === "http-proxy";
}
