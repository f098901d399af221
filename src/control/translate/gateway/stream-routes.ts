import type { StreamRule } from "../../../model/index.ts";
import { compareSpecificity, coversHost, intersectHosts, permitRules } from "../../gateway-api/index.ts";
import { isVisible, type MeshIndex } from "../mesh-index.ts";
import { compareAge } from "../names.ts";
import { resolveStreamTargets, type StreamTarget } from "../outbound/stream-filters.ts";
import type { GatewayNode } from "./gateway-node.ts";
import { gatewayNameOf, hostsFor, type Server } from "./server.ts";

/** Connections that go to the same clusters: by server name, or all. */
export interface StreamChain {
	/** `*.suffix` allowed; empty is every connection. */
	readonly serverNames: readonly string[];
	/** None closes the connections. */
	readonly targets: readonly StreamTarget[];
	/** The object whose rule it is, for statistics and explanations. */
	readonly name: string;
}

/** The chains of a server that carries bytes. One that ends TLS, or has none, has a single chain; one that passes TLS on has one for
 *  the server names of each rule. */
export function translateStreams(index: MeshIndex, node: GatewayNode, server: Server): StreamChain[] {
	const isPassedOn = server.tls?.kind === "passthrough";
	const chains = server.attached === undefined ? ofVirtualServices(index, node, server) : ofRoutes(index, node, server);
	if (isPassedOn) return chains;
	const [first] = chains;
	if (first === undefined) return [];
	const names = server.tls === undefined ? [] : server.hosts.map(({ host }) => host).filter((host) => host !== "*");
	return [{ ...first, serverNames: names }];
}

/** TLSRoutes and TCPRoutes: the oldest decides, by its first rule. */
function ofRoutes(index: MeshIndex, node: GatewayNode, { attached, port }: Server): StreamChain[] {
	const bound = [...(attached?.streamRoutes ?? [])].sort((a, b) => compareAge(a.route, b.route));
	return bound.flatMap(({ route, hostnames }): StreamChain[] => {
		const [rule] = permitRules(route, route.rules, index.attachments.grants);
		if (rule === undefined || hostnames.length === 0) return [];
		const serverNames = hostnames.filter((host) => host !== "*");
		const name = `${route.namespace}/${route.name}`;
		return [{ serverNames, targets: resolveStreamTargets(index, node.client, port, rule.backends), name }];
	});
}

/** VirtualServices: rules of `tcp` for servers without TLS or that end it, of `tls` for those that pass it on. */
function ofVirtualServices(index: MeshIndex, node: GatewayNode, server: Server): StreamChain[] {
	const gateway = gatewayNameOf(server);
	const isPassedOn = server.tls?.kind === "passthrough";
	return index.virtualServices
		.filter((rule) => rule.gateways.includes(gateway) && isVisible(rule.exportTo, node.namespace))
		.flatMap((virtualService): StreamChain[] => {
			const hosts = hostsFor(server, virtualService.namespace);
			if (intersectHosts(hosts, virtualService.hosts).length === 0) return [];
			const name = `${virtualService.namespace}/${virtualService.name}`;
			const rules = isPassedOn ? virtualService.tls : virtualService.tcp;
			return rules.flatMap((rule) =>
				namesOfRule(rule, gateway, server, hosts, isPassedOn).map(
					(serverNames): StreamChain => ({
						serverNames,
						targets: resolveStreamTargets(index, node.client, server.port, rule.backends),
						name,
					}),
				),
			);
		});
}

/** The server names of each match of a rule that is for a server; one empty list for every connection. */
function namesOfRule(
	rule: StreamRule,
	gateway: string,
	server: Server,
	hosts: readonly string[],
	isPassedOn: boolean,
): readonly (readonly string[])[] {
	if (rule.backends.length === 0) return [];
	if (rule.matches.length === 0) return isPassedOn ? [] : [[]];
	const matching = rule.matches.filter(
		({ scope }) =>
			(scope?.port === undefined || scope.port === server.port) && (scope?.gateways?.includes(gateway) ?? true),
	);
	if (!isPassedOn) return matching.length > 0 ? [[]] : [];
	return matching
		.map(({ sniHosts }) =>
			sniHosts.filter((name) => hosts.some((host) => coversHost(host, name) || coversHost(name, host))),
		)
		.filter((names) => names.length > 0)
		.map((names) => names.filter((name) => name !== "*").sort(compareSpecificity));
}
