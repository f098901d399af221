import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { XdsResource } from "../resource/resource.ts";
import type { RefusedResource } from "./stream.ts";

/** Everything one node may know, by type and name. Never changed after it is handed out; a type's map that did not change
 *  keeps its identity from one snapshot to the next, which spares a comparison of its resources. */
export interface XdsSnapshot {
	readonly resources: ReadonlyMap<string /* type URL */, ReadonlyMap<string /* name */, XdsResource>>;
}

/** Who is told what nodes say of what they were sent. */
export interface AnswerListener {
	/** A node refused a response. `resources` are those that its words name, else all of it that were new to the node. */
	refused(node: Node, typeUrl: string, reason: string, resources: readonly RefusedResource[]): void;
	accepted(node: Node, typeUrl: string, names: readonly string[]): void;
	/** A stream of the node ended. */
	gone(node: Node): void;
}

/** Resources of which a client is given only some without naming them. */
export interface OnDemandResources extends ReadonlyMap<string, XdsResource> {
	/** Whether a wildcard covers it; look-ups by name find the others as well. */
	isGiven(name: string): boolean;
}

/** Whether a wildcard covers a resource. */
export function isGiven(resources: ReadonlyMap<string, XdsResource>, name: string): boolean {
	return "isGiven" in resources ? (resources as OnDemandResources).isGiven(name) : resources.has(name);
}

/** Where snapshots come from. */
export interface SnapshotSource {
	/** The node's state, or undefined while it is unknown: the node then waits (and keeps what it had). */
	get(node: Node): XdsSnapshot | undefined;
	/** Calls `listener` when snapshots changed, with the node ids concerned; returns the way to stop. */
	onChange(listener: (nodeIds: ReadonlySet<string> | "all") => void): () => void;
}

/** Who is at the other end of a stream. */
export interface StreamPeer {
	/** The certificate (DER) that it showed, when its chain was checked; undefined on a connection without. */
	readonly certificate: Uint8Array | undefined;
	/** `address:port` that it calls from, as the transport says it. */
	readonly address: string;
}

/** Who may be which node, and what of a node's state a peer may have. */
export interface StreamGate {
	/** Why a peer may not be a node; undefined when it may. Asked again with every push, since what is known of nodes changes. */
	refuse(peer: StreamPeer, node: Node): string | undefined;
	/** What of a snapshot goes to the peer; the same object while nothing is left out. */
	limit(peer: StreamPeer, node: Node, snapshot: XdsSnapshot): XdsSnapshot;
	/** Why a peer may not see the state of all nodes (CSDS). */
	refuseStatus(peer: StreamPeer): string | undefined;
}
