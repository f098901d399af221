import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { mayBeHttp } from "../../model/index.ts";
import { packResource, packResourceLate, type XdsResource } from "../../xds/server/index.ts";
import {
	type Client,
	describeAddressedServices,
	describeExternalAuths,
	type EgressScope,
	findAddressedServices,
	findEgress,
	type HostRoutes,
	hostsAtPort,
	httpProxyName,
	type MeshIndex,
	type MeshProblem,
	type OutboundProxy,
	planListeners,
	policiesOnServices,
	resolveEgressScope,
	translateAnyHostCluster,
	translateBlackHoleCluster,
	translateForwardProxy,
	translateHttpProxyRoutes,
	translateOnDemandClusters,
	translateOnDemandListeners,
	translateOutboundListener,
	translatePassthroughCluster,
	translatePortRoutes,
	translateProxyRoutes,
	translateServiceRoutes,
	translateSinglePortRoutes,
	translateVirtualOutbound,
	usesSessions,
} from "../translate/index.ts";
import { formatClient } from "./client.ts";
import { buildServiceClusters, isSameResource } from "./cluster-resources.ts";
import { createHostRouteBuilder, type HostRouteBuilder, shapeOf } from "./host-routes.ts";
import type { Memo } from "./memo.ts";

export type ResourceMap = ReadonlyMap<string, XdsResource>;

/** What clients alike get alike: outbound clusters, their endpoints, and routes. */
export interface ClientView {
	readonly key: string;
	readonly client: Client;
	readonly scope: EgressScope;
	readonly clusters: ResourceMap;
	readonly assignments: ResourceMap;
	readonly routes: ResourceMap;
	readonly problems: readonly MeshProblem[];
}

/** Builds the view of one kind of client; what did not change is the same object as before. */
export function buildClientView(
	index: MeshIndex,
	client: Client,
	memo: Memo,
	scope: EgressScope = resolveEgressScope(index, client),
): ClientView {
	const key = [formatClient(client), ...(scope.onDemand === undefined ? [] : [scope.onDemand.key])].join(" for ");
	const built = [...scope.services.values()].flatMap((seen) => buildServiceClusters(index, client, seen, memo));
	const clusters = [
		...built.map(({ cluster }) => cluster),
		...unknownClusters(client, scope, memo),
		...onDemandClusters(scope, memo),
	];
	const hosts = createHostRouteBuilder(index, client, key, memo);
	const routes = client.isCaptured
		? capturedRoutes(index, client, scope, key, hosts, memo)
		: proxyRoutes(index, client, scope, key, hosts, memo);
	return {
		key,
		client,
		scope,
		clusters: memoMap(memo, `clusters ${key}`, clusters),
		assignments: memoMap(
			memo,
			`assignments ${key}`,
			built.flatMap(({ assignment }) => assignment ?? []),
		),
		routes: memoMap(memo, `routes ${key}`, routes),
		problems: hosts.problems(),
	};
}

/** A map of resources that stays the same object while they do. */
export function memoMap(memo: Memo, key: string, resources: readonly XdsResource[]): ResourceMap {
	return memo.get(key, resources, () => new Map(resources.map((resource) => [resource.name, resource])));
}

/** The outbound listeners of captured clients, alike for all with one view and identity. */
export function buildCapturedListeners(
	index: MeshIndex,
	view: ClientView,
	proxy: OutboundProxy,
	memo: Memo,
): XdsResource[] {
	const { client, scope, key } = view;
	const services = [...scope.services.values()];
	const streams = services.filter(({ ports }) => ports.some(({ protocol }) => protocol !== "http"));
	const inputs = [
		index.mesh.settings,
		...scope.egresses.flatMap(({ listener, virtualServices }) => [listener, ...virtualServices]),
		scope.mode,
		scope.saysReason,
		scope.egressProxy,
		describeScope(scope),
		usesSessions(index),
		describeExternalAuths(index),
		describeAddressedServices(findAddressedServices(index, client, scope)),
		...policiesOnServices(index, services),
		...services.map(({ service }) => shapeOf(service)),
		// Headless services are listened for at the addresses of their endpoints.
		...streams.flatMap(({ service }) => (service.isHeadless === true ? [service] : [])),
		...streams.flatMap(({ service }) => index.destinationRulesIn(service.namespace)),
		...index.destinationRulesIn(client.namespace),
		...index.destinationRulesIn(index.mesh.settings.rootNamespace),
	];
	return memo.get(
		`outbound listeners ${proxy.kind} ${proxy.identity} ${key}`,
		inputs,
		() =>
			[
				translateVirtualOutbound(scope, proxy),
				...(index.mesh.settings.proxyHttpPort === undefined
					? []
					: [translateForwardProxy(index, index.mesh.settings.proxyHttpPort, proxy, scope)]),
				...translateOnDemandListeners(scope.onDemand, proxy),
				...planListeners(index, client, scope, proxy).map((plan) =>
					translateOutboundListener(index, scope, proxy, plan),
				),
			].map((listener) => packResource(ListenerSchema, listener.name, listener)),
		(before, after) => before.length === after.length && before.every((item, at) => isSameResource(item, after[at]!)),
	);
}

