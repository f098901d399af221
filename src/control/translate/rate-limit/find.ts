import {
	formatLimitName,
	formatObjectName,
	type HttpRoute,
	isServiceParent,
	matchesLabels,
	type RateLimitPolicy,
	type Service,
	type WorkloadInstance,
} from "../../../model/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { compareAge } from "../names.ts";
import { findTargetPort } from "../port.ts";
import { roundUpProxies } from "./global-filter.ts";

/** The policies that an instance enforces for what comes in at one of its application ports: by selector, or by the Services behind
 *  which it stands. */
export function findInboundLimits(
	index: MeshIndex,
	instance: WorkloadInstance,
	appPort: number | undefined,
): readonly RateLimitPolicy[] {
	const policies = policiesFor(index, instance.namespace);
	if (policies.length === 0) return policies;
	const services = index.servicesOf(instance);
	return policies.filter(({ namespace, selector, targets }) => {
		if (targets === undefined) return selector === undefined || matchesLabels(selector, instance.labels);
		return targets.some(
			({ kind, name, sectionName }) =>
				kind === "Service" &&
				services.some(
					(service) =>
						service.name === name &&
						service.namespace === namespace &&
						appPort !== undefined &&
						leadsTo(index, service, instance, sectionName, appPort),
				),
		);
	});
}

/** The policies that an instance enforces for what comes in at any of its ports. */
export function findEveryInboundLimit(index: MeshIndex, instance: WorkloadInstance): readonly RateLimitPolicy[] {
	if (policiesFor(index, instance.namespace).length === 0) return [];
	const ports = [undefined, ...instance.ports.map(({ appPort }) => appPort)];
	return [...new Set(ports.flatMap((port) => findInboundLimits(index, instance, port)))];
}

/** Proxies that route, where nobody knows how many there are: what each may let through without a lease is a quarter. */
export const assumedRouters = 4;

/** The policies of a namespace and of the root namespace, in a fixed order. */
export function policiesFor(index: MeshIndex, namespace: string): readonly RateLimitPolicy[] {
	const namespaces = new Set([index.mesh.settings.rootNamespace, namespace]);
	return [...namespaces].flatMap((name) => index.rateLimitPoliciesIn(name));
}

/** The policies that are for some of these routes. */
export function policiesOnRoutes(index: MeshIndex, routes: Iterable<HttpRoute>): readonly RateLimitPolicy[] {
	const names = new Set<string>();
	for (const { rules } of routes)
		for (const { rateLimits = [] } of rules) for (const name of rateLimits) names.add(name);
	if (names.size === 0) return [];
	return [...index.mesh.rateLimitPolicies]
		.sort(compareAge)
		.filter((policy) => policy.limits.some((limit) => names.has(formatLimitName(policy, limit))));
}

/** The policies that are for routes of services that a client sees. */
export function policiesOnServices(
	index: MeshIndex,
	services: Iterable<{ readonly service: Service }>,
): readonly RateLimitPolicy[] {
	const limited = index.remember("services with limited routes", () => {
		const routes = index.mesh.httpRoutes.filter(({ rules }) =>
			rules.some(({ rateLimits }) => rateLimits !== undefined),
		);
		return Map.groupBy(
			routes.flatMap((route) => route.parents.filter(isServiceParent).map((parent) => ({ route, parent }))),
			({ parent }) => formatObjectName(parent),
		);
	});
	if (limited.size === 0) return [];
	const seen = new Set(Array.from(services, ({ service }) => formatObjectName(service)));
	const routes = [...limited].filter(([name]) => seen.has(name)).flatMap(([, items]) => items);
	return policiesOnRoutes(
		index,
		routes.map(({ route }) => route),
	);
}

/** How many proxies enforce a policy on what comes in to workloads, rounded up so that it seldom changes. */
export function countEnforcing(index: MeshIndex, policy: RateLimitPolicy): number {
	return index.remember(`proxies of ${policy.namespace}/${policy.name}`, () => {
		const { namespace, selector, targets } = policy;
		const isMeshWide = namespace === index.mesh.settings.rootNamespace;
		const selected =
			targets === undefined
				? index.instances.filter(
						(instance) =>
							(isMeshWide || instance.namespace === namespace) &&
							(selector === undefined || matchesLabels(selector, instance.labels)),
					)
				: targets.flatMap(({ kind, name }) => {
						const service = kind === "Service" ? index.service({ namespace, name }) : undefined;
						return service === undefined ? [] : index.instancesOf(service);
					});
		return roundUpProxies(new Set(selected).size);
	});
}

/** Whether a service leads to a port of an instance. */
function leadsTo(
	index: MeshIndex,
	service: Service,
	instance: WorkloadInstance,
	portName: string | undefined,
	appPort: number,
): boolean {
	const ports = portName === undefined ? service.ports : service.ports.filter(({ name }) => name === portName);
	const listed = (service.endpoints ?? []).filter(({ address }) => address === instance.address);
	const workload = index.workload({ namespace: instance.namespace, name: instance.workload });
	return ports.some((port) => {
		const numbers = listed.flatMap((endpoint) => endpoint.ports[port.name] ?? []);
		if (numbers.length > 0) return numbers.includes(appPort);
		return findTargetPort(port, instance, workload)?.appPort === appPort;
	});
}
