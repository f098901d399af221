import { isDeepStrictEqual } from "node:util";
import type { Mesh, ObjectName } from "../../model/index.ts";

/** Puts the old object in the place of every new one that says the same, so that what was made of it can be kept. */
export function keepUnchanged(before: Mesh | undefined, after: Mesh): Mesh {
	if (before === undefined) return after;
	return {
		settings: isDeepStrictEqual(before.settings, after.settings) ? before.settings : after.settings,
		workloads: keepObjects(before.workloads, after.workloads),
		services: keepObjects(before.services, after.services),
		httpRoutes: keepObjects(before.httpRoutes, after.httpRoutes),
		peerAuthentications: keepObjects(before.peerAuthentications, after.peerAuthentications),
		authorizationPolicies: keepObjects(before.authorizationPolicies, after.authorizationPolicies),
		destinationRules: keepObjects(before.destinationRules, after.destinationRules),
		namespaces: keepEqual(before.namespaces, after.namespaces),
		declaredInstances: keepObjects(before.declaredInstances, after.declaredInstances),
		instances: keepObjects(before.instances, after.instances),
	};
}

function keepEqual<T>(before: readonly T[], after: readonly T[]): readonly T[] {
	return isDeepStrictEqual(before, after) ? before : after;
}

function keepObjects<T extends ObjectName>(before: readonly T[], after: readonly T[]): readonly T[] {
	const known = new Map(before.map((object) => [`${object.namespace}/${object.name}`, object]));
	return after.map((object) => {
		const old = known.get(`${object.namespace}/${object.name}`);
		return old !== undefined && (old === object || isDeepStrictEqual(old, object)) ? old : object;
	});
}
