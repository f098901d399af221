import { create } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import type { WorkloadInstance } from "../../model/index.ts";
import {
	clusterType,
	endpointType,
	listenerType,
	packResource,
	routeType,
	type XdsResource,
	type XdsSnapshot,
} from "../../xds/server/index.ts";
import {
	type Client,
	completePolicy,
	type EgressScope,
	findEgress,
	isUnusableCluster,
	listVirtualServices,
	type MeshIndex,
	mergeTrafficPolicy,
	readInboundListenerName,
	resolveEgressScope,
	resolveHostPolicy,
	translateClientListener,
	translateClientRoutes,
	translateProxylessCluster,
	translateServerListener,
	translateUnusableCluster,
} from "../translate/index.ts";
import { formatClient } from "./client.ts";
import { createHostRouteBuilder, type HostRouteBuilder } from "./host-routes.ts";
import type { Memo } from "./memo.ts";
import { NamedResources } from "./named-resources.ts";

/** What gRPC clients alike get alike; their servers' listeners are each one's own. */
export interface ProxylessView {
	readonly listeners: NamedResources;
	readonly routes: NamedResources;
	readonly clusters: NamedResources;
	readonly assignments: NamedResources;
}

/** The view of one kind of gRPC client. Resources have the names by which it asks for them. */
export function buildProxylessView(index: MeshIndex, client: Client, memo: Memo): ProxylessView {
	const scope = resolveEgressScope(index, client);
	const finder = { index, client, scope };
	const hosts = createHostRouteBuilder(index, client, formatClient(client), memo);
	const routes = new NamedResources(
		() => listHosts(scope),
		(name) => buildRoutes(finder, hosts, name),
	);
	const listeners = new NamedResources(
		() => listHosts(scope),
		(name) => {
			const route = resolveTarget(finder, name);
			if (route === undefined || !routes.has(route)) return undefined;
			return packResource(ListenerSchema, name, translateClientListener(name, route));
		},
	);
	const clusters = new NamedResources(
		() => listClusters(finder),
		(name) => buildCluster(finder, name)?.cluster,
	);
	const assignments = new NamedResources(
		() => listClusters(finder),
		(name) => buildCluster(finder, name)?.assignment,
	);
	return { listeners, routes, clusters, assignments };
}

/** The whole snapshot of one gRPC process: what it calls, and what its servers are told. */
export function buildProxylessSnapshot(
	index: MeshIndex,
	instance: WorkloadInstance,
	{ listeners, routes, clusters, assignments }: ProxylessView,
): XdsSnapshot {
	const own = new NamedResources(
		() => listeners.keys(),
		(name) => {
			const address = readInboundListenerName(name);
			if (address === undefined) return listeners.get(name);
			return packResource(ListenerSchema, name, translateServerListener(index, instance, name, address));
		},
	);
	return {
		resources: new Map([
			[clusterType, clusters],
			[endpointType, assignments],
			[listenerType, own],
			[routeType, routes],
		]),
	};
}

interface Finder {
	readonly index: MeshIndex;
	readonly client: Client;
	readonly scope: EgressScope;
}

/** `host:port` of everything that the client sees. */
function* listHosts({ services }: EgressScope): Generator<string> {
	for (const { host, ports } of services.values()) for (const { port } of ports) yield `${host}:${port}`;
}

function* listClusters({ index, client, scope }: Finder): Generator<string> {
	for (const { host, service, ports } of scope.services.values()) {
		const { subsets } = resolveHostPolicy(index, host, service.namespace, client);
		for (const { port } of ports)
			for (const subset of ["", ...subsets.map(({ name }) => name)]) yield `outbound|${port}|${subset}|${host}`;
	}
}

/** The route configuration that a target means: `reviews:80`, `reviews.shop:80`, the full host, or a host of a VirtualService. Without a
 *  port it is the only one, else 80. */
function resolveTarget({ index, client, scope }: Finder, target: string): string | undefined {
	const [, name = "", digits] = /^(.*?)\.?(?::(\d{1,5}))?$/.exec(target) ?? [];
	const { clusterDomain } = index.mesh.settings;
	const candidates = [
		name,
		`${name}.${client.namespace}.svc.${clusterDomain}`,
		`${name}.svc.${clusterDomain}`,
		`${name}.${clusterDomain}`,
	];
	for (const host of candidates) {
		const seen = scope.services.get(host);
		if (seen === undefined) continue;
		const port = digits === undefined ? (seen.ports.length === 1 ? seen.ports[0]!.port : 80) : Number(digits);
		if (seen.ports.some((own) => own.port === port)) return `${host}:${port}`;
	}
	return digits === undefined ? `${name}:80` : target;
}

function buildRoutes({ scope }: Finder, hosts: HostRouteBuilder, name: string): XdsResource | undefined {
	const colon = name.lastIndexOf(":");
	const host = name.slice(0, colon);
	const number = Number(name.slice(colon + 1));
	const egress = findEgress(scope, number);
	if (colon <= 0 || egress === undefined) return undefined;
	const seen = egress.services.get(host);
	const port = seen?.ports.find((own) => own.port === number);
	const [rule] = seen === undefined ? listVirtualServices(egress.virtualServices, host) : [];
	const routes =
		seen !== undefined && port !== undefined
			? hosts.ofService(egress, seen, port).routes
			: rule === undefined
				? []
				: hosts.ofRule(rule, number);
	if (routes.length === 0) return undefined;
	return packResource(RouteConfigurationSchema, name, translateClientRoutes(name, routes));
}

/** Any cluster that a route may name: one that leads nowhere is there without endpoints, for a client would wait for it. */
function buildCluster({ index, client, scope }: Finder, name: string) {
	const [direction, digits, ofSubset, host = ""] = name.split("|");
	if (direction !== "outbound" && !isUnusableCluster(name)) return undefined;
	const seen = scope.services.get(host);
	const port = seen?.ports.find((own) => own.port === Number(digits));
	const policy = seen && resolveHostPolicy(index, host, seen.service.namespace, client);
	const subset = policy?.subsets.find((candidate) => candidate.name === ofSubset);
	if (seen === undefined || port === undefined || policy === undefined || (ofSubset !== "" && subset === undefined))
		return {
			cluster: packResource(ClusterSchema, name, translateUnusableCluster(name)),
			assignment: packResource(
				ClusterLoadAssignmentSchema,
				name,
				create(ClusterLoadAssignmentSchema, { clusterName: name }),
			),
		};
	const declared = mergeTrafficPolicy(policy.trafficPolicy, subset?.trafficPolicy, port.port);
	const merged = completePolicy(index.mesh.settings, seen.service, port, declared);
	const { cluster, assignment } = translateProxylessCluster(index, client, seen.service, port, merged, subset);
	return {
		cluster: packResource(ClusterSchema, name, cluster),
		...(assignment !== undefined && {
			assignment: packResource(ClusterLoadAssignmentSchema, name, assignment),
		}),
	};
}
