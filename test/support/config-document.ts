import { type ConfigObjectOf, findKind, type KindName, parseDocuments } from "../../src/config/index.ts";

/** The text of one document `shop/<name>` with a spec. */
export function formatDocument(kind: KindName, spec: unknown, metadata: object = {}): string {
	const { apiVersions, documentKind } = findKind(kind)!;
	return JSON.stringify({
		apiVersion: apiVersions[0],
		kind: documentKind,
		metadata: { namespace: "shop", name: "it", ...metadata },
		spec,
	});
}

/** Reads one document: its noun of the model (undefined when it is broken, also when something stands for it), and its problems as `path: problem`. */
export function readSpec<K extends KindName>(
	kind: K,
	spec: unknown,
	metadata: object = {},
): { readonly value: ConfigObjectOf<K>["value"] | undefined; readonly problems: readonly string[] } {
	const { objects, problems } = parseDocuments(formatDocument(kind, spec, metadata), "mesh/it.yaml");
	const object = objects[0] as ConfigObjectOf<K> | undefined;
	return {
		value: (object?.isStandIn === true ? undefined : object?.value) as ConfigObjectOf<K>["value"] | undefined,
		problems: problems.map(
			({ severity, path, problem }) => `${severity === "warning" ? "warning: " : ""}${path}: ${problem}`,
		),
	};
}
