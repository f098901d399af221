import type { Source } from "../model/index.ts";
import type { Place } from "./document/line-index.ts";
import type { Json } from "./document/node.ts";
import type { KindName, ModelByKind } from "./kinds/index.ts";

/** What every object has, whatever its kind. */
export interface ConfigObjectBase {
	readonly apiVersion: string;
	readonly namespace: string;
	readonly name: string;
	/** The document as written, as plain JSON. */
	readonly document: Json;
	readonly source: Source;
	/** Some of it was left out because of a problem (a bad rule of a route). */
	readonly isPartial: boolean;
	/** It cannot be used as it is written, and something that keeps out at least as much stands for it. */
	readonly isStandIn: boolean;
	/** Field paths of the items that were left out; empty when all of it counts, or nothing of it as written. */
	readonly leftOut: readonly string[];
	/** Where the field at `path` is in the file; the nearest enclosing one when it is not there. */
	locate(path: string): Place;
}

/** One object that passed validation: `value` is the noun of the model that `kind` stands for. */
export type ConfigObject = {
	readonly [K in KindName]: ConfigObjectBase & { readonly kind: K; readonly value: ModelByKind[K] };
}[KindName];

/** An object of one kind. */
export type ConfigObjectOf<K extends KindName> = Extract<ConfigObject, { readonly kind: K }>;

/** `Kind/namespace/name`: what makes an object that object. */
export function formatObjectKey(object: {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
}): string {
	return `${object.kind}/${object.namespace}/${object.name}`;
}
