import {
	formatObjectName,
	type Mesh,
	type MeshSettings,
	type Service,
	type WorkloadInstance,
} from "../../model/index.ts";
import { type ConfigObject, type ConfigObjectOf, formatObjectKey } from "../config-object.ts";
import type { KindName, ModelByKind } from "../kinds/index.ts";
import { compareProblems, type LocatedProblem } from "../located-problem.ts";
import { describeDuplicate } from "../parse-documents.ts";
import { checkReferences } from "./check-references.ts";
import { indexCluster } from "./cluster-services.ts";
import { declareInstances } from "./declared-instances.ts";
import { listGatewayProxies } from "./gateway-proxies.ts";
import { createMeshMemory, type MeshMemory } from "./mesh-memory.ts";
import { type BuildRecord, patchEndpoints } from "./patch-endpoints.ts";
import { describeAt } from "./problem-at.ts";
import { limitRoutes } from "./route-limits.ts";
import { resolveServiceEntries, withWorkloadEntries } from "./service-entries.ts";
import { resolveService } from "./services.ts";
import { resolveMeshSettings } from "./settings.ts";
import { resolveSidecar } from "./sidecars.ts";
import { resolveVirtualServices } from "./virtual-services.ts";

/** The mesh that some objects make, and what is wrong between them. */
export interface BuiltMesh {
	readonly mesh: Mesh;
	readonly problems: readonly LocatedProblem[];
}

/** Puts objects and instances together: drops duplicates, fills what one object leaves to another, checks references. The order
 *  of the arguments does not matter.
 *  @param settings of the process; a MeshConfig wins over them
 *  @param memory of the meshes before: what did not change is the same object as in them */
export function buildMesh(
	objects: Iterable<ConfigObject>,
	instances: Iterable<WorkloadInstance>,
	settings: Partial<MeshSettings> = {},
	memory: MeshMemory = createMeshMemory(),
): BuiltMesh {
	const given = [...objects];
	const running = [...instances];
	const patched = memory.last && patchEndpoints(memory.last, given, running, settings);
	if (patched !== undefined) {
		memory.last = patched;
		return patched;
	}
	const problems: LocatedProblem[] = [];
	const kept = dropDuplicates(given, problems);
	const byKind = Map.groupBy(kept, ({ kind }) => kind);
	const of = <K extends KindName>(kind: K): ConfigObjectOf<K>[] => (byKind.get(kind) ?? []) as ConfigObjectOf<K>[];
	const valuesOf = <K extends KindName>(kind: K): ModelByKind[K][] =>
		of(kind).map((object) => object.value as ModelByKind[K]);
	const resolvedSettings = resolveMeshSettings({ ...settings, ...chooseMeshConfig(of("MeshConfig"), problems) });
	const workloads = of("Workload").map((object) => object.value);
	const cluster = indexCluster(
		of("Pod").map((object) => object.value),
		of("Node").map((object) => object.value),
		of("EndpointSlice").map((object) => object.value),
	);
	const services = new Map<string, Service>();
	const shared = [
		memory.keepWorkloads(workloads),
		memory.keepPods(cluster.pods),
		memory.keepNodes([...cluster.nodes.values()]),
	];
	const documents = new Map(of("Service").map((object) => [formatObjectName(object), object.value]));
	const keepService: BuildRecord["keepService"] = (document, slices, build) =>
		memory.serviceOf(document, [...shared, ...slices], build);
	for (const [key, value] of documents) {
		services.set(
			key,
			keepService(value, cluster.slices.get(key) ?? [], () => resolveService(value, workloads, cluster)),
		);
	}
	const declaredInstances = declareInstances(cluster, [...services.values()].sort(compareServices), memory);
	const workloadEntries = of("WorkloadEntry").map((object) => object.value);
	// Those that registered with a WorkloadGroup stand for WorkloadEntries.
	const selectable = [...declaredInstances, ...running.filter(({ group }) => group !== undefined)];
	const externalServices = resolveServiceEntries(of("ServiceEntry"), workloadEntries, selectable, problems);
	const { clusterDomain } = resolvedSettings;
	const rateLimitPolicies = valuesOf("RateLimitPolicy");
	const meshWithoutProxies: Omit<Mesh, "gatewayProxies"> = {
		settings: resolvedSettings,
		workloads,
		services: [
			...[...services].map(([key, service]) =>
				withWorkloadEntries(service, workloadEntries, documents.get(key)?.selector ?? service.selector),
			),
			...externalServices,
		],
		httpRoutes: [
			...limitRoutes("HTTPRoute", valuesOf("HTTPRoute"), rateLimitPolicies),
			...limitRoutes("GRPCRoute", valuesOf("GRPCRoute"), rateLimitPolicies),
		],
		streamRoutes: [...valuesOf("TLSRoute"), ...valuesOf("TCPRoute")],
		gatewayClasses: valuesOf("GatewayClass"),
		gateways: valuesOf("Gateway"),
		listenerSets: valuesOf("ListenerSet"),
		istioGateways: valuesOf("IstioGateway"),
		referenceGrants: valuesOf("ReferenceGrant"),
		backendTlsPolicies: valuesOf("BackendTLSPolicy"),
		secrets: valuesOf("Secret"),
		configMaps: valuesOf("ConfigMap"),
		peerAuthentications: of("PeerAuthentication").map((object) => object.value),
		authorizationPolicies: [
			...of("AuthorizationPolicy").map((object) => object.value),
			...(resolvedSettings.defaultPolicy === undefined ? [] : [resolvedSettings.defaultPolicy]),
		],
		requestAuthentications: of("RequestAuthentication").map((object) => object.value),
		rateLimitPolicies,
		destinationRules: of("DestinationRule").map((object) => ({
			...object.value,
			host: qualifyHost(object.value.host, object.namespace, services, clusterDomain),
		})),
		virtualServices: resolveVirtualServices(of("VirtualService"), clusterDomain, problems),
		sidecars: of("Sidecar").map((object) => resolveSidecar(object.value, clusterDomain)),
		telemetries: of("Telemetry").map((object) => object.value),
		envoyFilters: of("EnvoyFilter").map((object) => object.value),
		proxyConfigs: of("ProxyConfig").map((object) => object.value),
		workloadEntries,
		workloadGroups: of("WorkloadGroup").map((object) => object.value),
		namespaces: of("Namespace").map((object) => object.value),
		declaredInstances,
		instances: [...running, ...declaredInstances].sort((left, right) =>
			compareText(formatObjectName(left), formatObjectName(right)),
		),
	};
	const mesh: Mesh = { ...meshWithoutProxies, gatewayProxies: listGatewayProxies(meshWithoutProxies) };
	problems.push(...checkReferences(kept, mesh));
	problems.sort(compareProblems);
	memory.last = {
		...{ objects: given, instances: running, settings, mesh, problems },
		...{ cluster, workloads, workloadEntries, documents, keepService },
	};
	return { mesh, problems };
}

