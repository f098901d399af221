import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	ClusterSchema,
} from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TrafficDirection } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import { ApiVersion } from "../../../api/gen/envoy/config/core/v3/config_source_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import {
	type Route,
	RouteSchema,
	VirtualHostSchema,
} from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	ExtAuthzPerRouteSchema,
	ExtAuthzSchema,
} from "../../../api/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { TcpProxySchema } from "../../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { StatusCode } from "../../../api/gen/envoy/type/v3/http_status_pb.js";
import { isHttpProtocol } from "../../../model/index.ts";
import { egressFilter, egressRequestLog, markEgress } from "../egress-log.ts";
import { httpConnectionManager, type OutboundProxy } from "../http-connection-manager.ts";
import { httpOptions } from "../http-options.ts";
import { duration, extension, packAny, socketAddress, stringMatcher } from "../messages.ts";
import { translateRetry } from "../retry.ts";
import { unlimitedCircuitBreakers } from "../traffic-policy.ts";
import { type AddressBlock, collapseAddresses } from "./address-block.ts";
import type { EgressScope, SeenService } from "./egress-scope.ts";

/** What a client knows beyond what it was given: it asks the control plane when a request is for a host it has no route for. The
 *  control plane gives it the host's cluster before it answers, and the request goes there. */
export interface OnDemand {
	/** Names the client to the control plane. */
	readonly key: string;
	/** Ports where any service of the mesh speaks HTTP. */
	readonly httpPorts: readonly number[];
	/** Addresses of services that speak something else on a port, port by port. */
	readonly streams: readonly { readonly port: number; readonly blocks: readonly AddressBlock[] }[];
	/** Where the control plane answers. */
	readonly server: { readonly host: string; readonly port: number };
}

/** The control plane, as it is asked. */
export const onDemandClusterName = "amime|on-demand";
/** The listener of this proxy that connections to services it does not know go through. */
const tunnelClusterName = "amime|on-demand-tcp";
/** Loopback, beside Istio's ports of a sidecar. */
export const onDemandPort = 15_009;
/** Carries the answer to the route: the cluster of the request. Never leaves the proxy. */
export const onDemandHeader = "x-amime-on-demand-cluster";
/** Says beside it that the host is outside the mesh. */
export const onDemandEgressHeader = "x-amime-on-demand-egress";
/** Keys of what a route tells the control plane of itself. */
export const onDemandContext = { key: "key", port: "port", tunnel: "tunnel" };

const filterName = "amime.on_demand";
const askTimeoutMs = 5_000;
const answerHeaders = [onDemandHeader, onDemandEgressHeader];

/** What of all services clients may need to ask for. */
export function describeOnDemand(key: string, services: Iterable<SeenService>, server: OnDemand["server"]): OnDemand {
	const ports = new Set<number>();
	const addresses = new Map<number, Set<string>>();
	for (const { service, ports: own } of services)
		for (const { port, protocol } of own)
			if (isHttpProtocol(protocol)) ports.add(port);
			else
				for (const address of service.addresses ?? [])
					if (!address.includes("/")) addresses.set(port, (addresses.get(port) ?? new Set()).add(address));
	const streams = [...addresses].map(([port, of]) => ({ port, blocks: collapseAddresses(of) }));
	return {
		key,
		httpPorts: [...ports].sort((a, b) => a - b),
		streams: streams.sort((a, b) => a.port - b.port),
		server,
	};
}

/** The filter that asks, off except where a route turns it on. When nobody answers, requests go on as those to unknown hosts; where
 *  nothing unknown may leave they end, for what a client itself says in the place of an answer would be believed. */
export function onDemandFilters({ onDemand, mode }: Pick<EgressScope, "onDemand" | "mode">) {
	return onDemand === undefined ? [] : [{ ...askFilter(mode === "ALLOW_ANY"), disabled: true }];
}

function askFilter(isOpen: boolean) {
	return extension(filterName, ExtAuthzSchema, {
		transportApiVersion: ApiVersion.V3,
		failureModeAllow: isOpen,
		statusOnError: { code: StatusCode.ServiceUnavailable },
		clearRouteCache: true,
		statPrefix: "on_demand",
		// Of the headers only the host is anyone's business.
		allowedHeaders: { patterns: [stringMatcher("exact", ":authority")] },
		services: {
			case: "grpcService",
			value: {
				targetSpecifier: { case: "envoyGrpc", value: { clusterName: onDemandClusterName, authority: "amime" } },
				timeout: duration(askTimeoutMs),
			},
		},
	});
}

/** What the virtual host of unknown hosts has besides: it asks, and goes where it is told. Empty without on-demand clusters.
 *  @param port of the captured connection; undefined where the host says it */
export function onDemandVirtualHost(onDemand: OnDemand | undefined, port: number | undefined) {
	if (onDemand === undefined) return { routes: [], config: {} };
	const { key } = onDemand;
	const routes = [true, false].map((isOutside) =>
		create(RouteSchema, {
			name: "on_demand",
			match: {
				pathSpecifier: { case: "prefix", value: "/" },
				headers: isOutside ? [answered, answeredOutside] : [answered],
			},
			...(isOutside && { typedPerFilterConfig: markEgress("allowed") }),
			requestHeadersToRemove: answerHeaders,
			action: {
				case: "route",
				value: {
					clusterSpecifier: { case: "clusterHeader", value: onDemandHeader },
					timeout: duration(0),
					maxGrpcTimeout: duration(0),
					retryPolicy: translateRetry(undefined, undefined)!,
				},
			},
		}),
	);
	const typedPerFilterConfig = { [filterName]: askConfig(key, port) };
	return { routes, config: { typedPerFilterConfig } };
}