/** Route configurations by port, one for each port that is told by its first bytes or by its address, and the forward proxy's. */
function capturedRoutes(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	key: string,
	hosts: HostRouteBuilder,
	memo: Memo,
): XdsResource[] {
	const routes: XdsResource[] = [];
	const proxied: HostRoutes[] = [];
	const shared = [scope.mode, scope.saysReason, scope.egressProxy, describeScope(scope), index.mesh.settings];
	const addressed = findAddressedServices(index, client, scope);
	for (const port of listHttpPorts(scope)) {
		const egress = findEgress(scope, port);
		if (egress === undefined) continue;
		const known = hostsAtPort(egress, port, hosts);
		if (egress.listener?.port?.protocol !== "http-proxy") proxied.push(...known);
		const inputs = [
			...shared,
			...known.flatMap(({ host }) => index.aliasesOf(host)),
			...known.map((item) => item.routes),
		];
		routes.push(
			memo.get(
				`route configuration ${key} ${port}`,
				[...inputs, ...known.map(({ seen }) => (seen === undefined ? undefined : shapeOf(seen.service)))],
				() => packRoutes(translatePortRoutes(index, client, scope, port, known)),
				isSameResource,
			),
			...known
				.filter(
					({ host, seen }) =>
						addressed.get(port)?.has(host) === true ||
						seen?.ports.some((item) => item.port === port && item.protocol === "auto") === true,
				)
				.map((item) =>
					memo.get(`route configuration ${key} ${item.host}:${port}`, [item.routes], () =>
						packRoutes(translateSinglePortRoutes(item)),
					),
				),
		);
	}
	const hasProxy = index.mesh.settings.proxyHttpPort !== undefined;
	for (const name of [...(hasProxy ? [httpProxyName] : []), ...listProxyPorts(scope)])
		routes.push(
			memo.get(
				`route configuration ${key} ${name}`,
				[...shared, ...proxied.map((item) => item.routes), ...proxied.map(({ seen }) => seen && shapeOf(seen.service))],
				() => packRoutes(translateProxyRoutes(index, client, scope, name, proxied)),
				isSameResource,
			),
		);
	return routes;
}

function listHttpPorts(scope: EgressScope): readonly number[] {
	const ports = new Set<number>(scope.onDemand?.httpPorts);
	for (const { services, listener } of scope.egresses) {
		if (listener?.port !== undefined && listener.port.protocol !== "http-proxy") ports.add(listener.port.number);
		for (const seen of services.values())
			for (const { port, protocol } of seen.ports) if (mayBeHttp(protocol)) ports.add(port);
	}
	return [...ports].sort((a, b) => a - b);
}

/** Ports where Sidecar objects ask for a forward proxy. */
function listProxyPorts(scope: EgressScope): string[] {
	return scope.egresses.flatMap(({ listener }) =>
		listener?.port?.protocol === "http-proxy" ? [String(listener.port.number)] : [],
	);
}

/** The forward proxy's route configuration, and one a service port. */
function proxyRoutes(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	key: string,
	hosts: HostRouteBuilder,
	memo: Memo,
): XdsResource[] {
	const egress = scope.egresses.at(-1);
	const built = [...scope.services.values()].flatMap((seen) =>
		seen.ports.map((port) => {
			const item = hosts.ofService(egress ?? { services: scope.services, virtualServices: [] }, seen, port);
			// Routes that clients share are put under names once for clients of the service's own namespace, and once for the others.
			const isOwn = seen.service.namespace === client.namespace;
			const isRenamed = index.aliasesOf(seen.host).length > 0;
			const known = isRenamed ? undefined : named.get(item.routes)?.get(isOwn);
			if (known !== undefined) return known;
			const translated = translateServiceRoutes(index, client, item, port);
			const built: NamedRoutes = { translated, resource: packRoutes(translated.routeConfiguration) };
			if (isRenamed) return built;
			named.set(item.routes, new Map([...(named.get(item.routes) ?? []), [isOwn, built]]));
			return built;
		}),
	);
	const services = built.map(({ translated }) => translated);
	// It has every host of the mesh, and few clients use the forward proxy.
	const httpProxy = memo.get(
		`route configuration ${key} ${httpProxyName}`,
		[describeScope(scope), scope.mode, ...services],
		() => packResourceLate(RouteConfigurationSchema, httpProxyName, () => translateHttpProxyRoutes(services, scope)),
	);
	return [httpProxy, ...built.map(({ resource }) => resource)];
}

interface NamedRoutes {
	readonly translated: ReturnType<typeof translateServiceRoutes>;
	readonly resource: XdsResource;
}

/** By whether the client is of the service's own namespace. */
const named = new WeakMap<HostRoutes["routes"], ReadonlyMap<boolean, NamedRoutes>>();

/** What of asking is in listeners and routes. */
export function describeScope({ onDemand }: EgressScope): string {
	return onDemand === undefined ? "" : JSON.stringify(onDemand);
}

function onDemandClusters(scope: EgressScope, memo: Memo): XdsResource[] {
	const { onDemand } = scope;
	if (onDemand === undefined) return [];
	const isTunnelled = onDemand.streams.length > 0;
	return memo.get(`on-demand clusters ${isTunnelled}`, [onDemand.server.host, onDemand.server.port], () =>
		translateOnDemandClusters(onDemand).map((cluster) => packResource(ClusterSchema, cluster.name, cluster)),
	);
}

/** Where everything unknown goes: closed, to where captured traffic was going, or to the host that is named. */
function unknownClusters(client: Client, { mode }: EgressScope, memo: Memo): XdsResource[] {
	if (client.isGateway === true) return [];
	const { isCaptured } = client;
	return memo.get(`unknown clusters ${isCaptured} ${mode}`, [], () =>
		[
			...(isCaptured ? [translatePassthroughCluster()] : mode === "ALLOW_ANY" ? [translateAnyHostCluster()] : []),
			translateBlackHoleCluster(),
		].map((cluster) => packResource(ClusterSchema, cluster.name, cluster)),
	);
}

function packRoutes(configuration: ReturnType<typeof translatePortRoutes>): XdsResource {
	return packResource(RouteConfigurationSchema, configuration.name, configuration);
}
