import { type Cluster, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { rememberByObject } from "../../core/index.ts";
import {
	isHttpProtocol,
	type Service,
	type UpstreamListener,
	type VirtualService,
	type Workload,
	type WorkloadInstance,
} from "../../model/index.ts";
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
	countEnforcing,
	describeExternalAuths,
	type EgressScope,
	egressSource,
	findAuthorizationPolicies,
	findEgress,
	findEveryInboundLimit,
	findIngressSidecar,
	findRequestAuthentications,
	hasGlobalLimit,
	hostOf,
	type MeshIndex,
	type OutboundProxy,
	type ProxyKind,
	policiesOnServices,
	type QuotaServer,
	resolveHostPolicy,
	translateCapturedInboundClusters,
	translateConnectCluster,
	translateHttpProxyListener,
	translateInboundCluster,
	translateInboundListener,
	translateKeySetClusters,
	translateUpstreamListener,
	translateVirtualInbound,
	usesSessions,
} from "../translate/index.ts";
import { buildCapturedListeners, type ClientView, describeScope, memoMap, type ResourceMap } from "./client-view.ts";
import { isSameResource } from "./cluster-resources.ts";
import { shapeOf } from "./host-routes.ts";
import type { Memo } from "./memo.ts";
import { OnDemandMap } from "./on-demand-map.ts";
import { quotaClusters } from "./quota-cluster.ts";

/** The whole snapshot of one sidecar: the view of its namespace, with its own listeners and local clusters. */
export function buildSnapshot(
	index: MeshIndex,
	instance: WorkloadInstance,
	kind: ProxyKind,
	view: ClientView,
	memo: Memo,
	server?: QuotaServer,
): XdsSnapshot {
	const { isCaptured } = view.client;
	const key = `${instance.namespace}/${instance.name} ${kind}${isCaptured ? " captured" : ""}`;
	const spec = specOf(instance);
	const tokens = findRequestAuthentications(index, instance);
	const sidecar = findIngressSidecar(index, instance);
	const local = memo.get(
		`local clusters ${key}`,
		[
			...[index.mesh.settings, spec, workloadOf(index, instance), sidecar, ...tokens],
			...index.servicesOf(instance),
			...inboundRules(index, instance, index.servicesOf(instance)),
		],
		() =>
			packClusters([
				...(isCaptured ? translateCapturedInboundClusters(index, instance) : listLocalClusters(index, instance)),
				...translateKeySetClusters(index, tokens),
			]),
		areSameResources,
	);
	const routeLimits = policiesOnServices(index, view.scope.services.values());
	const inboundLimits = findEveryInboundLimit(index, instance);
	const quota = hasGlobalLimit([...inboundLimits, ...routeLimits]) ? quotaClusters(server, memo) : [];
	const listeners = memo.get(
		`listeners ${key}`,
		[
			...[index.mesh.settings, spec, sidecar, describeScope(view.scope), view.scope.mode, ...tokens],
			usesSessions(index),
			describeExternalAuths(index),
			...listenerInputs(index, instance, view),
			...routeLimits,
			...inboundLimits,
			...inboundLimits.map((policy) => countEnforcing(index, policy)),
			...(isCaptured ? index.servicesOf(instance).map(shapeOf) : forwardProxyInputs(index, view)),
		],
		() =>
			packListeners(
				isCaptured ? [translateVirtualInbound(index, instance, kind)] : listListeners(index, instance, kind, view),
			),
		areSameResources,
	);
	const clusters = memo.get(`clusters ${key}`, [view.clusters, ...local, ...quota], (): ResourceMap => {
		if (view.clusters instanceof OnDemandMap) return view.clusters.with([...local, ...quota]);
		const all = new Map(view.clusters);
		for (const cluster of [...local, ...quota]) all.set(cluster.name, cluster);
		return all;
	});
	const outbound = isCaptured ? buildCapturedListeners(index, view, outboundProxyOf(index, instance, kind), memo) : [];
	const listenerMap = memoMap(memo, `listener map ${key}`, [...listeners, ...outbound]);
	return memo.get(`snapshot ${key}`, [clusters, view.assignments, listenerMap, view.routes], () => ({
		resources: new Map([
			[clusterType, clusters],
			[endpointType, view.assignments],
			[listenerType, listenerMap],
			[routeType, view.routes],
		]),
	}));
}

function outboundProxyOf(index: MeshIndex, instance: WorkloadInstance, kind: ProxyKind): OutboundProxy {
	return { kind, identity: egressSource(index.mesh.settings, instance) };
}

