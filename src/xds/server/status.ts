import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Millis } from "../../core/index.ts";
import type { StreamState, TypeState } from "./stream.ts";

/** `SYNCED`: the node acknowledged the newest state. `STALE`: sent and not acknowledged, or newer state waits.
 *  `NACKED`: the node refused a resource that is still the newest. `NOT_SENT`: subscribed, nothing sent. */
export type SyncState = "SYNCED" | "STALE" | "NACKED" | "NOT_SENT";

/** How far one node is with one type. */
export interface TypeStatus {
	readonly typeUrl: string;
	readonly state: SyncState;
	/** Version of the newest response sent; empty when none was. */
	readonly sentVersion: string;
	/** Version of the newest response acknowledged; empty when none was. */
	readonly ackedVersion: string;
	/** The node's words, when it refused. */
	readonly reason?: string;
	/** How many resources of the type the node holds, refused ones included. */
	readonly resources: number;
	/** Milliseconds since the epoch of the newest response, acknowledgement or refusal. */
	readonly updatedAt: number;
}

/** One connected node; several streams of one node (ADS and SDS) are merged. */
export interface NodeStatus {
	readonly nodeId: string;
	readonly node: Node;
	/** Milliseconds since the epoch. */
	readonly connectedAt: number;
	readonly types: readonly TypeStatus[];
}

/** One open stream. */
export interface ConnectionStatus {
	readonly node: Node;
	/** `address:port` that it comes from, as the transport says it. */
	readonly peer: string;
	/** Milliseconds since the epoch. */
	readonly connectedAt: number;
	/** The names that are asked for, by type; none where all are. */
	readonly watches: ReadonlyMap<string, readonly string[]>;
}

/** How far a stream's types are; `toWall` turns its monotonic times into dates. */
export function describeTypes(state: StreamState, toWall: (time: Millis) => number): TypeStatus[] {
	return [...state.types.values()].map((type) => ({
		typeUrl: type.typeUrl,
		state: describeState(type),
		sentVersion: type.sentVersion,
		ackedVersion: type.ackedVersion,
		...(type.reason === "" ? {} : { reason: type.reason }),
		resources: type.known.size,
		updatedAt: toWall(type.updatedAt),
	}));
}

/** Whether a stream's client has accepted a resource; undefined where it carries none of its type. */
export function hasAccepted(state: StreamState, typeUrl: string, name: string): boolean | undefined {
	const type = state.types.get(typeUrl);
	if (type === undefined) return undefined;
	return type.known.has(name) && type.outstanding?.includes(name) !== true && !type.rejected.has(name);
}

function describeState(type: TypeState): SyncState {
	if (type.reason !== "") return "NACKED";
	if (type.outstanding !== undefined || type.pending) return type.sentVersion === "" ? "NOT_SENT" : "STALE";
	return type.sentVersion === "" ? "NOT_SENT" : "SYNCED";
}

/** One resource as far as one node is with it. */
export interface ResourceStatus {
	readonly typeUrl: string;
	readonly name: string;
	/** Empty for a name asked for that does not exist. */
	readonly version: string;
	/** The packed message; undefined when the node brought it along from an earlier stream. */
	readonly value: Uint8Array | undefined;
	readonly state: "REQUESTED" | "ACKED" | "NACKED" | "DOES_NOT_EXIST";
	/** Against what the node should have: `SYNCED` when that is what it acknowledged, `ERROR` when it refused it, `STALE` when it has
	 *  another or owes an answer, `NOT_SENT` when it has none. Spec: `envoy.service.status.v3.ConfigStatus`. */
	readonly sync: "SYNCED" | "ERROR" | "STALE" | "NOT_SENT";
	/** The node's words, when it refused. */
	readonly reason?: string;
	/** Milliseconds since the epoch of the type's newest response or answer. */
	readonly updatedAt: number;
}

/** Every resource that a stream's client holds, asked for, or is to be sent. */
export function describeResources(state: StreamState, toWall: (time: Millis) => number): ResourceStatus[] {
	return [...state.types.values()].flatMap((type) => {
		const newest = state.snapshot?.resources.get(type.typeUrl);
		const base = { typeUrl: type.typeUrl, updatedAt: toWall(type.updatedAt) };
		const unanswered = new Set(type.outstanding);
		const held = [...type.known].map(
			([name, { value, version }]): ResourceStatus => ({
				...{ ...base, name, version, value },
				...describeHeld(type, name, unanswered, newest !== undefined && newest.get(name)?.version !== version),
			}),
		);
		const missing = [...type.names].filter((name) => !type.known.has(name));
		const waiting =
			type.wildcard && newest !== undefined
				? [...newest.keys()].filter((name) => !type.known.has(name) && !type.names.has(name))
				: [];
		const unsent = [...missing, ...waiting].map((name): ResourceStatus => {
			const isAnswered = type.sentNonce !== "" && !type.due.has(name) && newest?.has(name) !== true;
			const told = isAnswered ? "DOES_NOT_EXIST" : "REQUESTED";
			return { ...base, name, version: "", value: undefined, state: told, sync: "NOT_SENT" };
		});
		return [...held, ...unsent];
	});
}

function describeHeld(
	type: TypeState,
	name: string,
	unanswered: ReadonlySet<string>,
	isOutdated: boolean,
): Pick<ResourceStatus, "state" | "sync" | "reason"> {
	// A refusal that names nothing is of all.
	if (type.rejected.has(name) || (type.reason !== "" && type.rejected.size === 0))
		return { state: "NACKED", sync: "ERROR", reason: type.reason };
	if (unanswered.has(name)) return { state: "REQUESTED", sync: "STALE" };
	return { state: "ACKED", sync: isOutdated ? "STALE" : "SYNCED" };
}
