import { create } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "../api/gen/envoy/config/core/v3/base_pb.js";
import { assumePods, buildMesh, type ConfigObject, type LocatedProblem } from "../config/index.ts";
import { createPatchedSource } from "../control/envoy-filter/index.ts";
import { createProvenance, type Provenance } from "../control/provenance/index.ts";
import { createSnapshotStore } from "../control/snapshot/index.ts";
import { hostOf, type MeshIndex } from "../control/translate/index.ts";
import { gatewayNameLabel, type Labels, type MeshSettings, type WorkloadInstance } from "../model/index.ts";
import type { XdsSnapshot } from "../xds/server/index.ts";
import { assumeInstances } from "./assumed-instances.ts";
import { ProxyView } from "./proxy-view.ts";

/** What is evaluated: a mesh, the objects that it was made of, and what its proxies are given. */
export interface World {
	readonly index: MeshIndex;
	readonly provenance: Provenance;
	readonly problems: readonly LocatedProblem[];
	/** What a sidecar has; undefined for an instance without one. */
	sidecar(instance: WorkloadInstance): ProxyView | undefined;
	/** What a gateway proxy has. */
	gateway(gateway: GatewayName): ProxyView | undefined;
	/** The same where proxies have everything that they may ask for; absent where they do. A host that a proxy learns of with the first
	 *  request is routed as there. */
	whole?(): World;
	/** Every proxy that there is or would be, for comparisons. */
	proxies(): readonly { readonly name: string; readonly snapshot: XdsSnapshot }[];
}

/** A proxy of type `router`. */
export interface GatewayName {
	readonly namespace: string;
	readonly name: string;
	readonly address: string;
	readonly labels: Labels;
}

export interface WorldOptions {
	readonly index: MeshIndex;
	readonly objects: readonly ConfigObject[];
	readonly problems: readonly LocatedProblem[];
	/** What a node is given. */
	snapshot(node: Node): XdsSnapshot | undefined;
	/** The node that a proxy connected as; undefined for one that did not. */
	findNode?(id: string): Node | undefined;
	whole?(): World;
	/** Whether there is a proxy beside an instance; by its pattern by default. */
	hasSidecar?(instance: WorkloadInstance): boolean;
}

/** A world of objects alone: every replica of every Workload and every Pod of a Deployment is taken to run and to be ready, and every proxy to have what it may ask for.
 *  @param instances that are known to run, in place of assumed ones */
export function createOfflineWorld(
	given: readonly ConfigObject[],
	options: Pick<WorldOptions, "hasSidecar" | "findNode"> & {
		readonly problems?: readonly LocatedProblem[];
		readonly settings?: Partial<MeshSettings>;
		readonly instances?: readonly WorkloadInstance[];
	} = {},
): World {
	const objects = options.instances === undefined ? assumePods(given) : given;
	const declared = buildMesh(objects, options.instances ?? [], options.settings);
	const mesh =
		options.instances !== undefined
			? declared.mesh
			: { ...declared.mesh, instances: [...assumeInstances(declared.mesh), ...declared.mesh.instances] };
	const store = createSnapshotStore();
	store.apply(mesh);
	const patched = createPatchedSource(store, () => store.index());
	const translated = store
		.problems()
		.map(({ source, ...problem }): LocatedProblem => ({ severity: "error", ...source, ...problem }));
	return createWorld({
		index: store.index()!,
		objects,
		problems: [...(options.problems ?? []), ...declared.problems, ...translated],
		// With what Telemetry objects and EnvoyFilters change, as proxies get it.
		snapshot: (node) => patched.get(node),
		...(options.hasSidecar !== undefined && { hasSidecar: options.hasSidecar }),
		...(options.findNode !== undefined && { findNode: options.findNode }),
	});
}

export function createWorld(options: WorldOptions): World {
	const { index, objects, problems } = options;
	const views = new Map<string, ProxyView | undefined>();
	const view = (name: string, node: Node): ProxyView | undefined => {
		if (!views.has(node.id)) {
			const snapshot = options.snapshot(options.findNode?.(node.id) ?? node);
			views.set(node.id, snapshot === undefined ? undefined : new ProxyView(name, snapshot));
		}
		return views.get(node.id);
	};
	const hasSidecar = options.hasSidecar ?? (({ pattern }: WorkloadInstance) => pattern === "sidecar");
	return {
		index,
		problems,
		...(options.whole !== undefined && { whole: options.whole }),
		provenance: createProvenance({ index, objects }),
		sidecar: (instance) =>
			hasSidecar(instance) ? view(`${instance.namespace}/${instance.name}`, sidecarNode(instance)) : undefined,
		gateway: (gateway) => view(`${gateway.namespace}/${gateway.name}`, gatewayNode(gateway)),
		proxies: () =>
			[
				...index.instances
					.filter(hasSidecar)
					.map((instance) => ({ name: nameOf(instance), node: sidecarNode(instance) })),
				...listGateways(index).map((gateway) => ({ name: nameOf(gateway), node: gatewayNode(gateway) })),
			].flatMap(({ name, node }) => {
				const snapshot = options.snapshot(options.findNode?.(node.id) ?? node);
				return snapshot === undefined ? [] : [{ name, snapshot }];
			}),
	};
}

function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
	return `${namespace}/${name}`;
}

/** As the proxy beside an instance says who it is: that of a Pod has its traffic captured. */
export function sidecarNode(instance: WorkloadInstance): Node {
	const { name, namespace, address, declaredBy, sidecar } = instance;
	return create(NodeSchema, {
		id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
		userAgentName: sidecar ?? "amime",
		...(declaredBy !== undefined && { metadata: { INTERCEPTION_MODE: "REDIRECT" } }),
	});
}

function gatewayNode({ namespace, name, address, labels }: GatewayName): Node {
	return create(NodeSchema, {
		id: `router~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
		userAgentName: "amime",
		metadata: { LABELS: labels },
	});
}

/** The proxies of every Gateway of both kinds: its Pods, or one that is made up where none is declared. */
export function listGateways(index: MeshIndex): GatewayName[] {
	const found = new Map<string, GatewayName>();
	for (const { namespace, name } of [...index.mesh.gateways, ...index.mesh.istioGateways])
		for (const gateway of findGateways(index, namespace, name)) found.set(nameOf(gateway), gateway);
	return [...found.values()];
}

/** The proxies of a Gateway of either kind; none where there is no such Gateway. */
export function findGateways(index: MeshIndex, namespace: string, name: string): GatewayName[] {
	const isNamed = (object: { readonly namespace: string; readonly name: string }): boolean =>
		object.namespace === namespace && object.name === name;
	const gateway = index.mesh.gateways.find(isNamed);
	const istio = index.mesh.istioGateways.find(isNamed);
	if (gateway === undefined && istio === undefined) return [];
	const hosts = new Set(gateway?.addresses.map(({ value }) => value) ?? []);
	const front = index.services.find(
		(service) =>
			service.namespace === namespace &&
			(hosts.has(hostOf(service, index.mesh.settings)) ||
				hosts.has(service.name) ||
				hosts.has(`${service.name}.${namespace}`)),
	);
	const labels: Labels = istio?.selector ?? front?.selector ?? { [gatewayNameLabel]: name };
	const pods = index.instances.filter(
		(instance) =>
			(istio !== undefined || instance.namespace === namespace) &&
			Object.keys(labels).length > 0 &&
			Object.entries(labels).every(([key, value]) => instance.labels[key] === value),
	);
	if (pods.length > 0) return pods;
	return [{ namespace, name, address: "127.0.0.1", labels: { ...labels, [gatewayNameLabel]: name } }];
}
