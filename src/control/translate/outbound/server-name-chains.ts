import type { Service, ServicePort } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import type { OutboundProxy } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { blackHoleClusterName } from "../names.ts";
import type { EgressScope } from "./egress-scope.ts";
import { type FilterChainInit, type StreamChain, translateStreamChains } from "./stream-chains.ts";
import { streamFilters } from "./stream-filters.ts";

/** Whether tunnels of the forward proxy to a port of a service are looked into: TLS to hosts outside the mesh, at 443 or at the only port
 *  that carries it, since a server name says no port. */
export function isToldByServerName({ isExternal, ports }: Service, port: ServicePort): boolean {
	if (isExternal !== true || port.protocol !== "tls") return false;
	const encrypted = ports.filter(({ protocol }) => protocol === "tls");
	return port === (encrypted.find((candidate) => candidate.port === 443) ?? encrypted[0]);
}

/** The chains of a forward proxy for what comes out of tunnels to TLS hosts outside the mesh: each server name goes to its own host, any
 *  other nowhere. Whoever asks for a tunnel to one host and then names another in it gets no further than with an honest tunnel. Empty
 *  when no such host is known. */
export function serverNameChains(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	proxy: OutboundProxy,
): FilterChainInit[] {
	const { services, virtualServices } = scope.egresses.at(-1) ?? { services: scope.services, virtualServices: [] };
	const found = new Map<string, StreamChain>();
	for (const seen of services.values())
		for (const port of seen.ports) {
			if (!isToldByServerName(seen.service, port)) continue;
			const place = { index, client, proxy, virtualServices, port: port.port, subnets: [], isOwnListener: false };
			for (const chain of translateStreamChains(place, seen, port))
				for (const name of chain.sniHosts) if (!found.has(name)) found.set(name, chain);
		}
	if (found.size === 0) return [];
	const refused = { cluster: blackHoleClusterName, weight: 1, isHashedBySource: false };
	return [
		...[...found].map(
			([name, { filters }]): FilterChainInit => ({
				filterChainMatch: { serverNames: [name] },
				filters: [...filters],
			}),
		),
		{
			name: "unknown_server_name",
			filterChainMatch: { transportProtocol: "tls" },
			filters: streamFilters(proxy, blackHoleClusterName, [refused], "refused"),
		},
	];
}
