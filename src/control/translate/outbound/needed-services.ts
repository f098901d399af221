import { isHttpProtocol } from "../../../model/index.ts";
import { listDestinations } from "../backend-shares.ts";
import type { Client } from "../client.ts";
import { findRoutes } from "../http-route.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { hostOf } from "../names.ts";
import { findDestination } from "../route-action.ts";
import type { Egress, EgressScope, SeenService } from "./egress-scope.ts";
import { listVirtualServices } from "./virtual-hosts.ts";

/** Bytes of configuration, about: what one service port and one endpoint take. */
const portBytes = 1_600;
const endpointBytes = 160;

/** About how much configuration a scope is, in bytes. */
export function estimateScopeBytes({ services }: EgressScope): number {
	let bytes = 0;
	for (const { service, ports } of services.values())
		bytes += ports.length * (portBytes + (service.endpoints?.length ?? 0) * endpointBytes);
	return bytes;
}

/** Of all that a client may reach what it is given without asking: what it was seen to need, what its Sidecar object names, what routes
 *  and settings lead to, and what it could not ask for.
 *  @param known hosts that it needs */
export function narrowToNeeded(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	known: ReadonlySet<string>,
): EgressScope {
	const needed = new Set<string>();
	const providers = index.mesh.settings.extensionProviders.map(({ service }) =>
		service.slice(service.indexOf("/") + 1),
	);
	for (const host of [...known, ...providers, ...(scope.egressProxy === undefined ? [] : [scope.egressProxy.host])])
		needed.add(host);
	const [first] = scope.egresses;
	for (const egress of scope.egresses)
		for (const seen of egress.services.values())
			if (isGiven(index, client, egress, seen))
				for (const host of withDestinations(index, client, egress, seen)) needed.add(host);
	for (const rule of scope.egresses.flatMap(({ virtualServices }) => virtualServices))
		for (const { backends } of [...rule.http, ...rule.tls, ...rule.tcp])
			for (const { destination } of backends)
				if (destination.kind !== "unusable") addHost(index, client, destination, needed);
	const pick = (services: ReadonlyMap<string, SeenService>): ReadonlyMap<string, SeenService> => {
		const picked = new Map<string, SeenService>();
		for (const host of needed) {
			const seen = services.get(host);
			if (seen !== undefined) picked.set(host, seen);
		}
		// Order is that of the mesh, not of learning.
		return new Map([...picked].sort(([a], [b]) => (a < b ? -1 : 1)));
	};
	const services = pick(scope.services);
	return {
		...scope,
		services,
		egresses: scope.egresses.map((egress) => ({
			...egress,
			services: egress === first && egress.services === scope.services ? services : pick(egress.services),
		})),
	};
}

function isGiven(index: MeshIndex, client: Client, { listener, virtualServices }: Egress, seen: SeenService): boolean {
	const { host, service, ports } = seen;
	// Named by a Sidecar object, not covered by a pattern.
	if (listener?.hosts.some((selector) => selector.host === host && selector.isExcluded !== true) === true) return true;
	if (host.startsWith("*") || !canBeAskedFor(seen)) return true;
	if (listVirtualServices(virtualServices, host).length > 0) return true;
	return ports.some((port) => findRoutes(index, service, port, client.namespace).length > 0);
}

/** HTTP is asked for by its host, everything else by the address of the service. */
function canBeAskedFor({ service, ports }: SeenService): boolean {
	const { addresses = [] } = service;
	const hasAddress = addresses.length > 0 && addresses.every((address) => !address.includes("/"));
	return hasAddress || ports.every(({ protocol }) => isHttpProtocol(protocol));
}

function withDestinations(index: MeshIndex, client: Client, _egress: Egress, seen: SeenService): Set<string> {
	const hosts = new Set([seen.host]);
	for (const port of seen.ports)
		for (const { rules } of findRoutes(index, seen.service, port, client.namespace))
			for (const destination of rules.flatMap(listDestinations))
				if (destination.kind !== "unusable") addHost(index, client, destination, hosts);
	return hosts;
}

function addHost(
	index: MeshIndex,
	client: Client,
	destination: Parameters<typeof findDestination>[2],
	hosts: Set<string>,
): void {
	const service = findDestination(index, client, destination);
	if (service !== undefined) hosts.add(service.aliasOf ?? hostOf(service, index.mesh.settings));
}
