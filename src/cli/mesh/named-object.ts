import { MeshError, suggestNearest } from "../../core/index.ts";
import type { AdminApi, ConfigDocument } from "./admin-api.ts";

/** An object as a command line names it. */
export interface ObjectWords {
	readonly namespace?: string;
	readonly name?: string;
}

/** Takes `name` and `namespace/name`.
 *  @param namespace of `-n`
 *  @throws MeshError `NAME_INVALID` */
export function splitName(given: string | undefined, namespace: string | undefined): ObjectWords {
	if (given === undefined) return namespace === undefined ? {} : { namespace };
	const [first = "", second, ...rest] = given.split("/");
	const refuse = (problem: string): never => {
		throw new MeshError("NAME_INVALID", `'${given}' ${problem}`);
	};
	if (second === undefined) {
		if (first === "") refuse("is no name: write name or namespace/name");
		return { ...(namespace === undefined ? {} : { namespace }), name: first };
	}
	if (first === "" || second === "" || rest.length > 0) refuse("is no name: write name or namespace/name");
	if (namespace !== undefined && namespace !== first)
		refuse(`is not in the namespace ${namespace} of -n: give one of them`);
	return { namespace: first, name: second };
}

/** The error of an object that is not there, with the nearest name, or with the namespaces that have one of its name.
 *  @param all names of the objects there are of the kind
 *  @param list the command that lists them */
export function missingObject(
	all: readonly { readonly namespace?: string; readonly name: string }[],
	kind: string,
	{ namespace, name = "" }: ObjectWords,
	list: string,
): MeshError {
	const others = all.flatMap((one) => (one.name === name && one.namespace !== undefined ? [one.namespace] : []));
	const there = all.filter((one) => namespace === undefined || one.namespace === namespace).map((one) => one.name);
	const hint =
		others.length > 0
			? `: it is in ${[...new Set(others)].join(", ")}`
			: suggestNearest(name, there) || (all.length === 0 ? ": the mesh has none" : `; '${list}' lists them`);
	const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
	return new MeshError("OBJECT_NOT_FOUND", `there is no ${kind} ${name}${place}${hint}`);
}

/** The names of the objects of a kind in force. */
export async function listNames(mesh: AdminApi, kind: string): Promise<readonly ConfigDocument["metadata"][]> {
	return ((await mesh.list(`/v1/config?kind=${kind}`)) as ConfigDocument[]).map(({ metadata }) => metadata);
}