const isThere = { case: "presentMatch" as const, value: true };
const answered = { name: onDemandHeader, headerMatchSpecifier: isThere };
const answeredOutside = { name: onDemandEgressHeader, headerMatchSpecifier: isThere };

/** A tunnel (CONNECT) to where the answer says. */
export function onDemandTunnelRoute(): Route {
	return create(RouteSchema, {
		name: "on_demand_connect",
		match: { pathSpecifier: { case: "connectMatcher", value: {} }, headers: [answered] },
		requestHeadersToRemove: answerHeaders,
		// Tunnels are rare: each is told, wherever it leads.
		typedPerFilterConfig: markEgress("allowed"),
		action: {
			case: "route",
			value: {
				clusterSpecifier: { case: "clusterHeader", value: onDemandHeader },
				upgradeConfigs: [{ upgradeType: "CONNECT", connectConfig: {} }],
				timeout: duration(0),
			},
		},
	});
}

function askConfig(key: string, port: number | undefined, isTunnel = false) {
	return packAny(ExtAuthzPerRouteSchema, {
		override: {
			case: "checkSettings",
			value: {
				contextExtensions: {
					[onDemandContext.key]: key,
					...(port !== undefined && { [onDemandContext.port]: String(port) }),
					...(isTunnel && { [onDemandContext.tunnel]: "1" }),
				},
			},
		},
	});
}

/** The clusters that asking takes. */
export function translateOnDemandClusters({ server, streams }: OnDemand): Cluster[] {
	return [
		loopbackCluster(onDemandClusterName, server.host, server.port, "http2"),
		...(streams.length === 0 ? [] : [loopbackCluster(tunnelClusterName, "127.0.0.1", onDemandPort, "http1")]),
	];
}

/** A cluster of one address on this machine. */
export function loopbackCluster(name: string, host: string, port: number, version: "http1" | "http2"): Cluster {
	return create(ClusterSchema, {
		name,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
		connectTimeout: duration(1_000),
		loadAssignment: {
			clusterName: name,
			endpoints: [
				{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: socketAddress(host, port) } } }] },
			],
		},
		circuitBreakers: unlimitedCircuitBreakers(),
		...httpOptions(version, undefined),
	});
}

type ChainInit = NonNullable<Exclude<MessageInitShape<typeof ListenerSchema>, Listener>["filterChains"]>[number];

/** The chain of captured connections to services that are no HTTP and have no listener here: each goes through `on_demand_tcp`, which
 *  asks by its address.
 *  @param port of the listener; undefined for the one of every port that has none */
export function onDemandChains(onDemand: OnDemand | undefined, port: number | undefined): ChainInit[] {
	const blocks = (onDemand?.streams ?? [])
		.filter((stream) => port === undefined || stream.port === port)
		.flatMap((stream) => stream.blocks);
	const unique = [...new Map(blocks.map((block) => [`${block.address}/${block.length}`, block])).values()];
	if (unique.length === 0) return [];
	return [
		{
			name: "on-demand-tcp",
			filterChainMatch: {
				prefixRanges: unique.map(({ address, length }) => ({ addressPrefix: address, prefixLen: length })),
			},
			filters: [
				extension("envoy.filters.network.tcp_proxy", TcpProxySchema, {
					statPrefix: "on_demand_tcp",
					clusterSpecifier: { case: "cluster", value: tunnelClusterName },
					tunnelingConfig: { hostname: "%DOWNSTREAM_LOCAL_ADDRESS%" },
				}),
			],
		},
	];
}

/** The listener that ends those tunnels. */
export function translateOnDemandListeners(onDemand: OnDemand | undefined, { identity }: OutboundProxy): Listener[] {
	if (onDemand === undefined || onDemand.streams.length === 0) return [];
	const name = "on_demand_tcp";
	return [
		create(ListenerSchema, {
			name,
			address: socketAddress("127.0.0.1", onDemandPort),
			trafficDirection: TrafficDirection.OUTBOUND,
			filterChains: [
				{
					filters: [
						httpConnectionManager({
							// What goes through is reported where it ends.
							kind: "envoy",
							reporter: "source",
							statPrefix: name,
							routeSpecifier: {
								case: "routeConfig",
								value: {
									name,
									virtualHosts: [
										create(VirtualHostSchema, {
											name,
											domains: ["*"],
											routes: [onDemandTunnelRoute(), refuseTunnels],
											typedPerFilterConfig: { [filterName]: askConfig(onDemand.key, undefined, true) },
										}),
									],
								},
							},
							filters: [askFilter(true), egressFilter()],
							accessLogs: [egressRequestLog(identity)],
							traceSamplingPercent: 0,
							extra: { upgradeConfigs: [{ upgradeType: "CONNECT" }] },
						}),
					],
				},
			],
		}),
	];
}

const refuseTunnels = create(RouteSchema, {
	name: "unknown_address",
	match: { pathSpecifier: { case: "connectMatcher", value: {} } },
	typedPerFilterConfig: markEgress("refused"),
	action: { case: "directResponse", value: { status: 502 } },
});
