import { create } from "@bufbuild/protobuf";
import {
	type Route,
	RouteSchema,
	type VirtualHost,
	VirtualHostSchema,
} from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../../api/gen/envoy/config/route/v3/route_pb.js";
import type { Client } from "../client.ts";
import { markEgress } from "../egress-log.ts";
import { reasonHeader, unprocessedHeader } from "../local-reply.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, headerValue } from "../messages.ts";
import { outboundClusterName, passthroughClusterName } from "../names.ts";
import type { EgressScope } from "./egress-scope.ts";
import { onDemandVirtualHost } from "./on-demand.ts";
import { buildVirtualHosts, type HostRoutes } from "./virtual-hosts.ts";

/** The routes of a captured port: its hosts without ports, and what becomes of every other host. */
export function translatePortRoutes(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	port: number,
	hosts: readonly HostRoutes[],
): RouteConfiguration {
	return routeConfiguration(
		String(port),
		[...buildVirtualHosts(index, client, hosts, false), catchAll(scope, port)],
		true,
	);
}

/** The routes of a captured forward proxy: hosts of every port, and what becomes of every other host. */
export function translateProxyRoutes(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	name: string,
	hosts: readonly HostRoutes[],
): RouteConfiguration {
	return routeConfiguration(
		name,
		[...buildVirtualHosts(index, client, hosts, true), catchAll(scope, undefined)],
		false,
	);
}

/** The routes of one service port whose listener is for nothing else. */
export function translateSinglePortRoutes({ host, port, routes }: HostRoutes): RouteConfiguration {
	const name = `${host}:${port}`;
	return routeConfiguration(
		name,
		[create(VirtualHostSchema, { name, domains: ["*"], routes: [...routes], includeRequestAttemptCount: true })],
		true,
	);
}

function routeConfiguration(name: string, virtualHosts: VirtualHost[], ignoresPorts: boolean): RouteConfiguration {
	return create(RouteConfigurationSchema, {
		name,
		virtualHosts,
		responseHeadersToRemove: [unprocessedHeader],
		validateClusters: false,
		ignorePortInHostMatching: ignoresPorts,
		maxDirectResponseBodySizeBytes: 1024 * 1024,
	});
}

/** Names of the virtual hosts and routes of unknown hosts (Istio). */
const allowAny = "allow_any";
const blockAll = "block_all";

const refusal =
	"the host is no service of the mesh, and requests to others may not leave it (outboundTrafficPolicy REGISTRY_ONLY): a ServiceEntry allows a host\n";

const reason = `${blockAll}: outboundTrafficPolicy REGISTRY_ONLY, and no object describes the host`;

/** Unknown hosts: to where the client was going, to the proxy for them, or 502; before, those that the control plane knows. */
function catchAll({ mode, saysReason, egressProxy, onDemand }: EgressScope, port: number | undefined): VirtualHost {
	const name = mode === "ALLOW_ANY" ? allowAny : blockAll;
	const cluster =
		egressProxy === undefined
			? passthroughClusterName
			: outboundClusterName(egressProxy.host, egressProxy.port, egressProxy.subset);
	const action: Route["action"] =
		mode === "ALLOW_ANY"
			? create(RouteSchema, {
					action: {
						case: "route",
						value: {
							clusterSpecifier: { case: "cluster", value: cluster },
							timeout: duration(0),
							maxGrpcTimeout: duration(0),
						},
					},
				}).action
			: create(RouteSchema, {
					action: {
						case: "directResponse",
						value: { status: 502, body: { specifier: { case: "inlineString", value: refusal } } },
					},
				}).action;
	const { routes, config } = onDemandVirtualHost(onDemand, port);
	return create(VirtualHostSchema, {
		name,
		domains: ["*"],
		routes: [
			...routes,
			create(RouteSchema, {
				name,
				match: { pathSpecifier: { case: "prefix", value: "/" } },
				...(mode === "REGISTRY_ONLY" && {
					responseHeadersToAdd: [
						headerValue("x-request-id", "%REQ(X-REQUEST-ID)%", "set", true),
						...(saysReason ? [headerValue(reasonHeader, reason, "set")] : []),
					],
				}),
				typedPerFilterConfig: markEgress(mode === "ALLOW_ANY" ? "allowed" : "refused"),
				action,
			}),
		],
		includeRequestAttemptCount: true,
		...config,
	});
}
