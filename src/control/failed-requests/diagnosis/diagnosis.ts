import type { ConfigObject } from "../../../config/index.ts";
import type { ObjectRef, Provenance } from "../../provenance/index.ts";
import type { MeshIndex } from "../../translate/index.ts";
import type { ProxyFailure } from "../ask-proxies.ts";

/** Whose turn it is: the caller's, the application's behind the proxy, that of whoever writes the mesh's objects, of whoever keeps the policy
 *  that forbids it, or of the network between the two. */
export type Fault = "caller" | "application" | "configuration" | "policy" | "network";

/** Why a request failed. */
export interface Diagnosis {
	/** Undefined where the proxy only passed on what another one said. */
	readonly fault?: Fault;
	/** Sentences, the most telling first. */
	readonly explanation: readonly string[];
	/** What most likely helps. */
	readonly fix?: string;
	/** The objects that decided, the most important one first. */
	readonly objects: readonly ObjectRef[];
}

/** What a mesh is, and where it is written. */
export interface Whereabouts {
	readonly index: MeshIndex;
	readonly provenance: Provenance;
}

/** The mesh as it is served. */
export interface KnownMesh extends Whereabouts {
	readonly objects: () => Iterable<ConfigObject>;
}

/** What should have become of a call, by the configuration alone. */
export interface Prediction {
	/** Envoy's short response flags. */
	readonly flags?: string;
	readonly summary: string;
	readonly fix?: string;
	readonly because: readonly ObjectRef[];
}

/** A failure with all that is known beside it. */
export interface Case {
	readonly failure: ProxyFailure;
	readonly mesh: KnownMesh;
	/** Only where it was worth asking. */
	readonly prediction?: Prediction | undefined;
}

/** Whether a failure has a response flag. */
export function hasFlag({ flags }: Pick<ProxyFailure, "flags">, ...wanted: readonly string[]): boolean {
	return (flags ?? "").split(",").some((flag) => wanted.includes(flag));
}

/** Whether it was no request but a connection, of which nothing of HTTP is known. */
export function isSession({ method, status }: Pick<ProxyFailure, "method" | "status">): boolean {
	return method === null && status === 0;
}

/** How an object is named in a sentence. */
export function nameOf({ kind, namespace, name, path }: ObjectRef): string {
	return `${kind} ${namespace}/${name}${path === "" ? "" : ` ${path}`}`;
}

/** References without those that are not there. */
export function compact(refs: readonly (ObjectRef | undefined)[]): readonly ObjectRef[] {
	return refs.filter((ref) => ref !== undefined);
}
