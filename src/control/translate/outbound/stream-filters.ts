import type { MessageInitShape } from "@bufbuild/protobuf";
import { TcpProxySchema } from "../../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { BackendRef, TrafficPolicy } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { type HostPolicy, mergeTrafficPolicy, resolveHostPolicy } from "../destination-rule.ts";
import { istioMetricsFilter, type ProxyKind, stdoutAccessLog } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension } from "../messages.ts";
import { outboundClusterName } from "../names.ts";
import { findConsistentHash, findDestination } from "../route-action.ts";

type TcpProxyInit = Extract<MessageInitShape<typeof TcpProxySchema>, { readonly $typeName?: undefined }>;

/** A cluster that connections go to, with what DestinationRules say of it. */
export interface StreamTarget {
	readonly cluster: string;
	readonly weight: number;
	readonly policy?: TrafficPolicy;
	readonly isHashedBySource: boolean;
}

/** The clusters of the destinations of a TCP or TLS rule; a destination that is not there stays, and its connections are closed. */
export function resolveStreamTargets(
	index: MeshIndex,
	client: Client,
	port: number,
	backends: readonly BackendRef[],
): StreamTarget[] {
	return backends.flatMap((backend) => {
		const { destination, subset } = backend;
		if (destination.kind === "unusable" || backend.weight === 0) return [];
		const service = findDestination(index, client, destination);
		const host =
			service === undefined && destination.kind === "host" ? destination.host : service && hostName(index, service);
		if (host === undefined) return [];
		const number = backend.port ?? (service?.ports.length === 1 ? service.ports[0]!.port : port);
		const hostPolicy = service === undefined ? undefined : resolveHostPolicy(index, host, service.namespace, client);
		return [streamTarget(service?.aliasOf ?? host, number, subset, backend.weight, hostPolicy)];
	});
}

function hostName(
	index: MeshIndex,
	service: { readonly host?: string; readonly name: string; readonly namespace: string },
) {
	return service.host ?? `${service.name}.${service.namespace}.svc.${index.mesh.settings.clusterDomain}`;
}

/** One cluster with its policy. */
export function streamTarget(
	host: string,
	port: number,
	subset: string | undefined,
	weight: number,
	hostPolicy: HostPolicy | undefined,
): StreamTarget {
	const own = hostPolicy?.subsets.find(({ name }) => name === subset)?.trafficPolicy;
	return {
		cluster: outboundClusterName(host, port, subset),
		weight,
		...(hostPolicy !== undefined && { policy: mergeTrafficPolicy(hostPolicy.trafficPolicy, own, port) }),
		isHashedBySource: findConsistentHash(hostPolicy, subset, port)?.key.kind === "source-ip",
	};
}

/** What a chain of connections ends in. No target closes them. */
export function streamFilters(kind: ProxyKind, statPrefix: string, targets: readonly StreamTarget[]) {
	const [first] = targets;
	const policy = first?.policy;
	const pool = policy?.connectionPool;
	const tunnel = policy?.tunnel;
	const proxy: TcpProxyInit = {
		statPrefix,
		clusterSpecifier: clusterSpecifier(targets),
		accessLog: [stdoutAccessLog()],
		...(pool?.tcpIdleTimeoutMs !== undefined && { idleTimeout: duration(pool.tcpIdleTimeoutMs) }),
		...(pool?.maxConnectionDurationMs !== undefined && {
			maxDownstreamConnectionDuration: duration(pool.maxConnectionDurationMs),
		}),
		...(first?.isHashedBySource === true && {
			hashPolicy: [{ policySpecifier: { case: "sourceIp", value: {} } }],
		}),
		...(tunnel !== undefined && {
			tunnelingConfig: { hostname: `${tunnel.targetHost}:${tunnel.targetPort}`, usePost: tunnel.method === "POST" },
		}),
	};
	return [
		...(kind === "amime" ? [istioMetricsFilter("source")] : []),
		extension("envoy.filters.network.tcp_proxy", TcpProxySchema, proxy),
	];
}

function clusterSpecifier(targets: readonly StreamTarget[]): TcpProxyInit["clusterSpecifier"] {
	if (targets.length <= 1) return { case: "cluster", value: targets[0]?.cluster ?? "unusable_backend" };
	return {
		case: "weightedClusters",
		value: { clusters: targets.map(({ cluster, weight }) => ({ name: cluster, weight })) },
	};
}
