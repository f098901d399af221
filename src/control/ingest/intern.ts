import { isDeepStrictEqual } from "node:util";
import type { Mesh, ObjectName } from "../../model/index.ts";

/** Puts the old object in the place of every new one that says the same, so that what was made of it can be kept. */
export function keepUnchanged(before: Mesh | undefined, after: Mesh): Mesh {
	if (before === undefined) return after;
	return {
		settings: isDeepStrictEqual(before.settings, after.settings) ? before.settings : after.settings,
		workloads: keepObjects(before.workloads, after.workloads),
		services: keepObjects(before.services, after.services),
		httpRoutes: keepObjects(before.httpRoutes, after.httpRoutes, ({ kind }) => kind),
		streamRoutes: keepObjects(before.streamRoutes, after.streamRoutes, ({ kind }) => kind),
		gatewayClasses: keepObjects(before.gatewayClasses, after.gatewayClasses),
		gateways: keepObjects(before.gateways, after.gateways),
		listenerSets: keepObjects(before.listenerSets, after.listenerSets),
		istioGateways: keepObjects(before.istioGateways, after.istioGateways),
		gatewayProxies: keepObjects(before.gatewayProxies, after.gatewayProxies),
		referenceGrants: keepObjects(before.referenceGrants, after.referenceGrants),
		backendTlsPolicies: keepObjects(before.backendTlsPolicies, after.backendTlsPolicies),
		secrets: keepObjects(before.secrets, after.secrets),
		configMaps: keepObjects(before.configMaps, after.configMaps),
		peerAuthentications: keepObjects(before.peerAuthentications, after.peerAuthentications),
		authorizationPolicies: keepObjects(before.authorizationPolicies, after.authorizationPolicies),
		requestAuthentications: keepObjects(before.requestAuthentications, after.requestAuthentications),
		rateLimitPolicies: keepObjects(before.rateLimitPolicies, after.rateLimitPolicies),
		destinationRules: keepObjects(before.destinationRules, after.destinationRules),
		virtualServices: keepObjects(before.virtualServices, after.virtualServices),
		sidecars: keepObjects(before.sidecars, after.sidecars),
		telemetries: keepObjects(before.telemetries, after.telemetries),
		envoyFilters: keepObjects(before.envoyFilters, after.envoyFilters),
		proxyConfigs: keepObjects(before.proxyConfigs, after.proxyConfigs),
		workloadEntries: keepObjects(before.workloadEntries, after.workloadEntries),
		workloadGroups: keepObjects(before.workloadGroups, after.workloadGroups),
		namespaces: keepEqual(before.namespaces, after.namespaces),
		declaredInstances: keepObjects(before.declaredInstances, after.declaredInstances),
		instances: keepObjects(before.instances, after.instances),
	};
}

/** Old objects by equal new ones that they stand for. Who makes a mesh gives the same new ones again and again. */
const stoodFor = new WeakMap<object, object>();

function saysTheSame(old: object, object: object): boolean {
	if (stoodFor.get(object) === old) return true;
	if (!isDeepStrictEqual(old, object)) return false;
	stoodFor.set(object, old);
	return true;
}

function keepEqual<T>(before: readonly T[], after: readonly T[]): readonly T[] {
	return isDeepStrictEqual(before, after) ? before : after;
}

/** @param kindOf tells objects of one name in one list apart */
function keepObjects<T extends ObjectName>(
	before: readonly T[],
	after: readonly T[],
	kindOf: (object: T) => string = () => "",
): readonly T[] {
	if (before === after || (before.length === after.length && after.every((object, at) => object === before[at])))
		return before;
	const keyOf = (object: T): string => `${kindOf(object)}/${object.namespace}/${object.name}`;
	let known: Map<string, T> | undefined;
	const kept = after.map((object, position) => {
		if (object === before[position]) return object;
		known ??= new Map(before.map((item) => [keyOf(item), item]));
		const old = known.get(keyOf(object));
		return old !== undefined && (old === object || saysTheSame(old, object)) ? old : object;
	});
	const isSame = kept.length === before.length && kept.every((object, position) => object === before[position]);
	return isSame ? before : kept;
}
