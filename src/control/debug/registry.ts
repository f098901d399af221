import { formatSpiffeId, type PortProtocol, type Service } from "../../model/index.ts";
import { formatLocality, hostOf, type MeshIndex, type ResolvedEndpoint, resolveEndpoints } from "../translate/index.ts";

const protocols: Readonly<Record<PortProtocol, string>> = {
	http: "HTTP",
	http2: "HTTP2",
	grpc: "GRPC",
	tcp: "TCP",
	tls: "TLS",
	auto: "UnsupportedProtocol",
};

/** Istio's numbers of `Resolution`. */
const resolutions = { endpoints: 0, dns: 1, passthrough: 2, "dns-round-robin": 3, "dynamic-dns": 5 } as const;
const aliasResolution = 4;
const trafficDistributions = { PreferSameZone: 1, PreferSameNode: 2 } as const;
const cluster = "amime";

/** Istio's registry: every service of the mesh. */
export function listServices(index: MeshIndex | undefined): object[] {
	return (index?.services ?? []).map((service) => describeService(index!, service));
}

function describeService(index: MeshIndex, service: Service): object {
	const { namespace, name, labels, ports, addresses = [], exportTo, selector, createdAt = 0 } = service;
	const accounts = serviceAccountsOf(index, service);
	return {
		Attributes: {
			ServiceRegistry: registryOf(service),
			Name: name,
			Namespace: namespace,
			Labels: labels,
			ExportTo: exportTo === undefined ? null : toSet(exportTo),
			LabelSelectors: selector ?? null,
			Aliases: null,
			ClusterExternalAddresses: { Addresses: null },
			ClusterExternalPorts: null,
			PassthroughTargetPorts: null,
			Type: "",
			ExternalName: service.aliasOf ?? "",
			NodeLocal: service.isNodeLocal ?? false,
			TrafficDistribution:
				service.trafficDistribution === undefined ? 0 : trafficDistributions[service.trafficDistribution],
			ObjectName: service.entry ?? name,
			PublishNotReadyAddresses: false,
		},
		ports: ports.map((port) => ({ name: port.name, port: port.port, protocol: protocols[port.protocol] })),
		...(accounts.length > 0 && { serviceAccounts: accounts }),
		creationTime: new Date(createdAt).toISOString(),
		hostname: hostOf(service, index.mesh.settings),
		clusterVIPs: { Addresses: addresses.length === 0 ? null : { [cluster]: addresses } },
		defaultAddress: addresses[0] ?? "0.0.0.0",
		Resolution: resolutionOf(service),
		MeshExternal: service.isExternal ?? false,
		ResourceVersion: "",
	};
}

function registryOf({ entry }: Service): "External" | "Kubernetes" {
	return entry === undefined ? "Kubernetes" : "External";
}

function resolutionOf({ aliasOf, isHeadless, resolution }: Service): number {
	if (aliasOf !== undefined) return aliasResolution;
	return isHeadless === true ? resolutions.passthrough : resolutions[resolution ?? "endpoints"];
}

/** Istio's endpoint shards: by host and namespace the endpoints of each registry, of which there is one. */
export function listEndpointShards(index: MeshIndex | undefined): object {
	const shards: Record<string, Record<string, object>> = {};
	for (const service of index?.services ?? []) {
		const endpoints = service.ports.flatMap((port) =>
			resolveEndpoints(index!, service, port).map((endpoint) => describeEndpoint(endpoint, port.name)),
		);
		if (endpoints.length === 0) continue;
		const host = hostOf(service, index!.mesh.settings);
		shards[host] = {
			...shards[host],
			[service.namespace]: {
				Shards: { [`${registryOf(service)}/${cluster}`]: endpoints },
				ServiceAccounts: toSet(serviceAccountsOf(index!, service)),
			},
		};
	}
	return shards;
}

/** Istio's numbers of `HealthStatus`. */
const healthStatuses = { ready: 1, unready: 2, draining: 3 } as const;

function describeEndpoint(endpoint: ResolvedEndpoint, portName: string): object {
	const { address, port, labels, locality, nodeName, weight, health, isMutualTls, instance, origin } = endpoint;
	return {
		Labels: labels,
		Addresses: [address],
		ServicePortName: portName,
		LegacyClusterPortKey: 0,
		ServiceAccount: origin.serviceAccount ?? "",
		Network: "",
		Locality: { Label: locality === undefined ? "" : formatLocality(locality), ClusterID: cluster },
		EndpointPort: port,
		LbWeight: weight,
		TLSMode: isMutualTls ? "istio" : "disabled",
		Namespace: origin.namespace,
		WorkloadName: instance?.workload ?? origin.workload ?? "",
		HostName: instance?.name ?? "",
		SubDomain: "",
		HealthStatus: healthStatuses[health],
		SendUnhealthyEndpoints: false,
		NodeName: nodeName ?? "",
	};
}

function serviceAccountsOf(index: MeshIndex, service: Service): string[] {
	const { trustDomain } = index.mesh.settings;
	const { namespace } = service;
	const own = index.serviceAccountsOf(service);
	return own.map((serviceAccount) => formatSpiffeId({ trustDomain, namespace, serviceAccount })).sort();
}

/** A set of Go's as its JSON has it. */
function toSet(items: readonly string[]): Record<string, object> {
	return Object.fromEntries([...items].sort().map((item) => [item, {}]));
}
