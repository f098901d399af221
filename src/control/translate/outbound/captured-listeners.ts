import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { CorsSchema } from "../../../api/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { HTTPFaultSchema } from "../../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { HttpInspectorSchema } from "../../../api/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { TlsInspectorSchema } from "../../../api/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import type { HttpRoute } from "../../../model/index.ts";
import { type EgressVerdict, egressFilter, egressRequestLog } from "../egress-log.ts";
import { externalAuthFilters, routesOfServices } from "../external-auth.ts";
import { type HttpFilterInit, httpConnectionManager, type OutboundProxy } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { adsSource, duration, extension, socketAddress } from "../messages.ts";
import {
	blackHoleClusterName,
	httpProxyName,
	outboundClusterName,
	passthroughClusterName,
	virtualOutboundPort,
} from "../names.ts";
import { limitHttpFilters } from "../rate-limit/filters.ts";
import { assumedRouters, policiesOnServices } from "../rate-limit/find.ts";
import { corsFilterName, faultFilterName } from "../route-per-filter.ts";
import { sessionFilters } from "../session-persistence.ts";
import { dynamicForwardFilter } from "./dynamic-forward.ts";
import type { EgressScope } from "./egress-scope.ts";
import type { ListenerPlan } from "./listener-plan.ts";
import { onDemandChains, onDemandFilters } from "./on-demand.ts";
import type { FilterChainInit, StreamChain } from "./stream-chains.ts";
import { streamFilters } from "./stream-filters.ts";

type ListenerInit = Extract<MessageInitShape<typeof ListenerSchema>, { readonly $typeName?: undefined }>;

/** Filters that routes configure, before the router of every outbound listener. */
export function routeConfiguredFilters(index: MeshIndex, routes: Iterable<HttpRoute>): HttpFilterInit[] {
	return [
		egressFilter(),
		extension(faultFilterName, HTTPFaultSchema, {}),
		extension(corsFilterName, CorsSchema, {}),
		...externalAuthFilters(index, routes),
		...sessionFilters(index),
	];
}

/** The same, with the limits of routes that sidecars enforce on what they send. */
export function outboundRouteFilters(
	index: MeshIndex,
	services: EgressScope["services"],
	{ kind, identity }: OutboundProxy,
): HttpFilterInit[] {
	const limits = limitHttpFilters(index, policiesOnServices(index, services.values()), {
		...{ kind, caller: identity, audience: "mesh", onRoutes: true },
		proxiesOf: () => assumedRouters,
	});
	const routes = routesOfServices(
		index,
		[...services.values()].map(({ service }) => service),
	);
	return [...routeConfiguredFilters(index, routes), ...limits];
}

/** HTTP of an outbound listener, by a route configuration. */
export function outboundHttpFilters(
	index: MeshIndex,
	proxy: OutboundProxy,
	statPrefix: string,
	routeConfigName: string,
	scope: EgressScope,
): NonNullable<FilterChainInit["filters"]> {
	return [
		httpConnectionManager({
			kind: proxy.kind,
			reporter: "source",
			statPrefix,
			routeSpecifier: { case: "rds", value: { configSource: adsSource(), routeConfigName } },
			filters: [
				...onDemandFilters(scope),
				...outboundRouteFilters(index, scope.services, proxy),
				...(findsNames(scope) ? [dynamicForwardFilter()] : []),
			],
			accessLogs: [egressRequestLog(proxy.identity)],
			traceSamplingPercent: index.mesh.settings.traceSamplingPercent,
			extra: { normalizePath: true, proxy100Continue: true },
		}),
	];
}

/** Whether requests may go to clusters that find the host that a request names. */
function findsNames({ services }: EgressScope): boolean {
	return [...services.values()].some(({ service }) => service.resolution === "dynamic-dns");
}

/** The listener that captured connections come to: handed on to the listener of their address and port, else to where they were
 *  going, or closed. */
export function translateVirtualOutbound(scope: EgressScope, proxy: OutboundProxy): Listener {
	return create(ListenerSchema, {
		name: "virtualOutbound",
		address: socketAddress("0.0.0.0", virtualOutboundPort),
		trafficDirection: TrafficDirection.OUTBOUND,
		useOriginalDst: true,
		filterChains: [
			{
				// Connections to the listener itself would go round for ever.
				name: "virtualOutbound-blackhole",
				filterChainMatch: { destinationPort: virtualOutboundPort },
				filters: toCluster(proxy, blackHoleClusterName, "refused"),
			},
			...onDemandChains(scope.onDemand, undefined),
			{ name: "virtualOutbound-catchall-tcp", filters: unknownFilters(scope, proxy) },
		],
	});
}

