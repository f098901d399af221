import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { isHttpProtocol, type UpstreamListener } from "../../model/index.ts";
import { httpConnectionManager, type ProxyKind, tcpFilters } from "./http-connection-manager.ts";
import { outboundLocalReplies } from "./local-reply.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { adsSource, socketAddress } from "./messages.ts";
import { hostOf, httpProxyName, outboundClusterName, serviceRouteName } from "./names.ts";
import { routeConfiguredFilters } from "./outbound/captured-listeners.ts";
import { type OnDemand, onDemandFilters } from "./outbound/on-demand.ts";

const loopback = "127.0.0.1";

type FiltersInit = Extract<MessageInitShape<typeof ListenerSchema>, { readonly $typeName?: undefined }>["filterChains"];

/** The forward proxy: any service by its host, and CONNECT tunnels. */
export function translateHttpProxyListener(
	index: MeshIndex,
	port: number,
	kind: ProxyKind,
	onDemand?: OnDemand,
): Listener {
	return outboundListener(httpProxyName, port, [
		{ filters: [outboundHttp(index, kind, httpProxyName, httpProxyName, [{ upgradeType: "CONNECT" }], onDemand)] },
	]);
}

/** The loopback listener of one service port; undefined for a service that does not exist (yet). */
export function translateUpstreamListener(
	index: MeshIndex,
	upstream: UpstreamListener,
	kind: ProxyKind,
): Listener | undefined {
	const port = index.service(upstream.service)?.ports.find((candidate) => candidate.port === upstream.port);
	if (port === undefined) return undefined;
	const host = hostOf(upstream.service, index.mesh.settings);
	const name = serviceRouteName(host, port.port);
	const cluster = outboundClusterName(host, port.port);
	const filters = isHttpProtocol(port.protocol)
		? [outboundHttp(index, kind, `outbound_${name}`, name, [])]
		: tcpFilters(kind, "source", cluster, cluster);
	return outboundListener(`upstream_${host}_${port.port}`, upstream.listenPort, [{ filters }]);
}

function outboundListener(name: string, port: number, filterChains: FiltersInit): Listener {
	return create(ListenerSchema, {
		name,
		address: socketAddress(loopback, port),
		trafficDirection: TrafficDirection.OUTBOUND,
		...(filterChains !== undefined && { filterChains }),
	});
}

function outboundHttp(
	index: MeshIndex,
	kind: ProxyKind,
	statPrefix: string,
	routeConfigName: string,
	upgrades: readonly { readonly upgradeType: string }[],
	onDemand?: OnDemand,
) {
	return httpConnectionManager({
		kind,
		reporter: "source",
		statPrefix,
		routeSpecifier: { case: "rds", value: { configSource: adsSource(), routeConfigName } },
		filters: [...onDemandFilters(onDemand), ...routeConfiguredFilters()],
		traceSamplingPercent: index.mesh.settings.traceSamplingPercent,
		extra: { upgradeConfigs: [{ upgradeType: "websocket" }, ...upgrades], localReplyConfig: outboundLocalReplies() },
	});
}
