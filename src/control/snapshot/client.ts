import { rememberByObject } from "../../core/index.ts";
import { type Labels, matchesLabels, type Sidecar, type WorkloadInstance } from "../../model/index.ts";
import { type Client, formatLocality, type MeshIndex } from "../translate/index.ts";

/** Tells clients apart only by what changes their resources, so that those alike share them. */
export interface ClientFinder {
	of(instance: WorkloadInstance, isCaptured: boolean): Client;
}

/** Reads from a mesh what it asks of clients: labels that routes and policies compare, and their nodes. */
export function createClientFinder(index: MeshIndex): ClientFinder {
	const keys = comparedLabels(index);
	const comparesNodes = index.services.some(
		({ isNodeLocal, trafficDistribution }) => isNodeLocal === true || trafficDistribution === "PreferSameNode",
	);
	return {
		of(instance, isCaptured) {
			const { namespace, labels, locality, nodeName } = instance;
			const sidecar = findSidecar(index, namespace, labels);
			return {
				namespace,
				labels: Object.fromEntries(Object.entries(labels).filter(([key]) => keys.has(key))),
				...(locality !== undefined && { locality }),
				...(nodeName !== undefined && (comparesNodes || keys.has(hostnameLabel)) && { nodeName }),
				...(sidecar !== undefined && { sidecar }),
				isCaptured,
			};
		},
	};
}

const hostnameLabel = "kubernetes.io/hostname";

/** What makes one client another. */
export const formatClient = rememberByObject((client: Client): string => {
	const { namespace, labels, locality, nodeName, sidecar, isCaptured } = client;
	const ofLabels = Object.entries(labels)
		.map(([key, value]) => `${key}=${value}`)
		.sort()
		.join();
	const ofSidecar = sidecar === undefined ? "" : `${sidecar.namespace}/${sidecar.name}`;
	const place = locality === undefined ? "" : formatLocality(locality);
	return [namespace, isCaptured ? "captured" : "", ofSidecar, place, nodeName ?? "", ofLabels].join(" ");
});

/** The Sidecar object in force: one that selects the workload, that of its namespace, that of the root namespace (Istio). */
function findSidecar(index: MeshIndex, namespace: string, labels: Labels): Sidecar | undefined {
	const own = index.sidecarsIn(namespace);
	const isDefault = ({ selector }: Sidecar): boolean => selector === undefined;
	return (
		own.find(({ selector }) => selector !== undefined && matchesLabels(selector, labels)) ??
		own.find(isDefault) ??
		index.sidecarsIn(index.mesh.settings.rootNamespace).find(isDefault)
	);
}

/** Labels of clients that VirtualServices and DestinationRules compare. */
function comparedLabels(index: MeshIndex): ReadonlySet<string> {
	const keys = new Set<string>();
	const add = (labels: Labels | undefined): void => {
		for (const key of Object.keys(labels ?? {})) keys.add(key);
	};
	for (const { http, tls, tcp } of index.virtualServices)
		for (const { matches } of [...http, ...tls, ...tcp]) for (const { scope } of matches) add(scope?.sourceLabels);
	for (const { workloadSelector, trafficPolicy, subsets } of index.mesh.destinationRules) {
		add(workloadSelector);
		for (const policy of [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)])
			for (const settings of [policy, ...Object.values(policy?.portLevel ?? {})])
				for (const label of settings?.loadBalancer?.locality?.failoverPriority ?? [])
					keys.add(label.split("=")[0] ?? "");
	}
	return keys;
}