/** The forward proxy of captured clients, for requests in the absolute form. */
export function translateForwardProxy(
	index: MeshIndex,
	port: number,
	proxy: OutboundProxy,
	scope: EgressScope,
): Listener {
	return create(ListenerSchema, {
		name: `127.0.0.1_${port}`,
		address: socketAddress("127.0.0.1", port),
		trafficDirection: TrafficDirection.OUTBOUND,
		filterChains: [{ filters: outboundHttpFilters(index, proxy, `outbound_127.0.0.1_${port}`, httpProxyName, scope) }],
	});
}

/** One listener of an outbound address and port. */
export function translateOutboundListener(
	index: MeshIndex,
	scope: EgressScope,
	proxy: OutboundProxy,
	plan: ListenerPlan,
): Listener {
	const { address, port, routeConfigName, chains, bindsToPort } = plan;
	const name = `${address}_${port}`;
	const http: FilterChainInit[] =
		routeConfigName === undefined
			? []
			: [
					{
						...(plan.isSniffed && {
							filterChainMatch: {
								transportProtocol: "raw_buffer",
								applicationProtocols: ["http/1.0", "http/1.1", "h2c"],
							},
						}),
						filters: outboundHttpFilters(index, proxy, `outbound_${name}`, routeConfigName, scope),
					},
				];
	const streams = chains.filter(isLimited).map(limitedChain);
	const rest = chains.find((chain) => !isLimited(chain));
	// A service with a listener of its own does not come to that of every address.
	const asked = address === "0.0.0.0" ? onDemandChains(scope.onDemand, port) : [];
	const matching = [...streams, ...(plan.isSniffed ? http : []), ...asked];
	const last: FilterChainInit =
		rest !== undefined
			? { filters: rest.filters }
			: routeConfigName !== undefined && !plan.isSniffed
				? http[0]!
				: { name: "PassthroughFilterChain", filters: unknownFilters(scope, proxy) };
	return create(ListenerSchema, {
		name,
		address: socketAddress(address, port),
		trafficDirection: TrafficDirection.OUTBOUND,
		...firstByteFilters(
			chains.some(({ sniHosts }) => sniHosts.length > 0),
			plan.isSniffed,
		),
		...(matching.length === 0 ? { filterChains: [last] } : { filterChains: matching, defaultFilterChain: last }),
		...(!bindsToPort && { bindToPort: false }),
	});
}

/** What tells the protocol by the first bytes. A server that speaks first is waited for without bound, as in Istio. */
export function firstByteFilters(readsServerName: boolean, isSniffed: boolean): Partial<ListenerInit> {
	if (!readsServerName && !isSniffed) return {};
	return {
		listenerFilters: [
			...(readsServerName ? [extension("envoy.filters.listener.tls_inspector", TlsInspectorSchema, {})] : []),
			...(isSniffed ? [extension("envoy.filters.listener.http_inspector", HttpInspectorSchema, {})] : []),
		],
		listenerFiltersTimeout: duration(0),
		continueOnListenerFiltersTimeout: true,
	};
}

function isLimited({ sniHosts, subnets }: StreamChain): boolean {
	return sniHosts.some((host) => host !== "*") || subnets.length > 0;
}

function limitedChain({ sniHosts, subnets, filters }: StreamChain): FilterChainInit {
	return {
		filterChainMatch: {
			serverNames: sniHosts.filter((host) => host !== "*"),
			prefixRanges: subnets.map((subnet) => {
				const [addressPrefix = "", length] = subnet.split("/");
				return {
					addressPrefix,
					prefixLen: length === undefined ? (addressPrefix.includes(":") ? 128 : 32) : Number(length),
				};
			}),
		},
		filters: [...filters],
	};
}

/** Connections to nowhere known. */
function unknownFilters({ mode, egressProxy }: EgressScope, proxy: OutboundProxy) {
	if (mode === "REGISTRY_ONLY") return toCluster(proxy, blackHoleClusterName, "refused");
	return toCluster(
		proxy,
		egressProxy === undefined
			? passthroughClusterName
			: outboundClusterName(egressProxy.host, egressProxy.port, egressProxy.subset),
		"allowed",
	);
}

function toCluster(proxy: OutboundProxy, cluster: string, verdict: EgressVerdict) {
	return streamFilters(proxy, cluster, [{ cluster, weight: 1, isHashedBySource: false }], verdict);
}
