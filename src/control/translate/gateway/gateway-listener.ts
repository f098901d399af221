import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import type { FilterChainSchema } from "../../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { TlsInspectorSchema } from "../../../api/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert } from "../../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { egressRequestLog } from "../egress-log.ts";
import { authorizerClusterNames } from "../external-auth.ts";
import { httpConnectionManager } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { adsSource, extension, socketAddress } from "../messages.ts";
import { routeConfiguredFilters } from "../outbound/captured-listeners.ts";
import { streamFilters } from "../outbound/stream-filters.ts";
import { endsWithPeerCertificate } from "../tls.ts";
import { type GatewayNode, outboundProxyOf } from "./gateway-node.ts";
import { clustersOfPolicies, enforceHttp, enforceStream, findGatewayPolicies } from "./gateway-policies.ts";
import { permittedRoutesOf } from "./http-routes.ts";
import type { PortPlan } from "./merge-servers.ts";
import { routeNameOf, type Server } from "./server.ts";
import { type StreamChain, translateStreams } from "./stream-routes.ts";
import { endTls } from "./tls-context.ts";

type ChainInit = Extract<MessageInitShape<typeof FilterChainSchema>, { readonly $typeName?: undefined }>;

/** A listener, and the clusters that its chains lead to without routes. */
export interface GatewayListener {
	readonly listener: Listener;
	readonly clusterNames: readonly string[];
	/** Those among them that get TLS as the client sends it. */
	readonly passedOnNames: readonly string[];
}

/** The listener of one port of a gateway; undefined when no chain would take a connection. */
export function translateGatewayListener(
	index: MeshIndex,
	node: GatewayNode,
	plan: PortPlan,
): GatewayListener | undefined {
	const name = `${plan.bind}_${plan.port}`;
	const chains = plan.isTls
		? plan.servers.flatMap((server) => tlsChains(index, node, name, server))
		: plainChains(index, node, name, plan.servers);
	const distinct = dropRepeatedNames(chains);
	if (distinct.length === 0) return undefined;
	const { gatewayPorts, address } = node.instance ?? {};
	const listener = create(ListenerSchema, {
		name,
		address: socketAddress(gatewayPorts === undefined || address === undefined ? plan.bind : address, plan.port),
		trafficDirection: TrafficDirection.OUTBOUND,
		...(plan.isTls && {
			listenerFilters: [extension("envoy.filters.listener.tls_inspector", TlsInspectorSchema, {})],
		}),
		filterChains: distinct.map(({ chain }) => chain),
	});
	return {
		listener,
		clusterNames: distinct.flatMap(({ clusterNames }) => clusterNames),
		passedOnNames: distinct.flatMap(({ clusterNames, isPassedOn }) => (isPassedOn ? clusterNames : [])),
	};
}

interface NamedChain {
	readonly serverNames: readonly string[];
	readonly chain: ChainInit;
	readonly clusterNames: readonly string[];
	readonly isPassedOn: boolean;
}

function namesOf({ targets }: StreamChain): string[] {
	return targets.map(({ cluster }) => cluster);
}

function plainChains(index: MeshIndex, node: GatewayNode, name: string, servers: readonly Server[]): NamedChain[] {
	const [server] = servers;
	if (server!.carries === "http") return [{ ...httpChain(index, node, name, servers), serverNames: [] }];
	return translateStreams(index, node, server!)
		.slice(0, 1)
		.map((stream) => streamChain(index, node, server!, stream));
}

function tlsChains(index: MeshIndex, node: GatewayNode, name: string, server: Server): NamedChain[] {
	if (server.carries === "stream")
		return translateStreams(index, node, server).map((stream) => streamChain(index, node, server, stream));
	const serverNames = server.hosts.map(({ host }) => host).filter((host) => host !== "*");
	const isAny = serverNames.length < server.hosts.length;
	return [{ ...httpChain(index, node, name, [server]), serverNames: isAny ? [] : serverNames }];
}

function streamChain(index: MeshIndex, node: GatewayNode, server: Server, stream: StreamChain): NamedChain {
	const { targets, name } = stream;
	const statPrefix = targets.length === 1 ? targets[0]!.cluster : name;
	const policies = findGatewayPolicies(index, node, [server]);
	return {
		serverNames: stream.serverNames,
		clusterNames: [...namesOf(stream), ...clustersOfPolicies(index, policies)],
		isPassedOn: server.tls?.kind === "passthrough",
		chain: {
			...socketOf(index, server, []),
			filters: [
				...enforceStream(index, policies, statPrefix),
				...streamFilters(outboundProxyOf(index, node), statPrefix, targets),
			],
		},
	};
}

function socketOf(
	index: MeshIndex,
	{ tls }: Server,
	alpn: readonly string[],
): Pick<ChainInit, "transportSocket" | "metadata"> {
	const transportSocket = tls === undefined ? undefined : endTls(tls, index.mesh.settings, alpn);
	if (transportSocket === undefined) return {};
	return {
		transportSocket,
		...(tls?.kind === "mesh" && { metadata: { filterMetadata: endsWithPeerCertificate } }),
	};
}

/** A proxy takes no two chains for one server name: it stays with the first that has it. */
function dropRepeatedNames(chains: readonly NamedChain[]): NamedChain[] {
	const taken = new Set<string>();
	return chains.flatMap((named): NamedChain[] => {
		const { serverNames, chain } = named;
		const own = serverNames.length === 0 ? [""] : serverNames;
		const left = own.filter((name) => !taken.has(name));
		for (const name of left) taken.add(name);
		if (left.length === 0) return [];
		if (serverNames.length === 0) return [named];
		return [{ ...named, serverNames: left, chain: { ...chain, filterChainMatch: { serverNames: left } } }];
	});
}

/** What requests from outside go through: what they say of themselves is not believed, and the path is made plain. */
function httpChain(
	index: MeshIndex,
	node: GatewayNode,
	name: string,
	servers: readonly Server[],
): Omit<NamedChain, "serverNames"> {
	const [server] = servers;
	const policies = findGatewayPolicies(index, node, servers);
	const enforced = enforceHttp(index, node, policies);
	const routes = permittedRoutesOf(index, servers);
	const topology = index.mesh.settings.gatewayTopology;
	const manager = httpConnectionManager({
		kind: node.kind,
		reporter: "source",
		statPrefix: `outbound_${name}`,
		routeSpecifier: {
			case: "rds",
			value: { configSource: adsSource(), routeConfigName: routeNameOf(server!) },
		},
		filters: [...enforced.filters, ...routeConfiguredFilters(index, routes)],
		accessLogs: [...enforced.accessLogs, egressRequestLog(outboundProxyOf(index, node).identity)],
		traceSamplingPercent: index.mesh.settings.traceSamplingPercent,
		extra: {
			useRemoteAddress: true,
			...(topology !== undefined && { xffNumTrustedHops: topology.trustedProxies }),
			forwardClientCertDetails: ForwardClientCert[topology?.forwardClientCertDetails ?? "SANITIZE_SET"],
			...(server!.tls !== undefined && {
				setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
			}),
			...enforced.options,
		},
	});
	return {
		chain: { ...socketOf(index, server!, ["h2", "http/1.1"]), filters: [manager] },
		clusterNames: [...clustersOfPolicies(index, policies), ...authorizerClusterNames(index, routes)],
		isPassedOn: false,
	};
}
