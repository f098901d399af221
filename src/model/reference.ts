import type { ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** Another object, as Gateway API names it. */
export interface ObjectReference extends ObjectName {
	/** Empty is the core group. */
	readonly group: string;
	readonly kind: string;
}

/** What a route attaches to. */
export interface ParentReference extends ObjectReference {
	/** Name of a listener or of a port. */
	readonly sectionName?: string;
	readonly port?: number;
	/** The reference as its document has it, for the route's status. */
	readonly written: Readonly<Record<string, string | number>>;
}

/** `gateway.networking.k8s.io` ReferenceGrant: what objects of other namespaces may refer to objects of its own. */
export interface ReferenceGrant extends ObjectName {
	readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
	readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
	readonly source: Source;
}

/** Whether a reference is to a `v1/Service`. */
export function isServiceParent({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
	return group === "" && kind === "Service";
}

/** Whether a reference is to a ServiceEntry of Istio. */
export function isServiceEntryParent({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
	return group === "networking.istio.io" && kind === "ServiceEntry";
}

/** Whether a reference means a ListenerSet, by its own name or by that of its experimental version. */
export function isListenerSetParent({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
	return (
		(group === "gateway.networking.k8s.io" && kind === "ListenerSet") ||
		(group === "gateway.networking.x-k8s.io" && kind === "XListenerSet")
	);
}

/** Whether a reference means a Gateway of the Gateway API. */
export function isGatewayParent({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
	return group === "gateway.networking.k8s.io" && kind === "Gateway";
}
