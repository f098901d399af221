import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Millis } from "../../core/index.ts";
import type { XdsResource } from "../resource/resource.ts";
import { sendRank } from "../resource/type-urls.ts";
import type { XdsSnapshot } from "./snapshot.ts";

/** The two forms of the protocol: full or partial lists, or changes only. */
export type Variant = "state-of-the-world" | "delta";

/** What a client holds of one resource. A resource named by `initial_resource_versions` is known by its version alone. */
export type KnownResource = Pick<XdsResource, "version"> & Partial<XdsResource>;

/** One type on one stream. */
export interface TypeState {
	readonly typeUrl: string;
	wildcard: boolean;
	/** Whether names were ever given on this stream: from then on an empty list means none, not all. */
	everNamed: boolean;
	readonly names: Set<string>;
	/** Characters of {@link names}. */
	nameCharacters: number;
	/** Names to answer even if their resource did not change: newly subscribed, or of a changed cluster. */
	readonly due: Set<string>;
	/** Whether an answer is owed even if it is empty. */
	answerDue: boolean;
	/** Version of the client's first request, until it was compared (state of the world). */
	claimedVersion: string;
	/** Invariant: the state the client has once it accepts what was sent; subscribed names only. */
	readonly known: Map<string, KnownResource>;
	/** The snapshot's map that `known` was last found equal to: comparing again is needless. */
	matched: ReadonlyMap<string, XdsResource> | undefined;
	/** Invariant: the nonce of the newest response; an older one in a request is stale and ignored. */
	sentNonce: string;
	sentVersion: string;
	ackedVersion: string;
	/** Names of the response that waits for ACK or NACK. One at a time: newer state coalesces behind it. */
	outstanding: readonly string[] | undefined;
	/** Whether the snapshot holds changes that were not sent. */
	pending: boolean;
	/** Route configurations that were sent and not accepted yet, each with the bytes that the client accepted before; undefined when it
	 *  accepted none. What else a client refuses, it keeps as it was. */
	readonly accepted: Map<string, Uint8Array | undefined>;
	/** Names the client refused by name, until another version is accepted or the resource goes. */
	readonly rejected: Set<string>;
	/** The client's words about what it still refuses; empty when it refuses nothing. */
	reason: string;
	/** Monotonic time of the newest response, ACK or NACK. */
	updatedAt: Millis;
}

/** One stream: the state that the functions of `requests.ts` and `push.ts` change in place (a map of thousands of versions is not
 *  copied for each event); they read no clock and do no I/O, and answer with effects. */
export interface StreamState {
	readonly variant: Variant;
	readonly versionOf: VersionOf;
	/** Known from the first request on. */
	node: Node | undefined;
	snapshot: XdsSnapshot | undefined;
	readonly types: Map<string, TypeState>;
	/** The types in the order in which they are sent. */
	readonly ranked: TypeState[];
	lastNonce: number;
	/** Whether the transport's buffer is full. */
	blocked: boolean;
	/** Until when listeners and routes wait for the client to acknowledge (that is, warm) new clusters. */
	warmUntil: Millis;
}

/** Names the state of a set of resources: equal sets have equal versions, whatever their order. */
export type VersionOf = (resources: ReadonlyMap<string, XdsResource> | readonly XdsResource[]) => string;

/** One response, in either form; `removed` is empty in state of the world. */
export interface StreamResponse {
	readonly typeUrl: string;
	readonly nonce: string;
	readonly version: string;
	readonly resources: readonly XdsResource[];
	readonly removed: readonly string[];
}

/** A resource that a client refused, or that was in the response that it refused. */
export interface RefusedResource {
	readonly name: string;
	/** The packed message. */
	readonly value: Uint8Array;
	/** Of a route configuration: the packed message that the client goes on with, when it has one. */
	readonly accepted: Uint8Array | undefined;
}

/** What the shell has to do or to count. */
export type StreamEffect =
	| { readonly kind: "identified"; readonly node: Node }
	| { readonly kind: "send"; readonly response: StreamResponse }
	| { readonly kind: "acked"; readonly typeUrl: string; readonly version: string; readonly names: readonly string[] }
	| {
			readonly kind: "nacked";
			readonly typeUrl: string;
			readonly version: string;
			readonly reason: string;
			readonly refused: readonly RefusedResource[];
	  }
	| { readonly kind: "stale"; readonly typeUrl: string; readonly nonce: string }
	/** Call `onWake` at `at`; a later one replaces an earlier one. */
	| { readonly kind: "wake"; readonly at: Millis }
	| { readonly kind: "end"; readonly code: "INVALID_ARGUMENT" | "RESOURCE_EXHAUSTED"; readonly message: string };

export function createStream(variant: Variant, versionOf: VersionOf): StreamState {
	return {
		variant,
		versionOf,
		node: undefined,
		snapshot: undefined,
		types: new Map(),
		ranked: [],
		lastNonce: 0,
		blocked: false,
		warmUntil: 0,
	};
}

/** Adds a type that the client asks for from now on. */
export function addType(state: StreamState, typeUrl: string, now: Millis): TypeState {
	const type = createType(typeUrl, now);
	state.types.set(typeUrl, type);
	state.ranked.push(type);
	state.ranked.sort((one, other) => sendRank(one.typeUrl) - sendRank(other.typeUrl));
	return type;
}

function createType(typeUrl: string, now: Millis): TypeState {
	return {
		typeUrl,
		wildcard: false,
		everNamed: false,
		names: new Set(),
		nameCharacters: 0,
		due: new Set(),
		answerDue: false,
		claimedVersion: "",
		known: new Map(),
		matched: undefined,
		sentNonce: "",
		sentVersion: "",
		ackedVersion: "",
		outstanding: undefined,
		pending: false,
		accepted: new Map(),
		rejected: new Set(),
		reason: "",
		updatedAt: now,
	};
}

/** The client asks for a name from now on. */
export function addName(type: TypeState, name: string): void {
	if (type.names.has(name)) return;
	type.names.add(name);
	type.nameCharacters += name.length;
}

/** @returns whether it was asked for */
export function removeName(type: TypeState, name: string): boolean {
	if (!type.names.delete(name)) return false;
	type.nameCharacters -= name.length;
	return true;
}

/** The client no longer has, wants or refuses a resource. */
export function forget(type: TypeState, name: string): void {
	type.known.delete(name);
	type.due.delete(name);
	type.accepted.delete(name);
	if (type.rejected.delete(name) && type.rejected.size === 0) type.reason = "";
}
