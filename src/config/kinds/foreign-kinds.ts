import { findNearest } from "../../core/index.ts";
import { findDocumentKinds, kinds } from "./table.ts";

/** Groups that the mesh has kinds of, as `apiVersion` says them; the empty one is Kubernetes' own. */
const groups: ReadonlySet<string> = new Set(kinds.flatMap(({ apiVersions }) => apiVersions.map(groupOf)));

/** Kinds of those groups that are Kubernetes' business alone. */
const clusterKinds: ReadonlySet<string> = new Set([
	...["ServiceAccount", "PersistentVolume", "PersistentVolumeClaim", "ReplicationController", "ResourceQuota"].map(
		(kind) => `/${kind}`,
	),
	...["LimitRange", "PodTemplate", "Endpoints", "Event", "Binding"].map((kind) => `/${kind}`),
	...["ReplicaSet", "ControllerRevision"].map((kind) => `apps/${kind}`),
]);

/** What says the same to the mesh. */
const counterparts: Readonly<Record<string, string>> = {
	Ingress: "what comes into the mesh is for a Gateway with HTTPRoutes or VirtualServices to say",
	NetworkPolicy: "who may call whom in the mesh is for AuthorizationPolicies to say",
	Job: "'amime up' runs Workloads",
	CronJob: "'amime up' runs Workloads",
};

/** Kinds of Istio and the Gateway API that change what a mesh does, and are not there. */
const absent: Readonly<Record<string, string>> = {
	WasmPlugin: "proxies run no WebAssembly: an EnvoyFilter may put a filter there that they have",
	IstioOperator: "amime needs no operator: write what is in its meshConfig as a MeshConfig",
	UDPRoute: "the mesh carries TCP",
	ServiceRole: "it is of Istio before 1.6: write an AuthorizationPolicy",
	ServiceRoleBinding: "it is of Istio before 1.6: write an AuthorizationPolicy",
	ClusterRbacConfig: "it is of Istio before 1.6: write an AuthorizationPolicy",
	MeshPolicy: "it is of Istio before 1.6: write a PeerAuthentication in the root namespace",
	RouteRule: "it is of Istio before 1.0: write a VirtualService",
	DestinationPolicy: "it is of Istio before 1.0: write a DestinationRule",
	EgressRule: "it is of Istio before 1.0: write a ServiceEntry",
};

/** Why a document is none of the mesh's and may be passed over; undefined for one that means the mesh, as it is or mistyped. */
export function describeForeign(apiVersion: string, kind: string): string | undefined {
	const group = groupOf(apiVersion);
	if (!clusterKinds.has(`${group}/${kind}`)) {
		if (groups.has(group) || isOfMeshes(group)) return undefined;
		if (findDocumentKinds(kind).length > 0 && findNearest(group, groups) !== undefined) return undefined;
	}
	const own = findDocumentKinds(kind).map(({ apiVersions }) => apiVersions[0]);
	const instead = own.length > 0 ? `for the mesh's own ${kind} write ${own.join(" or ")}` : counterparts[kind];
	return `${apiVersion} ${kind} is none of the mesh's kinds and is passed over${instead === undefined ? "" : `: ${instead}`}`;
}

/** What to do without a kind that other meshes have. */
export function describeAbsent(kind: string): string | undefined {
	return Object.hasOwn(absent, kind) ? absent[kind] : undefined;
}

/** Groups whose kinds configure meshes: one that is not known must not be passed over. */
function isOfMeshes(group: string): boolean {
	return /(?:^|\.)istio\.io$|^gateway\.networking\./.test(group);
}

function groupOf(apiVersion: string): string {
	const slash = apiVersion.indexOf("/");
	return slash === -1 ? "" : apiVersion.slice(0, slash);
}
