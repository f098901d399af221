import { type EnvoyFilter, type Labels, type Mesh, matchesLabels, type PatchContext } from "../../model/index.ts";
import type { ProxyKind } from "../translate/index.ts";
import { type CompiledPatch, compileEnvoyFilter } from "./compile.ts";

/** The proxy that patches are for. */
export interface PatchedNode {
	readonly type: "sidecar" | "router";
	readonly namespace: string;
	readonly labels: Labels;
	readonly kind: ProxyKind;
	readonly metadata: Readonly<Record<string, unknown>>;
}

/** The patches for a proxy in their order: by priority, those of the root namespace first, then older objects, then by name (Istio). */
export function selectEnvoyFilters(
	{ envoyFilters, settings }: Pick<Mesh, "envoyFilters" | "settings">,
	node: PatchedNode,
): readonly CompiledPatch[] {
	const { rootNamespace } = settings;
	const isRoot = ({ namespace }: EnvoyFilter): number => (namespace === rootNamespace ? 0 : 1);
	return envoyFilters
		.filter((filter) => isFor(filter, node, rootNamespace))
		.sort(
			(a, b) =>
				a.priority - b.priority ||
				isRoot(a) - isRoot(b) ||
				a.createdAt - b.createdAt ||
				(`${a.name}.${a.namespace}` < `${b.name}.${b.namespace}` ? -1 : 1),
		)
		.flatMap((filter) => compileEnvoyFilter(filter).patches)
		.filter(
			({ patch, foreignTypes }) => matchesProxy(patch, node) && (foreignTypes.length === 0 || node.kind === "envoy"),
		);
}

function isFor({ namespace, selector, targets }: EnvoyFilter, node: PatchedNode, rootNamespace: string): boolean {
	if (namespace !== node.namespace && namespace !== rootNamespace) return false;
	if (targets !== undefined)
		return targets.some(
			({ kind, name }) => kind === "Gateway" && node.labels["gateway.networking.k8s.io/gateway-name"] === name,
		);
	return matchesLabels(selector ?? {}, node.labels);
}

function matchesProxy({ context, proxyVersion, proxyMetadata }: CompiledPatch["patch"], node: PatchedNode): boolean {
	if (context === "GATEWAY" && node.type !== "router") return false;
	if ((context === "SIDECAR_INBOUND" || context === "SIDECAR_OUTBOUND") && node.type !== "sidecar") return false;
	if (proxyVersion !== undefined && !new RegExp(proxyVersion).test(String(node.metadata["ISTIO_VERSION"] ?? "")))
		return false;
	return Object.entries(proxyMetadata).every(([key, value]) => node.metadata[key] === value);
}

/** Whether a patch is for one side of a proxy. */
export function isInContext(wanted: PatchContext, actual: Exclude<PatchContext, "ANY">): boolean {
	return wanted === "ANY" || wanted === actual;
}
