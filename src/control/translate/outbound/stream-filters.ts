import type { MessageInitShape } from "@bufbuild/protobuf";
import { TcpProxySchema } from "../../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { BackendRef, TrafficPolicy } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { clusterKindOf } from "../cluster.ts";
import { type HostPolicy, mergeTrafficPolicy, resolveHostPolicy } from "../destination-rule.ts";
import { type EgressVerdict, egressConnectionLog, leavesMesh } from "../egress-log.ts";
import { istioMetricsFilter, type OutboundProxy, stdoutAccessLog } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension } from "../messages.ts";
import { outboundClusterName } from "../names.ts";
import { findConsistentHash, findDestination } from "../route-action.ts";
import { serverNameForwardFilter } from "./dynamic-forward.ts";

type TcpProxyInit = Extract<MessageInitShape<typeof TcpProxySchema>, { readonly $typeName?: undefined }>;

/** A cluster that connections go to, with what DestinationRules say of it. */
export interface StreamTarget {
	readonly cluster: string;
	readonly weight: number;
	readonly policy?: TrafficPolicy;
	readonly isHashedBySource: boolean;
	/** The host outside the mesh that it leads to; undefined stays inside. */
	readonly outsideHost?: string;
	/** The port of a host that only the server name of a connection says. */
	readonly namedPort?: number;
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
		return [streamTarget(index, client, service?.aliasOf ?? host, number, subset, backend.weight, hostPolicy)];
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
	index: MeshIndex,
	client: Client,
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
		...(leavesMesh(index, host) && { outsideHost: host }),
		...(isNamed(index, client, host) && { namedPort: port }),
	};
}

/** What a chain of connections ends in. No target closes them.
 *  @param verdict about connections of which nobody knows where they go; undefined for others */
export function streamFilters(
	{ kind, identity }: OutboundProxy,
	statPrefix: string,
	targets: readonly StreamTarget[],
	verdict?: EgressVerdict,
) {
	const [first] = targets;
	const policy = first?.policy;
	const pool = policy?.connectionPool;
	const tunnel = policy?.tunnel;
	const named = targets.find(({ namedPort }) => namedPort !== undefined)?.namedPort;
	const proxy: TcpProxyInit = {
		statPrefix,
		clusterSpecifier: clusterSpecifier(targets),
		accessLog: [stdoutAccessLog(), ...egressLogs(identity, targets, verdict)],
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
		...(named === undefined ? [] : [serverNameForwardFilter(named)]),
		extension("envoy.filters.network.tcp_proxy", TcpProxySchema, proxy),
	];
}

/** Whether the cluster of a host goes to the host that is named. */
function isNamed(index: MeshIndex, client: Client, host: string): boolean {
	if (!host.startsWith("*")) return false;
	const service = index.serviceByHost(host, client.namespace);
	return service !== undefined && clusterKindOf(service, {}, client) === "dynamic-forward";
}

function egressLogs(identity: string, targets: readonly StreamTarget[], verdict: EgressVerdict | undefined) {
	if (verdict !== undefined) return [egressConnectionLog(identity, verdict)];
	const outside = targets.flatMap(({ outsideHost }) => outsideHost ?? []);
	if (outside.length === 0) return [];
	const host = new Set(outside).size === 1 && !outside[0]!.startsWith("*") ? outside[0] : undefined;
	return [egressConnectionLog(identity, "allowed", host)];
}

function clusterSpecifier(targets: readonly StreamTarget[]): TcpProxyInit["clusterSpecifier"] {
	if (targets.length <= 1) return { case: "cluster", value: targets[0]?.cluster ?? "unusable_backend" };
	return {
		case: "weightedClusters",
		value: { clusters: targets.map(({ cluster, weight }) => ({ name: cluster, weight })) },
	};
}
