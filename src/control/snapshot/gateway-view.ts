import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { Labels } from "../../model/index.ts";
import {
	clusterType,
	endpointType,
	listenerType,
	packResource,
	routeType,
	secretType,
	type XdsResource,
	type XdsSnapshot,
} from "../../xds/server/index.ts";
import {
	encryptBackend,
	findEncryptedBackend,
	type GatewayNode,
	type GatewayResources,
	type MeshIndex,
	type MeshProblem,
	type QuotaServer,
	resolveEgressScope,
	translateGateway,
} from "../translate/index.ts";
import { memoMap } from "./client-view.ts";
import { buildServiceClusters, isSameResource } from "./cluster-resources.ts";
import type { Memo } from "./memo.ts";
import { quotaClusters } from "./quota-cluster.ts";

/** A gateway proxy's snapshot, and what is wrong with the Gateways that it serves. */
export interface GatewayView {
	readonly snapshot: XdsSnapshot;
	readonly problems: readonly MeshProblem[];
}

/** Builds the snapshot of a gateway proxy: of the clusters of its namespace only those that its routes lead to. */
export function buildGatewayView(index: MeshIndex, node: GatewayNode, memo: Memo, server?: QuotaServer): GatewayView {
	// Of two that say the same name each gets what its own labels select.
	const key = `${node.namespace}/${node.name} ${node.kind} ${formatLabels(node.labels)}`;
	const {
		listeners,
		routes,
		secrets,
		clusters: ownClusters,
		clusterNames,
		passedOnNames,
		clientCertificate,
		takesLeases,
		problems,
	} = memo.get(`gateway ${key}`, [index], () => translateGateway(index, node));
	const pack = <D extends DescMessage>(schema: D, messages: readonly (MessageShape<D> & { readonly name: string })[]) =>
		messages.map((message) =>
			memo.get(
				`gateway ${key} ${schema.typeName} ${message.name}`,
				[message],
				() => packResource(schema, message.name, message),
				isSameResource,
			),
		);
	const packedListeners = pack(ListenerSchema, listeners);
	const packedRoutes = pack(RouteConfigurationSchema, routes);
	const built = buildNamedClusters(index, node, clusterNames, memo);
	const clusters = memoMap(memo, `gateway clusters ${key}`, [
		...built.map(({ cluster }) =>
			passedOnNames.has(cluster.name) ? cluster : encrypt(index, node, cluster, clientCertificate, memo),
		),
		...pack(ClusterSchema, ownClusters),
		...(takesLeases ? quotaClusters(server, memo) : []),
	]);
	const assignments = memoMap(
		memo,
		`gateway assignments ${key}`,
		built.flatMap(({ assignment }) => assignment ?? []),
	);
	const listenerMap = memoMap(memo, `gateway listeners ${key}`, packedListeners);
	const routeMap = memoMap(memo, `gateway routes ${key}`, packedRoutes);
	const secretMap = memoMap(memo, `gateway secrets ${key}`, pack(SecretSchema, secrets));
	const snapshot = memo.get(
		`gateway snapshot ${key}`,
		[clusters, assignments, listenerMap, routeMap, secretMap],
		(): XdsSnapshot => ({
			resources: new Map([
				[clusterType, clusters],
				[endpointType, assignments],
				[listenerType, listenerMap],
				[routeType, routeMap],
				[secretType, secretMap],
			]),
		}),
	);
	return { snapshot, problems };
}

function formatLabels(labels: Labels): string {
	return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The clusters of a list of names, of services that the proxy's namespace sees. */
function buildNamedClusters(index: MeshIndex, { client }: GatewayNode, names: ReadonlySet<string>, memo: Memo) {
	const hosts = new Set([...names].map((name) => name.slice(name.lastIndexOf("|") + 1)));
	const { services } = memo.get(`gateway scope ${client.namespace}`, [index], () => resolveEgressScope(index, client));
	return [...hosts].flatMap((host) => {
		const seen = services.get(host);
		if (seen === undefined) return [];
		return buildServiceClusters(index, client, seen, memo).filter(({ cluster }) => names.has(cluster.name));
	});
}

/** A cluster as a BackendTLSPolicy has it; itself without one. */
function encrypt(
	index: MeshIndex,
	node: GatewayNode,
	cluster: XdsResource,
	clientCertificate: GatewayResources["clientCertificate"],
	memo: Memo,
): XdsResource {
	const backend = findEncryptedBackend(index, node.namespace, cluster.name);
	if (backend === undefined) return cluster;
	return memo.get(
		`gateway backend ${node.namespace}/${node.name} ${formatLabels(node.labels)} ${cluster.name}`,
		[cluster, index],
		() => {
			const message = encryptBackend(index, fromBinary(ClusterSchema, cluster.value), backend, clientCertificate);
			return packResource(ClusterSchema, cluster.name, message);
		},
		isSameResource,
	);
}
