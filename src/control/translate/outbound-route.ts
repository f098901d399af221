import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type Route,
	RouteSchema,
	type VirtualHost,
	VirtualHostSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { isHttpProtocol, type Service, type ServicePort } from "../../model/index.ts";
import type { Client } from "./client.ts";
import { leavesMesh, markEgress } from "./egress-log.ts";
import { unprocessedHeader } from "./local-reply.ts";
import type { MeshIndex } from "./mesh-index.ts";
import {
	connectClusterName,
	httpProxyName,
	outboundClusterName,
	passthroughClusterName,
	serviceRouteName,
} from "./names.ts";
import type { EgressScope } from "./outbound/egress-scope.ts";
import { listAddresses } from "./outbound/names-of-service.ts";
import { onDemandTunnelRoute, onDemandVirtualHost } from "./outbound/on-demand.ts";
import { isToldByServerName } from "./outbound/server-name-chains.ts";
import { type HostRoutes, listAllNames } from "./outbound/virtual-hosts.ts";

/** The routes of one service port with the names a client may call it by. */
export interface ServiceRoutes {
	readonly host: string;
	readonly port: number;
	/** For the forward proxy: short names are only right for clients of the service's own namespace. */
	readonly virtualHost: VirtualHost;
	/** For the loopback listener of the service port. */
	readonly routeConfiguration: RouteConfiguration;
}

/** Puts the routes of one service port under the names a client may call it by. */
export function translateServiceRoutes(
	index: MeshIndex,
	client: Client,
	{ host, routes, seen }: HostRoutes,
	port: ServicePort,
): ServiceRoutes {
	const name = serviceRouteName(host, port.port);
	const connect = tunnelRoute(
		{ case: "route", value: connectAction(host, port, seen?.service) },
		leavesMesh(index, host) ? { typedPerFilterConfig: markEgress("allowed") } : {},
	);
	const names = seen === undefined ? [host] : listAllNames(index, client, seen);
	const addresses = seen === undefined ? [] : listAddresses(seen.service);
	return {
		host,
		port: port.port,
		virtualHost: create(VirtualHostSchema, {
			name,
			domains: withPort([...names, ...addresses], port.port),
			routes: [connect, ...routes],
			includeRequestAttemptCount: true,
		}),
		routeConfiguration: routeConfiguration(name, [
			create(VirtualHostSchema, { name, domains: ["*"], routes: [...routes], includeRequestAttemptCount: true }),
		]),
	};
}

/** The route configuration of the forward proxy: a virtual host a service port, and a clear answer for any other host. */
export function translateHttpProxyRoutes(
	services: readonly ServiceRoutes[],
	scope: Pick<EgressScope, "onDemand" | "mode">,
): RouteConfiguration {
	const taken = new Set<string>();
	const virtualHosts: VirtualHost[] = [];
	for (const { virtualHost } of services) {
		// Names are unique by construction, unless a name contains dots: then the first keeps it, for one double spoils the whole.
		const domains = virtualHost.domains.filter((domain) => !taken.has(domain));
		for (const domain of domains) taken.add(domain);
		if (domains.length === virtualHost.domains.length) virtualHosts.push(virtualHost);
		else if (domains.length > 0) virtualHosts.push(create(VirtualHostSchema, { ...virtualHost, domains }));
	}
	return routeConfiguration(httpProxyName, [...virtualHosts, unknownHosts(scope)]);
}

/** Without a port a name means port 80. */
function withPort(names: readonly string[], port: number): string[] {
	return names.flatMap((domain) => (port === 80 ? [domain, `${domain}:80`] : [`${domain}:${port}`]));
}

function routeConfiguration(name: string, virtualHosts: VirtualHost[]): RouteConfiguration {
	return create(RouteConfigurationSchema, {
		name,
		virtualHosts,
		responseHeadersToRemove: [unprocessedHeader],
		validateClusters: false,
	});
}

type RouteInit = Extract<MessageInitShape<typeof RouteSchema>, { readonly $typeName?: undefined }>;
type ActionInit = RouteInit["action"];

/** What a client tunnels (CONNECT) to an HTTP service is routed like any request, and TLS to a host outside the mesh by its server
 *  name, whatever name the tunnel was asked for; to another service its bytes go as they are. */
function connectAction(host: string, servicePort: ServicePort, service: Service | undefined) {
	const { port, protocol } = servicePort;
	const isInspected = isHttpProtocol(protocol) || (service !== undefined && isToldByServerName(service, servicePort));
	const cluster = isInspected ? connectClusterName : outboundClusterName(host, port);
	return {
		clusterSpecifier: { case: "cluster" as const, value: cluster },
		upgradeConfigs: [{ upgradeType: "CONNECT", connectConfig: {} }],
		timeout: { seconds: 0n },
	};
}

function tunnelRoute(action: ActionInit, more: Pick<RouteInit, "typedPerFilterConfig" | "name"> = {}): Route {
	return create(RouteSchema, {
		name: "connect",
		match: { pathSpecifier: { case: "connectMatcher", value: {} } },
		...(action !== undefined && { action }),
		...more,
	});
}

const unknownHost = "unknown_host";

/** Nobody may go there. */
const unknownHostAnswer = {
	case: "directResponse" as const,
	value: {
		status: 502,
		body: { specifier: { case: "inlineString" as const, value: "the host is no service of the mesh\n" } },
	},
};

/** Wherever the host is. */
function toAnyHost(isTunnel: boolean) {
	return {
		case: "route" as const,
		value: {
			clusterSpecifier: { case: "cluster" as const, value: passthroughClusterName },
			...(isTunnel && { upgradeConfigs: [{ upgradeType: "CONNECT", connectConfig: {} }] }),
			timeout: { seconds: 0n },
		},
	};
}

/** Any other host: one that the control plane knows, else 502 or wherever it is. */
function unknownHosts({ onDemand, mode }: Pick<EgressScope, "onDemand" | "mode">): VirtualHost {
	const isOpen = mode === "ALLOW_ANY";
	const mark = { typedPerFilterConfig: markEgress(isOpen ? "allowed" : "refused") };
	const { routes, config } = onDemandVirtualHost(onDemand, undefined);
	return create(VirtualHostSchema, {
		name: unknownHost,
		domains: ["*"],
		routes: [
			...(onDemand === undefined ? [] : [onDemandTunnelRoute()]),
			...routes,
			tunnelRoute(isOpen ? toAnyHost(true) : unknownHostAnswer, { ...mark, name: `connect_${unknownHost}` }),
			create(RouteSchema, {
				name: unknownHost,
				match: { pathSpecifier: { case: "prefix", value: "/" } },
				action: isOpen ? toAnyHost(false) : unknownHostAnswer,
				...mark,
			}),
		],
		...config,
	});
}
