import {
	type DestinationRule,
	type MeshSettings,
	matchesLabels,
	type Service,
	type ServicePort,
	type Subset,
	type TrafficPolicy,
} from "../../model/index.ts";
import type { Client } from "./client.ts";
import type { MeshIndex } from "./mesh-index.ts";

/** What DestinationRules say about one host for clients of one namespace. */
export interface HostPolicy {
	readonly trafficPolicy: TrafficPolicy;
	readonly subsets: readonly Subset[];
	/** The rules it comes from, older first. */
	readonly rules: readonly DestinationRule[];
}

/** Rules of the client's namespace hide those of the service's, which hide those of the root namespace; in one namespace an exact host
 *  hides wildcards, and rules of one host merge: the older one's traffic policy, and every subset once (Istio).
 *  @param direction `inbound` for what the server itself makes of the rules */
export function resolveHostPolicy(
	index: MeshIndex,
	host: string,
	serviceNamespace: string,
	client: Pick<Client, "namespace" | "labels">,
	direction: "outbound" | "inbound" = "outbound",
): HostPolicy {
	for (const namespace of new Set([client.namespace, serviceNamespace, index.mesh.settings.rootNamespace])) {
		const visible = index.destinationRulesIn(namespace).filter((rule) => isFor(rule, client, direction));
		const rules = mostSpecific(visible, host);
		const selected = rules.filter((rule) => rule.workloadSelector !== undefined);
		if (rules.length > 0) return mergeRules(selected.length > 0 ? selected : rules);
	}
	return noPolicy;
}

/** Whether a rule is exported to the client, and selects it when it selects. What comes in takes no rules that select: there a Sidecar
 *  says more (Istio). */
function isFor(
	{ namespace, exportTo, workloadSelector }: DestinationRule,
	client: Pick<Client, "namespace" | "labels">,
	direction: "outbound" | "inbound",
) {
	if (exportTo !== undefined && !exportTo.includes(client.namespace)) return false;
	return (
		workloadSelector === undefined ||
		(direction === "outbound" && namespace === client.namespace && matchesLabels(workloadSelector, client.labels))
	);
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

/** The policy of one port of a subset: the subset's fields over those of its host. Settings of a port stand alone: what they leave out has
 *  its default (Istio). */
export function mergeTrafficPolicy(
	host: TrafficPolicy,
	subset: TrafficPolicy | undefined,
	port: number,
): TrafficPolicy {
	const ofHost = atPort(host, port);
	return subset === undefined ? ofHost : atPort({ ...ofHost, ...subset }, port);
}

/** A policy with what the mesh says where it is silent. The locality settings of the mesh come after what the Service itself prefers (Istio). */
export function completePolicy(
	settings: MeshSettings,
	service: Pick<Service, "trafficDistribution">,
	{ protocol }: Pick<ServicePort, "protocol">,
	policy: TrafficPolicy,
): TrafficPolicy {
	// What is told by its first bytes keeps its version: only a DestinationRule may know better.
	const h2UpgradePolicy = protocol === "http" ? settings.h2UpgradePolicy : undefined;
	const { localityLbSetting, connectTimeoutMs, tcpKeepalive, defaultTrafficPolicy = {} } = settings;
	const ofMesh = {
		...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
		...(tcpKeepalive !== undefined && { tcpKeepalive }),
	};
	const pool = policy.connectionPool ?? defaultTrafficPolicy.connectionPool;
	const saysVersion = pool?.h2UpgradePolicy !== undefined && pool.h2UpgradePolicy !== "DEFAULT";
	const own = { ...pool, ...(!saysVersion && h2UpgradePolicy !== undefined && { h2UpgradePolicy }) };
	const takesLocality =
		localityLbSetting !== undefined &&
		policy.loadBalancer?.locality === undefined &&
		service.trafficDistribution === undefined;
	return {
		...defaultTrafficPolicy,
		...policy,
		...(Object.keys({ ...ofMesh, ...own }).length > 0 && { connectionPool: { ...ofMesh, ...own } }),
		...(takesLocality && { loadBalancer: { ...policy.loadBalancer, locality: localityLbSetting } }),
	};
}

function atPort({ portLevel, ...policy }: TrafficPolicy, port: number): TrafficPolicy {
	if (portLevel?.[port] === undefined) return policy;
	const { position: _____, ...own } = portLevel[port];
	const { connectionPool: _, outlierDetection: __, loadBalancer: ___, tls: ____, ...rest } = policy;
	return { ...rest, ...own };
}