/** DestinationRules of the services that lead to an instance: they bound what its sidecar sends on. */
function inboundRules(index: MeshIndex, { namespace }: WorkloadInstance, services: readonly Service[]): unknown[] {
	const client = { namespace, labels: {} };
	return services.flatMap((service) => {
		const host = hostOf(service, index.mesh.settings);
		return resolveHostPolicy(index, host, service.namespace, client, "inbound").rules;
	});
}

/** What a forward proxy tells TLS to hosts outside the mesh by. */
function forwardProxyInputs(index: MeshIndex, { client, scope }: ClientView): unknown[] {
	const { services, virtualServices } = scope.egresses.at(-1) ?? { services: scope.services, virtualServices: [] };
	const outside = [...services.values()].filter(
		({ service, ports }) => service.isExternal === true && ports.some(({ protocol }) => protocol === "tls"),
	);
	if (outside.length === 0) return [];
	return [
		...outside.flatMap(({ host, service }) => [
			shapeOf(service),
			...resolveHostPolicy(index, host, service.namespace, client).rules,
		]),
		...virtualServices.filter(({ tls }) => tls.length > 0),
	];
}

function workloadOf(index: MeshIndex, instance: WorkloadInstance): Workload | undefined {
	return index.workload({ namespace: instance.namespace, name: instance.workload });
}

/** What listeners are made of besides the instance. */
function listenerInputs(index: MeshIndex, instance: WorkloadInstance, { scope }: ClientView): unknown[] {
	return [
		workloadOf(index, instance),
		...index.peerAuthenticationsIn(index.mesh.settings.rootNamespace),
		...index.peerAuthenticationsIn(instance.namespace),
		...findAuthorizationPolicies(index, instance),
		...instance.upstreams.map((upstream) => index.service(upstream.service)),
		...instance.upstreams.flatMap((upstream) => streamInputs(index, scope, upstream)),
	];
}

/** Rules for connections to a port without HTTP, and what DestinationRules may say of where they lead. */
function streamInputs(index: MeshIndex, scope: EgressScope, { service, port }: UpstreamListener): unknown[] {
	const target = index.service(service)?.ports.find((candidate) => candidate.port === port);
	if (target === undefined || isHttpProtocol(target.protocol)) return [];
	const rules = virtualServicesAt(scope, port).filter(({ tcp, tls }) => tcp.length + tls.length > 0);
	return [...rules, ...index.mesh.destinationRules];
}

function virtualServicesAt(scope: EgressScope, port: number): readonly VirtualService[] {
	return findEgress(scope, port)?.virtualServices ?? [];
}

function listListeners(
	index: MeshIndex,
	instance: WorkloadInstance,
	kind: ProxyKind,
	{ client, scope }: ClientView,
): Listener[] {
	const { httpProxyPort } = instance;
	const proxy = outboundProxyOf(index, instance, kind);
	return [
		...instance.ports.map((port) => translateInboundListener(index, instance, port, kind)),
		...(httpProxyPort === undefined ? [] : [translateHttpProxyListener(index, httpProxyPort, proxy, client, scope)]),
		...instance.upstreams.flatMap(
			(upstream) =>
				translateUpstreamListener(index, client, virtualServicesAt(scope, upstream.port), upstream, proxy, scope) ?? [],
		),
	];
}

function listLocalClusters(index: MeshIndex, instance: WorkloadInstance): Cluster[] {
	const { httpProxyPort } = instance;
	return [
		...instance.ports.map((port) => translateInboundCluster(index, instance, port)),
		...(httpProxyPort === undefined ? [] : [translateConnectCluster(httpProxyPort)]),
	];
}

function packListeners(listeners: readonly Listener[]): XdsResource[] {
	return listeners.map((listener) => packResource(ListenerSchema, listener.name, listener));
}

function packClusters(clusters: readonly Cluster[]): XdsResource[] {
	return clusters.map((cluster) => packResource(ClusterSchema, cluster.name, cluster));
}

function areSameResources(before: readonly XdsResource[], after: readonly XdsResource[]): boolean {
	return (
		before.length === after.length && before.every((resource, position) => isSameResource(resource, after[position]!))
	);
}

/** What an instance is, without what passes: its health and the reason. */
const specOf = rememberByObject((instance: WorkloadInstance): string =>
	JSON.stringify({ ...instance, health: undefined, healthReason: undefined, registeredAt: undefined }),
);
