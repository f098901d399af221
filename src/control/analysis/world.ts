import type { ConfigObject, KindName } from "../../config/index.ts";
import { findNearest } from "../../core/index.ts";
import { formatObjectName, type Labels, matchesLabels, type ObjectName } from "../../model/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import type { FindingCode } from "./finding-table.ts";

/** What checks look at. */
export interface World {
	readonly index: MeshIndex;
	/** In force, by `Kind/namespace/name`. */
	readonly objects: ReadonlyMap<string, ConfigObject>;
	/** Milliseconds since the epoch. */
	readonly now: number;
}

/** Tells of a finding at a field of an object. */
export type ReportFinding = (
	code: FindingCode,
	object: ObjectName & { readonly kind: KindName },
	path: string,
	sentence: string,
) => void;

export type Check = (world: World, report: ReportFinding) => void;

/** The objects of one kind, by namespace and name. */
export function objectsOf<K extends KindName>(world: World, kind: K): Extract<ConfigObject, { readonly kind: K }>[] {
	return [...world.objects.values()]
		.filter((object): object is Extract<ConfigObject, { readonly kind: K }> => object.kind === kind)
		.sort((a, b) => (formatObjectName(a) < formatObjectName(b) ? -1 : 1));
}

/** `shop/reviews (mesh/reviews.yaml:12)`: an object in a sentence about another. */
export function nameAt(world: World, kind: KindName, object: ObjectName): string {
	const source = world.objects.get(`${kind}/${formatObjectName(object)}`)?.source;
	const place =
		source === undefined ? "" : source.line === 0 ? ` (${source.file})` : ` (${source.file}:${source.line})`;
	return `${kind} ${formatObjectName(object)}${place}`;
}

/** Whether a workload or an instance has these labels; in any namespace without one. */
export function selectsSomething({ index }: World, namespace: string | undefined, labels: Labels): boolean {
	return [...index.mesh.workloads, ...index.mesh.gatewayProxies, ...index.instances].some(
		(item) => (namespace === undefined || item.namespace === namespace) && matchesLabels(labels, item.labels),
	);
}

/** The one of `known` that is called nearly so: another name in that namespace, or that name in another namespace. Parts are compared by
 *  themselves, as long namespaces make all that is in them look alike. */
export function findNearestName({ namespace, name }: ObjectName, known: Iterable<ObjectName>): ObjectName | undefined {
	const all = [...known];
	const beside = all.filter((other) => other.namespace === namespace).map((other) => other.name);
	const named = all.filter((other) => other.name === name).map((other) => other.namespace);
	const nearName = findNearest(name, beside);
	if (nearName !== undefined) return { namespace, name: nearName };
	const nearNamespace = findNearest(namespace, named);
	return nearNamespace === undefined ? undefined : { namespace: nearNamespace, name };
}
