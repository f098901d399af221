import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { isHttpProtocol, type UpstreamListener, type VirtualService } from "../../model/index.ts";
import type { Client } from "./client.ts";
import { egressRequestLog } from "./egress-log.ts";
import { httpConnectionManager, type OutboundProxy } from "./http-connection-manager.ts";
import { outboundLocalReplies } from "./local-reply.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { adsSource, socketAddress } from "./messages.ts";
import { hostOf, httpProxyName, serviceRouteName } from "./names.ts";
import { firstByteFilters, outboundRouteFilters } from "./outbound/captured-listeners.ts";
import { dynamicForwardFilter } from "./outbound/dynamic-forward.ts";
import type { EgressScope } from "./outbound/egress-scope.ts";
import { onDemandFilters } from "./outbound/on-demand.ts";
import { serverNameChains } from "./outbound/server-name-chains.ts";
import { translateStreamChains } from "./outbound/stream-chains.ts";

const loopback = "127.0.0.1";

type FiltersInit = Extract<MessageInitShape<typeof ListenerSchema>, { readonly $typeName?: undefined }>["filterChains"];

/** The forward proxy: any service by its host, and CONNECT tunnels. */
export function translateHttpProxyListener(
	index: MeshIndex,
	port: number,
	proxy: OutboundProxy,
	client: Client,
	scope: EgressScope,
): Listener {
	const chains = serverNameChains(index, client, scope, proxy);
	const upgrades = [{ upgradeType: "CONNECT" }];
	const http = [outboundHttp(index, proxy, httpProxyName, httpProxyName, upgrades, scope, true)];
	return outboundListener(
		httpProxyName,
		port,
		[...chains, { filters: http }],
		chains.length > 0 ? firstByteFilters(true, false) : {},
	);
}

/** The loopback listener of one service port; undefined for a service that does not exist (yet).
 *  @param virtualServices those that the client sees, whose rules for connections hold for ports without HTTP */
export function translateUpstreamListener(
	index: MeshIndex,
	client: Client,
	virtualServices: readonly VirtualService[],
	upstream: UpstreamListener,
	proxy: OutboundProxy,
	scope: EgressScope,
): Listener | undefined {
	const named = index.service(upstream.service);
	// An alias (ExternalName) has no routes of its own: it is what it stands for, where the mesh knows that.
	const service = named?.aliasOf === undefined ? named : index.serviceByHost(named.aliasOf, client.namespace);
	const port = service?.ports.find((candidate) => candidate.port === upstream.port);
	if (named === undefined || service === undefined || port === undefined) return undefined;
	const host = hostOf(service, index.mesh.settings);
	const name = `upstream_${hostOf(named, index.mesh.settings)}_${port.port}`;
	if (isHttpProtocol(port.protocol)) {
		const route = serviceRouteName(host, port.port);
		const filters = [outboundHttp(index, proxy, `outbound_${route}`, route, [], scope, false)];
		return outboundListener(name, upstream.listenPort, [{ filters }]);
	}
	const place = { index, client, proxy, virtualServices, port: port.port, subnets: [], isOwnListener: true };
	const chains = translateStreamChains(place, { host, service, ports: service.ports }, port)
		// Clients connect to loopback: what address they would have meant nobody knows.
		.filter(({ subnets }) => subnets.length === 0)
		.map(({ sniHosts, filters }) => ({
			filters: [...filters],
			...(isNamed(sniHosts) && { filterChainMatch: { serverNames: [...sniHosts] } }),
		}));
	const readsServerName = chains.some(({ filterChainMatch }) => filterChainMatch !== undefined);
	return outboundListener(name, upstream.listenPort, chains, firstByteFilters(readsServerName, false));
}

function isNamed(sniHosts: readonly string[]): boolean {
	return sniHosts.length > 0 && !sniHosts.includes("*");
}

function outboundListener(
	name: string,
	port: number,
	filterChains: FiltersInit,
	more: ReturnType<typeof firstByteFilters> = {},
): Listener {
	return create(ListenerSchema, {
		name,
		address: socketAddress(loopback, port),
		trafficDirection: TrafficDirection.OUTBOUND,
		...(filterChains !== undefined && { filterChains }),
		...more,
	});
}

function outboundHttp(
	index: MeshIndex,
	proxy: OutboundProxy,
	statPrefix: string,
	routeConfigName: string,
	upgrades: readonly { readonly upgradeType: string }[],
	scope: EgressScope,
	asksOnDemand: boolean,
) {
	return httpConnectionManager({
		kind: proxy.kind,
		reporter: "source",
		statPrefix,
		routeSpecifier: { case: "rds", value: { configSource: adsSource(), routeConfigName } },
		filters: [
			...(asksOnDemand ? onDemandFilters(scope) : []),
			...outboundRouteFilters(index, scope.services, proxy),
			dynamicForwardFilter(),
		],
		accessLogs: [egressRequestLog(proxy.identity)],
		traceSamplingPercent: index.mesh.settings.traceSamplingPercent,
		extra: { upgradeConfigs: [{ upgradeType: "websocket" }, ...upgrades], localReplyConfig: outboundLocalReplies() },
	});
}
