import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FilterChainSchema } from "../../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import type { ServicePort, StreamMatch, VirtualService } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { resolveHostPolicy } from "../destination-rule.ts";
import type { OutboundProxy } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { outboundClusterName } from "../names.ts";
import type { SeenService } from "./egress-scope.ts";
import { coversHost } from "./host-match.ts";
import { resolveStreamTargets, streamFilters, streamTarget } from "./stream-filters.ts";
import { isInScope } from "./virtual-service-routes.ts";

export type FilterChainInit = Extract<MessageInitShape<typeof FilterChainSchema>, { readonly $typeName?: undefined }>;

/** One chain of a listener with what it is for, so that two of one kind are not put side by side. */
export interface StreamChain {
	readonly sniHosts: readonly string[];
	/** Destination blocks, `10.1.0.0/16`. */
	readonly subnets: readonly string[];
	readonly filters: NonNullable<FilterChainInit["filters"]>;
}

/** Where the connections of a service port come from. */
export interface StreamPlace {
	readonly index: MeshIndex;
	readonly client: Client;
	readonly proxy: OutboundProxy;
	readonly virtualServices: readonly VirtualService[];
	/** Port of the listener. */
	readonly port: number;
	/** Blocks of the service, when it has blocks in place of addresses. */
	readonly subnets: readonly string[];
	/** Whether the listener is for this service alone. */
	readonly isOwnListener: boolean;
}

/** Chains of one service port that is no HTTP: rules of VirtualServices, else straight to the service. */
export function translateStreamChains(place: StreamPlace, seen: SeenService, port: ServicePort): StreamChain[] {
	const rules = place.virtualServices.filter(({ hosts }) => hosts.some((host) => coversHost(host, seen.host)));
	return port.protocol === "tls" ? tlsChains(place, seen, port, rules) : tcpChains(place, seen, port, rules);
}

function tlsChains(
	place: StreamPlace,
	seen: SeenService,
	port: ServicePort,
	virtualServices: readonly VirtualService[],
): StreamChain[] {
	const chains = new Map<string, StreamChain>();
	for (const { tls, name, namespace } of virtualServices)
		for (const rule of tls)
			for (const match of rule.matches) {
				if (!isStreamInScope(match, place)) continue;
				const subnets = match.destinationSubnets.length > 0 ? match.destinationSubnets : place.subnets;
				const key = `${match.sniHosts.join()}|${match.destinationSubnets.join()}`;
				if (chains.has(key)) continue;
				const targets = resolveStreamTargets(place.index, place.client, place.port, rule.backends);
				const filters = streamFilters(place.proxy, statPrefixOf(targets, `${name}.${namespace}`), targets);
				chains.set(key, { sniHosts: match.sniHosts, subnets, filters });
			}
	if (chains.size > 0) return [...chains.values()];
	// Without an address of its own a service is told by the server name.
	const sniHosts = place.isOwnListener ? [] : [seen.host];
	return [{ sniHosts, subnets: place.subnets, filters: straight(place, seen, port) }];
}

function tcpChains(
	place: StreamPlace,
	seen: SeenService,
	port: ServicePort,
	virtualServices: readonly VirtualService[],
): StreamChain[] {
	const chains: StreamChain[] = [];
	for (const { tcp, name, namespace } of virtualServices)
		for (const rule of tcp) {
			const targets = resolveStreamTargets(place.index, place.client, place.port, rule.backends);
			const filters = streamFilters(place.proxy, statPrefixOf(targets, `${name}.${namespace}`), targets);
			const matches = rule.matches.filter((match) => isStreamInScope(match, place));
			if (rule.matches.length === 0 || matches.some((match) => match.destinationSubnets.length === 0))
				return [...chains, { sniHosts: [], subnets: place.subnets, filters }];
			const subnets = matches.flatMap((match) => match.destinationSubnets);
			if (subnets.length > 0) chains.push({ sniHosts: [], subnets, filters });
		}
	return [...chains, { sniHosts: [], subnets: place.subnets, filters: straight(place, seen, port) }];
}

/** Straight to the service. */
function straight({ index, client, proxy }: StreamPlace, { host, service }: SeenService, port: ServicePort) {
	const policy = resolveHostPolicy(index, host, service.namespace, client);
	return streamFilters(proxy, outboundClusterName(host, port.port), [
		streamTarget(index, client, host, port.port, undefined, 1, policy),
	]);
}

/** Source labels and gateways limit a match of connections both (Istio). */
function isStreamInScope({ scope }: StreamMatch, { client, port }: StreamPlace): boolean {
	if (scope === undefined) return true;
	const { gateways, ...source } = scope;
	const place = { client, port, gateway: "mesh" };
	return isInScope(source, place) && (gateways === undefined || gateways.includes("mesh"));
}

function statPrefixOf(targets: readonly { readonly cluster: string }[], name: string): string {
	return targets.length === 1 ? targets[0]!.cluster : name;
}
