import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { formatObjectName, type ServicePort, type Subset } from "../../model/index.ts";
import { packResource, type XdsResource } from "../../xds/server/index.ts";
import {
	type Client,
	clusterKindOf,
	completePolicy,
	describeAuthorities,
	findMeshBackendTls,
	formatLocality,
	type HostPolicy,
	type MeshIndex,
	mergeTrafficPolicy,
	mutualTlsUseOf,
	outboundClusterName,
	type Placement,
	resolveEndpoints,
	resolveHostPolicy,
	resolvePlacement,
	type SeenService,
	speaksAsClients,
	translateAssignment,
	translateOutboundCluster,
} from "../translate/index.ts";
import { formatClient } from "./client.ts";
import { shapeOf } from "./host-routes.ts";
import type { Memo } from "./memo.ts";

/** The cluster of one port of a service or of a subset, with its endpoints when they come over EDS. */
export interface ClusterResources {
	readonly cluster: XdsResource;
	readonly assignment?: XdsResource;
}

/** The clusters of a service for a client. */
export function buildServiceClusters(
	index: MeshIndex,
	client: Client,
	seen: SeenService,
	memo: Memo,
): ClusterResources[] {
	const { service, host } = seen;
	const policy = resolveHostPolicy(index, host, service.namespace, client);
	// Without rules, and without a preference of its own, a service is the same to clients of every namespace.
	const isAlike =
		policy.rules.length === 0 &&
		service.trafficDistribution === undefined &&
		service.isNodeLocal !== true &&
		seen.ports === service.ports;
	const whose = isAlike ? `${client.isCaptured} ${client.isGateway === true}` : formatClient(client);
	const key = `clusters of ${whose} ${service.namespace} ${host}`;
	const { settings, workloads, peerAuthentications, declaredInstances } = index.mesh;
	const { backendTlsPolicies, configMaps } = index.mesh;
	const build = (): ClusterResources[] => {
		const inputs = [
			...[settings, workloads, peerAuthentications, declaredInstances, backendTlsPolicies, configMaps],
			...(backendTlsPolicies.length === 0 ? [] : [index.mesh.secrets]),
			...(backendTlsPolicies.length === 0 && client.isGateway !== true ? [] : [index.mesh.httpRoutes]),
			...[service, ...seen.ports, ...policy.rules],
			...index.instancesOf(service),
		];
		// Most services are as they were: one look finds that out.
		return memo.get(key, inputs, () =>
			seen.ports.flatMap((port) =>
				[undefined, ...policy.subsets].map((subset) => buildCluster(index, client, seen, port, policy, subset, memo)),
			),
		);
	};
	return isAlike ? index.remember(key, build) : build();
}

export function isSameResource(before: XdsResource, after: XdsResource): boolean {
	return before.version === after.version && before.name === after.name;
}

function buildCluster(
	index: MeshIndex,
	client: Client,
	{ host, service }: SeenService,
	port: ServicePort,
	policy: HostPolicy,
	subset: Subset | undefined,
	memo: Memo,
): ClusterResources {
	const name = outboundClusterName(host, port.port, subset?.name);
	const declared = mergeTrafficPolicy(policy.trafficPolicy, subset?.trafficPolicy, port.port);
	const merged = completePolicy(index.mesh.settings, service, port, declared);
	const kind = clusterKindOf(service, merged, client);
	const placement = resolvePlacement(service, merged, client);
	// Clients with the same rules have the same cluster, and the same endpoints unless they stand elsewhere.
	const rules = policy.rules.map(formatObjectName).join();
	const place = placement === undefined ? "" : formatPlace(placement);
	const isListed = kind === "strict-dns" || kind === "logical-dns";
	const endpoints = resolveEndpoints(index, service, port, subset);
	const endpointInputs = endpoints.flatMap(({ origin, port: number, isMutualTls }) => [origin, number, isMutualTls]);
	// Gateways have it added later, with their certificate and only where requests go.
	const encrypted = client.isGateway === true ? undefined : findMeshBackendTls(index, service, port);
	const inputs = [
		...(encrypted === undefined ? [] : [encrypted, ...describeAuthorities(index, encrypted)]),
		index.mesh.settings,
		shapeOf(service),
		port.port,
		port.protocol,
		speaksAsClients(index, client, service, port),
		index.serviceAccountsOf(service).join(),
		mutualTlsUseOf(index, service, port),
		...policy.rules,
		...(merged.tls?.credentialName === undefined ? [] : index.mesh.secrets),
		...(isListed ? endpointInputs : []),
	];
	// A Secret may be the client's own.
	const secrets = merged.tls?.credentialName === undefined ? "" : client.namespace;
	const cluster = memo.get(
		`cluster ${service.namespace} ${client.isGateway === true ? "gateway " : ""}${encrypted === undefined ? "" : "tls "}${secrets} ${rules} ${kind} ${isListed ? place : ""} ${name}`,
		inputs,
		() => {
			const message = translateOutboundCluster(index, client, service, port, merged, subset, encrypted);
			return packResource(ClusterSchema, name, message);
		},
		isSameResource,
	);
	if (kind !== "eds") return { cluster };
	const labels = subset === undefined ? "" : JSON.stringify(subset.labels);
	const assignment = memo.get(
		`assignment ${service.namespace} ${name} ${labels} ${place}`,
		[...policyInputs(placement), ...endpointInputs],
		() =>
			packResource(
				ClusterLoadAssignmentSchema,
				name,
				translateAssignment(index, service, port, subset?.name ?? "", endpoints, placement),
			),
		isSameResource,
	);
	return { cluster, assignment };
}

function policyInputs(placement: Placement | undefined): readonly unknown[] {
	if (placement === undefined) return [];
	const { distribute, failover, priorityLabels = [], prefersNear, isNodeLocal } = placement;
	return [prefersNear, isNodeLocal, ...distribute, ...failover, ...priorityLabels];
}

/** What of a client its endpoints follow from. */
function formatPlace({ client, priorityLabels, isNodeLocal }: Placement): string {
	const labels = priorityLabels === undefined ? "" : JSON.stringify(client.labels);
	const node = isNodeLocal || priorityLabels !== undefined ? (client.nodeName ?? "") : "";
	return `${formatLocality(client.locality ?? {})} ${node} ${labels}`;
}
