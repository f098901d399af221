import { type ConfigObjectOf, type KindName, parseDocuments } from "../../src/config/index.ts";

const versions: Record<KindName, string> = {
	Workload: "amime.dev/v1alpha1",
	MeshConfig: "amime.dev/v1alpha1",
	Service: "v1",
	HTTPRoute: "gateway.networking.k8s.io/v1",
	DestinationRule: "networking.istio.io/v1",
	PeerAuthentication: "security.istio.io/v1",
	AuthorizationPolicy: "security.istio.io/v1",
	Namespace: "v1",
	Node: "v1",
	Pod: "v1",
	EndpointSlice: "discovery.k8s.io/v1",
};

/** The text of one document `shop/<name>` with a spec. */
export function formatDocument(kind: KindName, spec: unknown, metadata: object = {}): string {
	return JSON.stringify({
		apiVersion: versions[kind],
		kind,
		metadata: { namespace: "shop", name: "it", ...metadata },
		spec,
	});
}

/** Reads one document: its noun of the model (undefined when it is broken), and its problems as `path: problem`. */
export function readSpec<K extends KindName>(
	kind: K,
	spec: unknown,
	metadata: object = {},
): { readonly value: ConfigObjectOf<K>["value"] | undefined; readonly problems: readonly string[] } {
	const { objects, problems } = parseDocuments(formatDocument(kind, spec, metadata), "mesh/it.yaml");
	const object = objects[0] as ConfigObjectOf<K> | undefined;
	return {
		value: object?.value as ConfigObjectOf<K>["value"] | undefined,
		problems: problems.map(
			({ severity, path, problem }) => `${severity === "warning" ? "warning: " : ""}${path}: ${problem}`,
		),
	};
}
