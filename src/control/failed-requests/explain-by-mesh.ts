import type { ObjectRef, Provenance } from "../provenance/index.ts";
import { findAuthorizationPolicies, type MeshIndex, resolveEndpoints, resolveHostPolicy } from "../translate/index.ts";
import type { ProxyFailure } from "./ask-proxies.ts";

/** The mesh as it is served. */
export interface KnownMesh {
	readonly index: MeshIndex;
	readonly provenance: Provenance;
}

/** What the control plane adds to a failure. */
export interface MeshExplanation {
	readonly sentences: readonly string[];
	/** The objects that decided. */
	readonly objects: readonly ObjectRef[];
}

/** Flags of failures that the endpoints of the cluster may be the reason of, or a cluster that is not there. */
const aboutEndpoints: ReadonlySet<string> = new Set(["UH", "UF", "NC", "URX", "UC", "UO"]);

/** Looks up what a failure names: the policy that denied, the rule that led there, and how the endpoints are now. */
export function explainByMesh(failure: ProxyFailure, { index, provenance }: KnownMesh): MeshExplanation {
	const { upstream_cluster: cluster, flags } = failure;
	const policies = findPolicies(failure, { index, provenance });
	const route = findRoute(failure, provenance);
	const isAboutEndpoints = (flags ?? "").split(",").some((flag) => aboutEndpoints.has(flag));
	const client = clientOf(failure.proxy, index);
	const behind = isAboutEndpoints && cluster !== null ? provenance.ofCluster(cluster, client) : [];
	const refs = [...policies, ...(route === undefined ? [] : [route]), ...behind];
	return {
		sentences: isAboutEndpoints && cluster !== null ? describeCluster(cluster, client, index) : [],
		objects: refs,
	};
}

/** The rules that a failure names. Where no ALLOW policy matched and nobody said what the nearest lacks, those that might have. */
function findPolicies(
	{ details, reason, would_deny: wouldDeny, audited, proxy }: ProxyFailure,
	{ index, provenance }: KnownMesh,
): readonly ObjectRef[] {
	const text = [details, reason, wouldDeny, audited].join(" ");
	const names = new Set(Array.from(text.matchAll(/ns\[[^\]]+\]-policy\[[^\]]+\]-rule\[\d+\]/g), ([name]) => name));
	const named = [...names].flatMap((name) => provenance.ofPolicy(name) ?? []);
	if (named.length > 0 || details !== "rbac_access_denied_matched_policy[none]") return named;
	const [namespace = "", name = ""] = proxy.split("/");
	const instance = index.instance({ namespace, name });
	if (instance === undefined) return [];
	return findAuthorizationPolicies(index, instance).flatMap((policy) =>
		policy.action === "ALLOW" ? (provenance.of("AuthorizationPolicy", policy) ?? []) : [],
	);
}

function findRoute({ route, route_config: config, route_rule: rule }: ProxyFailure, provenance: Provenance) {
	if (route === null && config === null) return undefined;
	return provenance.ofRoute({ name: route ?? "", metadata: { istio: { config, rule } }, virtualHost: "" });
}

interface ClusterClient {
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
}

function clientOf(proxy: string, index: MeshIndex): ClusterClient {
	const [namespace = "", name = ""] = proxy.split("/");
	return { namespace, labels: index.instance({ namespace, name })?.labels ?? {} };
}

/** How the endpoints of `outbound|80|v1|reviews.shop.svc.cluster.local` are, and whether its port and its subset exist. */
function describeCluster(cluster: string, client: ClusterClient, index: MeshIndex): string[] {
	const [direction, port, subsetName = "", host = ""] = cluster.split("|");
	if (direction !== "outbound") return [];
	const service = index.serviceByHost(host, client.namespace);
	if (service === undefined) return [`no Service and no ServiceEntry of ${client.namespace} has the host ${host}`];
	const servicePort = service.ports.find((candidate) => candidate.port === Number(port));
	if (servicePort === undefined) {
		const ports = service.ports.map((candidate) => candidate.port).join(", ");
		return [`${host} has no port ${port}; it has ${ports || "none"}`];
	}
	const { subsets } = resolveHostPolicy(index, host, service.namespace, client);
	const subset = subsets.find(({ name }) => name === subsetName);
	if (subsetName !== "" && subset === undefined) {
		const names = subsets.map(({ name }) => name).join(", ");
		return [
			`no DestinationRule for ${host} has a subset ${subsetName}; ${names === "" ? "there is none" : `there are ${names}`}`,
		];
	}
	const endpoints = resolveEndpoints(index, service, servicePort, subset);
	const unfit = endpoints.filter(({ health }) => health !== "ready");
	const what = subset === undefined ? host : `subset ${subset.name} of ${host}`;
	if (endpoints.length === 0) return [`now ${what} has no endpoint: ${describeAbsence(index, service)}`];
	const reasons = unfit
		.slice(0, maxNamed)
		.map(({ instance, address, health }) => `${instance?.name ?? address} is ${describeHealth(health, instance)}`);
	return [
		`now ${endpoints.length - unfit.length} of ${endpoints.length} endpoints of ${what} are ready${reasons.length === 0 ? "" : `; ${reasons.join("; ")}`}`,
	];
}

const maxNamed = 5;

function describeHealth(health: string, instance: { readonly healthReason?: string } | undefined): string {
	return instance?.healthReason === undefined ? health : `${health}: ${instance.healthReason}`;
}

/** Why nothing is behind a service. */
function describeAbsence(index: MeshIndex, service: Parameters<MeshIndex["instancesOf"]>[0]): string {
	const instances = index.instancesOf(service);
	if (instances.length === 0) {
		return index.workloadsOf(service).length === 0
			? "its selector selects no workload"
			: "no instance of its workloads is registered ('amime status')";
	}
	const starting = instances.filter(({ health }) => health === "starting");
	if (starting.length === 0) return "no instance has the port, or the labels of the subset";
	return starting
		.slice(0, maxNamed)
		.map((instance) => `${instance.name} is ${describeHealth("starting", instance)}`)
		.join("; ");
}