/** One object a name, in the order of kind, namespace and name; of two, the one whose file and line come first. */
function dropDuplicates(objects: Iterable<ConfigObject>, problems: LocatedProblem[]): ConfigObject[] {
	const sorted = Array.from(objects, (object) => ({ key: formatObjectKey(object), object })).sort(
		(left, right) =>
			compareText(left.key, right.key) ||
			compareText(left.object.source.file, right.object.source.file) ||
			left.object.source.line - right.object.source.line,
	);
	const kept: ConfigObject[] = [];
	let lastKey = "";
	for (const { key, object } of sorted) {
		if (key === lastKey) problems.push(describeDuplicate(object, kept.at(-1)!));
		else kept.push(object);
		lastKey = key;
	}
	return kept;
}

/** A mesh has one MeshConfig: the first by namespace and name. */
function chooseMeshConfig(
	[first, ...others]: readonly ConfigObjectOf<"MeshConfig">[],
	problems: LocatedProblem[],
): Partial<MeshSettings> {
	if (first === undefined) return {};
	for (const other of others) {
		const problem = `a mesh has one MeshConfig, and ${formatObjectName(first)} (${first.source.file}:${first.source.line}) is it: remove one`;
		problems.push(describeAt(other, "metadata.name", problem, "OBJECT_DUPLICATE", "error"));
	}
	return first.value;
}

/** The full name of the Service a host means: in the rule's namespace by a short name, elsewhere by `name.namespace`. */
function qualifyHost(
	host: string,
	namespace: string,
	services: ReadonlyMap<string, Service>,
	clusterDomain: string,
): string {
	if (host.startsWith("*")) return host;
	const [name = "", inNamespace, ...rest] = host.split(".");
	if (inNamespace === undefined) return `${name}.${namespace}.svc.${clusterDomain}`;
	const tail = rest.join(".");
	const isShort = tail === "" || tail === "svc";
	return isShort && services.has(`${inNamespace}/${name}`) ? `${name}.${inNamespace}.svc.${clusterDomain}` : host;
}

function compareServices(left: Service, right: Service): number {
	return (left.createdAt ?? 0) - (right.createdAt ?? 0) || compareText(formatObjectName(left), formatObjectName(right));
}

function compareText(left: string, right: string): number {
	return left < right ? -1 : left > right ? 1 : 0;
}
