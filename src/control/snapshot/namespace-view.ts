import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import type { Service, ServicePort, Subset } from "../../model/index.ts";
import { packResource, type XdsResource } from "../../xds/server/index.ts";
import {
	findRoutes,
	type HostPolicy,
	hostOf,
	httpProxyName,
	isMutualTlsOnly,
	type MeshIndex,
	type MeshProblem,
	mergeTrafficPolicy,
	outboundClusterName,
	resolveEndpoints,
	resolveHostPolicy,
	type ServiceRoutes,
	translateAssignment,
	translateHttpProxyRoutes,
	translateOutboundCluster,
	translateServiceRoutes,
} from "../translate/index.ts";
import type { Memo } from "./memo.ts";

export type ResourceMap = ReadonlyMap<string, XdsResource>;

/** What every proxy of one namespace gets alike: outbound clusters, their endpoints, and routes. */
export interface NamespaceView {
	readonly clusters: ResourceMap;
	readonly assignments: ResourceMap;
	readonly routes: ResourceMap;
	readonly problems: readonly MeshProblem[];
}

/** Builds the view of one namespace; what did not change is the same object as before. */
export function buildNamespaceView(index: MeshIndex, namespace: string, memo: Memo): NamespaceView {
	const clusters: XdsResource[] = [];
	const assignments: XdsResource[] = [];
	const routes: TranslatedRoutes[] = [];
	for (const service of index.services) {
		const policy = resolveHostPolicy(index, hostOf(service, index.mesh.settings), service.namespace, namespace);
		for (const port of service.ports) {
			for (const subset of [undefined, ...policy.subsets]) {
				clusters.push(buildCluster(index, namespace, service, port, policy, subset, memo));
				assignments.push(buildAssignment(index, service, port, subset, memo));
			}
			routes.push(buildRoutes(index, namespace, service, port, memo));
		}
	}
	const services = routes.map((route) => route.translated);
	const httpProxy = memo.get(
		`http_proxy ${namespace}`,
		services,
		() => packResource(RouteConfigurationSchema, httpProxyName, translateHttpProxyRoutes(services)),
		isSameResource,
	);
	return {
		clusters: memoMap(memo, `clusters ${namespace}`, clusters),
		assignments: memoMap(memo, `assignments ${namespace}`, assignments),
		routes: memoMap(memo, `routes ${namespace}`, [httpProxy, ...routes.map((route) => route.resource)]),
		problems: routes.flatMap((route) => route.problems),
	};
}

/** A map of resources that stays the same object while they do. */
export function memoMap(memo: Memo, key: string, resources: readonly XdsResource[]): ResourceMap {
	return memo.get(key, resources, () => new Map(resources.map((resource) => [resource.name, resource])));
}

export function isSameResource(before: XdsResource, after: XdsResource): boolean {
	return before.version === after.version && before.name === after.name;
}

function buildCluster(
	index: MeshIndex,
	namespace: string,
	service: Service,
	port: ServicePort,
	policy: HostPolicy,
	subset: Subset | undefined,
	memo: Memo,
): XdsResource {
	const name = outboundClusterName(hostOf(service, index.mesh.settings), port.port, subset?.name);
	// Without rules, every namespace has the same cluster.
	const scope = policy.rules.length === 0 ? "" : namespace;
	const accounts = index.serviceAccountsOf(service).join(",");
	const isSecure = isMutualTlsOnly(index, service, port);
	const inputs = [index.mesh.settings, service, port, accounts, isSecure, ...policy.rules];
	const build = (): XdsResource => {
		const merged = mergeTrafficPolicy(policy.trafficPolicy, subset?.trafficPolicy);
		return packResource(ClusterSchema, name, translateOutboundCluster(index, service, port, merged, subset?.name));
	};
	return memo.get(`cluster ${scope} ${name}`, inputs, build, isSameResource);
}

function buildAssignment(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	subset: Subset | undefined,
	memo: Memo,
): XdsResource {
	const name = outboundClusterName(hostOf(service, index.mesh.settings), port.port, subset?.name);
	const endpoints = resolveEndpoints(index, service, port, subset);
	const inputs = endpoints.flatMap((endpoint) => [endpoint.instance, endpoint.port, endpoint.isMutualTls]);
	const labels = subset === undefined ? "" : JSON.stringify(subset.labels);
	return memo.get(
		`assignment ${name} ${labels}`,
		inputs,
		() =>
			packResource(
				ClusterLoadAssignmentSchema,
				name,
				translateAssignment(index, service, port, subset?.name ?? "", endpoints),
			),
		isSameResource,
	);
}

interface TranslatedRoutes {
	readonly translated: ServiceRoutes;
	readonly resource: XdsResource;
	readonly problems: readonly MeshProblem[];
}

function buildRoutes(
	index: MeshIndex,
	namespace: string,
	service: Service,
	port: ServicePort,
	memo: Memo,
): TranslatedRoutes {
	const routes = findRoutes(index, service, port, namespace);
	const backends = routes.flatMap((route) =>
		route.rules.flatMap((rule) =>
			rule.backends.flatMap(({ destination }) => (destination.kind === "service" ? [destination.service] : [])),
		),
	);
	// Without routes, a namespace matters only by the short name of its own services.
	const scope = routes.length > 0 ? namespace : service.namespace === namespace ? "own" : "other";
	const key = `route ${scope} ${hostOf(service, index.mesh.settings)}:${port.port}`;
	const inputs = [index.mesh.settings, service, port, ...routes, ...backends.map((backend) => index.service(backend))];
	const build = (): TranslatedRoutes => {
		const problems: MeshProblem[] = [];
		const translated = translateServiceRoutes(index, service, port, routes, namespace, (problem) =>
			problems.push(problem),
		);
		const { routeConfiguration } = translated;
		const resource = packResource(RouteConfigurationSchema, routeConfiguration.name, routeConfiguration);
		return { translated, resource, problems };
	};
	return memo.get(key, inputs, build);
}
