import type { Locality, LocalitySettings, Service, TrafficPolicy } from "../../model/index.ts";
import type { Client } from "./client.ts";
import type { ResolvedEndpoint } from "./endpoint.ts";

/** How endpoints stand for one client. */
export interface Placement {
	readonly client: Pick<Client, "labels" | "locality" | "nodeName">;
	/** Shares of localities; without effect when empty. */
	readonly distribute: LocalitySettings["distribute"];
	/** Labels in whose order endpoints are near; undefined compares localities. */
	readonly priorityLabels?: readonly string[];
	/** Near endpoints come before far ones. */
	readonly prefersNear: boolean;
	readonly failover: LocalitySettings["failover"];
	/** Only endpoints on the client's node. */
	readonly isNodeLocal: boolean;
}

/** Endpoints of one locality and priority. */
export interface PlacedEndpoints {
	readonly locality: Partial<Locality>;
	readonly priority: number;
	readonly weight: number;
	readonly endpoints: readonly ResolvedEndpoint[];
}

/** What a policy and a service say of localities for a client; undefined when every client is served alike. Localities count with
 *  outlier detection, or where the Service itself prefers near endpoints (Istio). */
export function resolvePlacement(service: Service, policy: TrafficPolicy, client: Client): Placement | undefined {
	const settings = policy.loadBalancer?.locality;
	const isNodeLocal = service.isNodeLocal === true;
	const none = { client, distribute: [], failover: [], prefersNear: false, isNodeLocal };
	const alike = isNodeLocal ? none : undefined;
	if (settings?.isEnabled === false) return alike;
	if (settings !== undefined) {
		if (settings.distribute.length > 0) return { ...none, distribute: settings.distribute };
		if (policy.outlierDetection === undefined) return alike;
		return {
			...none,
			prefersNear: true,
			failover: settings.failover,
			...(settings.failoverPriority.length > 0 && { priorityLabels: settings.failoverPriority }),
		};
	}
	if (service.trafficDistribution !== undefined)
		return { ...none, prefersNear: true, priorityLabels: distributionLabels[service.trafficDistribution] };
	return policy.outlierDetection === undefined ? alike : { ...none, prefersNear: true };
}

const region = "topology.kubernetes.io/region";
const zone = "topology.kubernetes.io/zone";
const subZone = "topology.istio.io/subzone";
const hostname = "kubernetes.io/hostname";

const distributionLabels = {
	PreferSameZone: [region, zone],
	PreferSameNode: [region, zone, subZone, hostname],
};

/** Groups endpoints by locality and priority. Priorities are counted from 0 without gaps. */
export function placeEndpoints(
	endpoints: readonly ResolvedEndpoint[],
	placement: Placement | undefined,
): readonly PlacedEndpoints[] {
	const groups = new Map<string, { locality: Partial<Locality>; rank: number; endpoints: ResolvedEndpoint[] }>();
	for (const endpoint of endpoints) {
		if (placement?.isNodeLocal === true && endpoint.nodeName !== placement.client.nodeName) continue;
		const locality = endpoint.locality ?? {};
		const rank = placement?.prefersNear === true ? rankOf(endpoint, placement) : 0;
		const key = `${rank} ${formatLocality(locality)}`;
		const group = groups.get(key);
		if (group === undefined) groups.set(key, { locality, rank, endpoints: [endpoint] });
		else group.endpoints.push(endpoint);
	}
	const ranks = [...new Set([...groups.values()].map(({ rank }) => rank))].sort((a, b) => a - b);
	const placed = [...groups.values()].map(({ locality, rank, endpoints: members }) => ({
		locality,
		priority: ranks.indexOf(rank),
		weight: members.reduce((sum, { weight }) => sum + weight, 0),
		endpoints: members,
	}));
	return placement === undefined || placement.distribute.length === 0 ? placed : distribute(placed, placement);
}

/** How far an endpoint is from the client; 0 is nearest. */
function rankOf(endpoint: ResolvedEndpoint, { client, priorityLabels, failover }: Placement): number {
	if (priorityLabels === undefined) return localityRank(endpoint.locality, client.locality, failover);
	const rank = labelRank(endpoint, client, priorityLabels);
	return failover.length === 0 ? rank : rank * 5 + localityRank(endpoint.locality, client.locality, failover);
}

function labelRank(endpoint: ResolvedEndpoint, client: Placement["client"], labels: readonly string[]): number {
	for (const [position, label] of labels.entries()) {
		const [name = "", wanted] = label.split("=");
		if ((wanted ?? labelOf(client, name)) !== labelOf(endpoint, name)) return labels.length - position;
	}
	return 0;
}

/** A label of a workload; those of its place follow from its locality and node. */
function labelOf({ labels, locality, nodeName }: Placement["client"], name: string): string | undefined {
	switch (name) {
		case region:
			return locality?.region ?? labels[name];
		case zone:
			return locality?.zone ?? labels[name];
		case subZone:
			return locality?.subZone ?? labels[name];
		case hostname:
			return nodeName ?? labels[name];
		default:
			return labels[name];
	}
}

function localityRank(
	endpoint: Locality | undefined,
	client: Locality | undefined,
	failover: LocalitySettings["failover"],
): number {
	if ((endpoint?.region ?? "") === (client?.region ?? "")) {
		if ((endpoint?.zone ?? "") !== (client?.zone ?? "")) return 2;
		return (endpoint?.subZone ?? "") === (client?.subZone ?? "") ? 0 : 1;
	}
	const setting = failover.find(({ from }) => from === client?.region);
	return setting === undefined || setting.to === endpoint?.region ? 3 : 4;
}

/** Shares of localities for the client's own; endpoints in none of them get nothing. */
function distribute(placed: readonly PlacedEndpoints[], placement: Placement): readonly PlacedEndpoints[] {
	const setting = placement.distribute.find(({ from }) => matchesLocality(placement.client.locality, from));
	if (setting === undefined) return placed;
	const rest = new Set(placed);
	return Object.entries(setting.to).flatMap(([to, share]) => {
		const members = [...rest].filter(({ locality }) => matchesLocality(locality, to));
		for (const member of members) rest.delete(member);
		const total = members.reduce((sum, { weight }) => sum + weight, 0);
		if (share === 0) return [];
		return members.map((member) => ({ ...member, weight: Math.ceil((member.weight * share) / total) }));
	});
}

/** Whether a locality is covered by one as documents write it: `region/zone/subzone`, shorter, or with `*`. */
function matchesLocality(locality: Partial<Locality> | undefined, text: string): boolean {
	const [wantedRegion = "", wantedZone = "*", wantedSubZone = "*"] = text.split("/");
	const is = (wanted: string, value: string | undefined): boolean => wanted === "*" || wanted === (value ?? "");
	return is(wantedRegion, locality?.region) && is(wantedZone, locality?.zone) && is(wantedSubZone, locality?.subZone);
}

/** `region/zone/subzone`. */
export function formatLocality({
	region: ofRegion = "",
	zone: ofZone = "",
	subZone: ofSubZone = "",
}: Partial<Locality>) {
	return `${ofRegion}/${ofZone}/${ofSubZone}`;
}
