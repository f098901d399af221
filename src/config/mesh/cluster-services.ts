import {
	type ClusterNode,
	type EndpointSlice,
	formatObjectName,
	type Labels,
	type Locality,
	matchesLabels,
	type Pod,
	type PortProtocol,
	readLocalityLabel,
	type Service,
	type ServiceEndpoint,
	type SliceEndpoint,
} from "../../model/index.ts";
import type { ServiceDocument } from "../kinds/service/service.ts";

/** What objects of Kubernetes say of running workloads. */
export interface ClusterObjects {
	/** Those that have an address and have not ended. */
	readonly pods: readonly Pod[];
	readonly nodes: ReadonlyMap<string, ClusterNode>;
	/** By `namespace/name` of their Services. */
	readonly slices: ReadonlyMap<string, readonly EndpointSlice[]>;
	readonly podsByName: ReadonlyMap<string, Pod>;
	readonly podsByAddress: ReadonlyMap<string, Pod>;
}

/** Indexes the objects of a cluster. */
export function indexCluster(
	pods: readonly Pod[],
	nodes: readonly ClusterNode[],
	slices: readonly EndpointSlice[],
): ClusterObjects {
	const running = pods.filter(({ address, hasEnded }) => address !== undefined && !hasEnded);
	return {
		pods: running,
		nodes: new Map(nodes.map((node) => [node.name, node])),
		slices: Map.groupBy(slices, ({ namespace, serviceName }) => `${namespace}/${serviceName}`),
		podsByName: new Map(running.map((pod) => [formatObjectName(pod), pod])),
		podsByAddress: new Map(running.map((pod) => [pod.address!, pod])),
	};
}

/** A Service with the endpoints that EndpointSlices list, in the place of its selector; undefined when nothing of a cluster stands
 *  behind it. Ports that declare nothing, or something unknown, are told by their first bytes. */
export function resolveClusterService(document: ServiceDocument, cluster: ClusterObjects): Service | undefined {
	const { undeclared, unknown, tlsPorts, publishesUnready, selector, ...service } = document;
	const slices = cluster.slices.get(formatObjectName(document));
	const isOfCluster =
		slices !== undefined ||
		service.addresses !== undefined ||
		service.isHeadless === true ||
		selectPods(document, cluster).length > 0;
	if (!isOfCluster) return undefined;
	const isSniffed = (port: number, protocol: PortProtocol): boolean =>
		unknown.includes(port) || (undeclared.includes(port) && protocol === "http");
	const protocolOf = (port: number, protocol: PortProtocol): PortProtocol =>
		tlsPorts.includes(port) ? "tls" : isSniffed(port, protocol) ? "auto" : protocol;
	const ports = service.ports.map((port) => ({ ...port, protocol: protocolOf(port.port, port.protocol) }));
	if (slices === undefined) return { ...service, ports, ...(selector !== undefined && { selector }) };
	return { ...service, ports, endpoints: listEndpoints(slices, publishesUnready, cluster) };
}

/** The Pods a Service selects. */
export function selectPods(
	{ namespace, selector }: Pick<Service, "namespace" | "selector">,
	{ pods }: ClusterObjects,
): readonly Pod[] {
	if (selector === undefined) return [];
	return pods.filter((pod) => pod.namespace === namespace && matchesLabels(selector, pod.labels));
}

/** The locality of what runs on a node; a label of the Pod may say another one. */
export function localityOf(
	{
		nodeName,
		zone,
		labels: own = {},
	}: { readonly nodeName?: string; readonly zone?: string; readonly labels?: Labels },
	nodes: ReadonlyMap<string, ClusterNode>,
): Locality | undefined {
	const said = readLocalityLabel(own);
	if (said !== undefined) return said;
	const labels = nodeName === undefined ? undefined : nodes.get(nodeName)?.labels;
	if (labels === undefined && zone === undefined) return undefined;
	return {
		region: labels?.["topology.kubernetes.io/region"] ?? "",
		zone: labels?.["topology.kubernetes.io/zone"] ?? zone ?? "",
		subZone: labels?.["topology.istio.io/subzone"] ?? "",
	};
}

/** How injection marks a Pod that takes mutual TLS. */
export const mutualTlsLabel = { "security.istio.io/tlsMode": "istio" } as const;

/** Whether a Pod takes mutual TLS. */
export function takesMutualTls({ labels }: Pod): boolean {
	return matchesLabels(mutualTlsLabel, labels);
}

/** Every address once; with several ports of one name, the first slice says it. */
function listEndpoints(
	slices: readonly EndpointSlice[],
	publishesUnready: boolean,
	cluster: ClusterObjects,
): ServiceEndpoint[] {
	const found = new Map<string, ServiceEndpoint>();
	for (const { ports, endpoints, namespace } of slices)
		for (const endpoint of endpoints) {
			const [address = ""] = endpoint.addresses;
			const before = found.get(address);
			const numbers = Object.fromEntries(ports.map(({ name, port }) => [name, port]));
			found.set(
				address,
				before === undefined
					? toEndpoint(endpoint, address, numbers, namespace, publishesUnready, cluster)
					: { ...before, ports: { ...numbers, ...before.ports } },
			);
		}
	return [...found.values()];
}

function toEndpoint(
	endpoint: SliceEndpoint,
	address: string,
	ports: Readonly<Record<string, number>>,
	namespace: string,
	publishesUnready: boolean,
	{ podsByName, podsByAddress, nodes }: ClusterObjects,
): ServiceEndpoint {
	const named = endpoint.pod === undefined ? undefined : podsByName.get(formatObjectName(endpoint.pod));
	const pod = named ?? podsByAddress.get(address);
	const nodeName = endpoint.nodeName ?? pod?.nodeName;
	const place = {
		...(nodeName !== undefined && { nodeName }),
		...(endpoint.zone !== undefined && { zone: endpoint.zone }),
		...(pod !== undefined && { labels: pod.labels }),
	};
	const locality = localityOf(place, nodes);
	const isDraining = endpoint.isTerminating && endpoint.isServing;
	return {
		address,
		ports,
		...(Object.keys(ports).length > 0 && { hasOnlyNamedPorts: true }),
		labels: pod?.labels ?? {},
		...(locality !== undefined && { locality }),
		...(nodeName !== undefined && { nodeName }),
		weight: 1,
		...(pod !== undefined && { serviceAccount: pod.serviceAccount, workload: workloadNameOf(pod) }),
		...(pod !== undefined && takesMutualTls(pod) && { isMutualTls: true }),
		health: endpoint.isReady || publishesUnready ? "ready" : isDraining ? "draining" : "unready",
		namespace: pod?.namespace ?? namespace,
	};
}

/** The workload that a Pod is a copy of. */
export function workloadNameOf({ labels, name }: Pod): string {
	return labels["service.istio.io/workload-name"] ?? labels["app"] ?? name;
}
