import type { DestinationRule, Subset, TrafficPolicy } from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";

/** What DestinationRules say about one host for clients of one namespace. */
export interface HostPolicy {
	readonly trafficPolicy: TrafficPolicy;
	readonly subsets: readonly Subset[];
	/** The rules it comes from, older first. */
	readonly rules: readonly DestinationRule[];
}

/** Rules of the client's namespace hide those of the service's, which hide those of the root namespace; in one namespace an exact host
 *  hides wildcards, and rules of one host merge: the older one's traffic policy, and every subset once (Istio). */
export function resolveHostPolicy(
	index: MeshIndex,
	host: string,
	serviceNamespace: string,
	clientNamespace: string,
): HostPolicy {
	for (const namespace of new Set([clientNamespace, serviceNamespace, index.mesh.settings.rootNamespace])) {
		const rules = mostSpecific(index.destinationRulesIn(namespace), host);
		if (rules.length > 0) return mergeRules(rules);
	}
	return noPolicy;
}

const noPolicy: HostPolicy = { trafficPolicy: {}, subsets: [], rules: [] };

function mostSpecific(rules: readonly DestinationRule[], host: string): DestinationRule[] {
	let best = -1;
	for (const rule of rules) best = Math.max(best, specificity(rule.host, host));
	return best < 0 ? [] : rules.filter((rule) => specificity(rule.host, host) === best);
}

/** How closely a rule's host names a host; -1 when it does not. */
function specificity(ruleHost: string, host: string): number {
	if (ruleHost === host) return Number.POSITIVE_INFINITY;
	return ruleHost.startsWith("*") && host.endsWith(ruleHost.slice(1)) ? ruleHost.length : -1;
}

function mergeRules(rules: readonly DestinationRule[]): HostPolicy {
	const subsets = new Map<string, Subset>();
	for (const rule of rules)
		for (const subset of rule.subsets) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
	return {
		trafficPolicy: rules.find((rule) => rule.trafficPolicy !== undefined)?.trafficPolicy ?? {},
		subsets: [...subsets.values()],
		rules,
	};
}

/** The policy of a subset: its own fields over those of its host. */
export function mergeTrafficPolicy(host: TrafficPolicy, subset: TrafficPolicy | undefined): TrafficPolicy {
	return subset === undefined ? host : { ...host, ...subset };
}
