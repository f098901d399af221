import { create, fromBinary } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import type { Filter, FilterChain } from "../../src/api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import {
	type Route,
	VirtualHost_TlsRequirementType,
} from "../../src/api/gen/envoy/config/route/v3/route_components_pb.js";
import type { HttpConnectionManager } from "../../src/api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { TcpProxy } from "../../src/api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { DownstreamTlsContext } from "../../src/api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { unpackAny } from "../../src/api/index.ts";
import { buildMesh } from "../../src/config/index.ts";
import { createSnapshotStore } from "../../src/control/snapshot/index.ts";
import { listenerType, type XdsSnapshot } from "../../src/xds/server/index.ts";
import { parseObjects } from "./control-mesh.ts";
import { gatewayWorld } from "./gateway-api.ts";
import { findRoute, findVirtualHost, type SimulatedRequest } from "./simulate-request.ts";

/** What a gateway proxy does with requests and connections, told without sending any. */
export interface SimulatedGateway {
	readonly snapshot: XdsSnapshot;
	/** Ports it listens on. */
	readonly ports: readonly number[];
	/** Where a request goes: a cluster, shares of clusters, `redirect`, `https` for another scheme, a status of its own, `404`, or
	 *  `refused` without a listener. */
	ask(port: number, request: SimulatedRequest & { readonly sni?: string }): string;
	/** Where a connection goes that carries no HTTP. */
	connect(port: number, sni?: string): string;
	/** How TLS is ended for a server name. */
	tlsOf(port: number, sni: string): DownstreamTlsContext | undefined;
	route(port: number, request: SimulatedRequest & { readonly sni?: string }): Route | undefined;
	readonly problems: readonly string[];
}

/** The proxy `edge/gw-0` of `gatewayWorld` with these documents; `labels` are what it says of itself. */
export function simulateGateway(
	documents: readonly string[],
	labels: Readonly<Record<string, string>> = { app: "gw" },
): SimulatedGateway {
	const { mesh } = buildMesh(parseObjects(gatewayWorld, ...documents), []);
	const store = createSnapshotStore();
	store.apply(mesh);
	const id = "router~10.0.0.1~gw-0.edge~edge.svc.cluster.local";
	const snapshot = store.get(create(NodeSchema, { id, metadata: { LABELS: labels } }))!;
	const listeners = [...(snapshot.resources.get(listenerType)?.values() ?? [])].map(({ value }) =>
		fromBinary(ListenerSchema, value),
	);
	const portOf = (name: string): number => Number(name.slice(name.lastIndexOf("_") + 1));
	const chainOf = (port: number, sni: string | undefined): FilterChain | undefined => {
		const listener = listeners.find(({ name }) => portOf(name) === port);
		const matching = (listener?.filterChains ?? [])
			.map((chain) => ({ chain, rank: rankServerName(chain.filterChainMatch?.serverNames ?? [], sni ?? "") }))
			.filter(({ rank }) => rank >= 0)
			.sort((a, b) => b.rank - a.rank);
		return matching[0]?.chain;
	};
	const route = (port: number, request: SimulatedRequest & { readonly sni?: string }): Route | undefined => {
		const manager = unpackFilter<HttpConnectionManager>(
			chainOf(port, request.sni),
			"envoy.filters.network.http_connection_manager",
		);
		if (manager?.routeSpecifier.case !== "rds") return undefined;
		return findRoute(snapshot, manager.routeSpecifier.value.routeConfigName, request);
	};
	const redirects = (port: number, request: SimulatedRequest): boolean =>
		findVirtualHost(snapshot, `http.${port}`, request)?.requireTls === VirtualHost_TlsRequirementType.ALL;
	return {
		snapshot,
		ports: listeners.map(({ name }) => portOf(name)).sort((a, b) => a - b),
		route,
		ask(port, request) {
			if (chainOf(port, request.sni) === undefined) return "refused";
			if (request.sni === undefined && redirects(port, request)) return "https";
			return describeRoute(route(port, request));
		},
		connect(port, sni) {
			const proxy = unpackFilter<TcpProxy>(chainOf(port, sni), "envoy.filters.network.tcp_proxy");
			if (proxy === undefined) return "refused";
			const { clusterSpecifier } = proxy;
			if (clusterSpecifier.case === "cluster") return shorten(clusterSpecifier.value);
			return (clusterSpecifier.value?.clusters ?? [])
				.map(({ name, weight }) => `${weight} ${shorten(name)}`)
				.join(", ");
		},
		tlsOf(port, sni) {
			const socket = chainOf(port, sni)?.transportSocket?.configType;
			return socket?.value === undefined ? undefined : (unpackAny(socket.value) as DownstreamTlsContext);
		},
		problems: store
			.problems()
			.map(({ kind, namespace, name, path, problem }) => `${kind} ${namespace}/${name} ${path}: ${problem}`),
	};
}

/** How closely a chain is for a server name; -1 when it is not. */
function rankServerName(names: readonly string[], sni: string): number {
	if (names.length === 0) return 0;
	const ranks = names.map((name) => {
		if (name === sni) return 1000;
		return name.startsWith("*.") && sni.endsWith(name.slice(1)) ? name.length : -1;
	});
	return Math.max(...ranks);
}

function unpackFilter<T>(chain: FilterChain | undefined, name: string): T | undefined {
	const filter: Filter | undefined = chain?.filters.find((candidate) => candidate.name === name);
	return filter?.configType.case === "typedConfig" ? (unpackAny(filter.configType.value) as T) : undefined;
}

function describeRoute(route: Route | undefined): string {
	if (route === undefined) return "404";
	const { action } = route;
	if (action.case === "redirect") return "redirect";
	if (action.case === "directResponse") return String(action.value.status);
	if (action.case !== "route") return String(action.case);
	const { clusterSpecifier } = action.value;
	if (clusterSpecifier.case === "cluster") return shorten(clusterSpecifier.value);
	if (clusterSpecifier.case !== "weightedClusters") return String(clusterSpecifier.case);
	return clusterSpecifier.value.clusters
		.map(({ name, weight }) => `${weight?.toString() ?? ""} ${shorten(name)}`)
		.join(", ");
}

/** `web.shop:80` of `outbound|80||web.shop.svc.cluster.local`. */
function shorten(cluster: string): string {
	const [, port, subset, host] = cluster.split("|");
	if (host === undefined) return cluster;
	return `${host.replace(".svc.cluster.local", "")}:${port}${subset === "" ? "" : `/${subset}`}`;
}
