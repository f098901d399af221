import type { MeshIndex } from "../control/translate/index.ts";
import { computePriorityLoads, type PriorityCounts } from "../engine/load-balancer/index.ts";
import type { WorkloadInstance } from "../model/index.ts";
import type { AssignmentConfig, ClusterConfig, EndpointConfig, LocalityConfig } from "../proxy/runtime-config/index.ts";
import type { EndpointExplanation } from "./explanation.ts";
import type { ProxyView } from "./proxy-view.ts";

/** An endpoint with everything that is known of it. */
export interface PlacedEndpoint {
	readonly explanation: EndpointExplanation;
	readonly config: EndpointConfig;
	readonly address: string;
	readonly port: number;
	readonly instance?: WorkloadInstance;
}

/** Endpoints of a cluster with the share that each gets, by the engine's priorities, panic and weights; undefined for a cluster whose
 *  endpoints only show when a connection comes. */
export function placeEndpoints(
	cluster: ClusterConfig,
	proxy: ProxyView,
	index: MeshIndex,
): PlacedEndpoint[] | undefined {
	const { discovery } = cluster;
	switch (discovery.kind) {
		case "eds":
			return place(
				cluster,
				proxy.assignment(discovery.serviceName === "" ? cluster.name : discovery.serviceName),
				index,
			);
		case "static":
		case "strict-dns":
		case "logical-dns":
			return place(cluster, discovery.assignment, index);
		default:
			return undefined;
	}
}

function place(cluster: ClusterConfig, assignment: AssignmentConfig | undefined, index: MeshIndex): PlacedEndpoint[] {
	if (assignment === undefined) return [];
	const { localities, overprovisioningFactor, weightedPriorityHealth } = assignment;
	const count = Math.max(0, ...localities.map(({ priority }) => priority + 1));
	const counts = Array.from({ length: count }, (_, priority) =>
		countHosts(localities.filter((locality) => locality.priority === priority)),
	);
	const loads = computePriorityLoads(counts, {
		overprovisioningFactor,
		panicThreshold: cluster.commonBalancer.healthyPanicThreshold,
		weightedPriorityHealth,
	});
	return localities.flatMap((locality) => {
		const { priority } = locality;
		const isPanic = loads.panic[priority] === true;
		const load = (loads.healthy[priority] ?? 0) + (loads.degraded[priority] ?? 0);
		const peers = localities.filter((other) => other.priority === priority);
		const takes = ({ health }: EndpointConfig): boolean => isPanic || isHealthy(health) || health === "degraded";
		const weightOf = (other: LocalityConfig): number =>
			other.endpoints.filter(takes).reduce((sum, { weight }) => sum + weight, 0);
		const { localityWeighted } = cluster.commonBalancer;
		const usable = peers.filter((other) => weightOf(other) > 0);
		const total = localityWeighted
			? usable.reduce((sum, { weight }) => sum + weight, 0)
			: usable.reduce((sum, other) => sum + weightOf(other), 0);
		const ofLocality = localityWeighted ? locality.weight : weightOf(locality);
		return locality.endpoints.map((config): PlacedEndpoint => {
			const { address } = config;
			const ip = address.kind === "socket" ? address.address : address.path;
			const port = address.kind === "socket" ? address.port : 0;
			const instance = findInstanceAt(index, ip, port);
			const share =
				!takes(config) || total === 0 ? 0 : (load * ofLocality * config.weight) / (total * weightOf(locality));
			return {
				config,
				address: ip,
				port,
				...(instance !== undefined && { instance }),
				explanation: {
					address: address.kind === "socket" ? `${ip}:${port}` : ip,
					health: config.health === "unknown" ? "healthy" : config.health,
					locality: formatLocality(locality.locality),
					priority,
					weight: config.weight,
					share: Number(share.toFixed(2)),
					...(instance !== undefined && { instance: `${instance.namespace}/${instance.name}` }),
				},
			};
		});
	});
}

function formatLocality({ region, zone, subZone }: LocalityConfig["locality"]): string {
	return [region, zone, subZone].join("/").replace(/\/+$/, "");
}

function isHealthy(health: EndpointConfig["health"]): boolean {
	return health === "unknown" || health === "healthy";
}

function countHosts(localities: readonly LocalityConfig[]): PriorityCounts {
	const endpoints = localities.flatMap((locality) => locality.endpoints);
	const weigh = (some: readonly EndpointConfig[]): number => some.reduce((sum, { weight }) => sum + weight, 0);
	const healthy = endpoints.filter(({ health }) => isHealthy(health));
	const degraded = endpoints.filter(({ health }) => health === "degraded");
	return {
		hosts: endpoints.length,
		excluded: 0,
		healthy: healthy.length,
		degraded: degraded.length,
		countedWeight: weigh(endpoints),
		healthyWeight: weigh(healthy),
		degradedWeight: weigh(degraded),
	};
}

/** The instance behind an address: declared ones by their address, others by the port where the mesh reaches them. */
export function findInstanceAt(index: MeshIndex, address: string, port: number): WorkloadInstance | undefined {
	return (
		index.instanceAt(address) ??
		index.instances.find(
			(instance) => instance.address === address && instance.ports.some(({ meshPort }) => meshPort === port),
		)
	);
}
