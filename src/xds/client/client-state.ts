import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Millis } from "../../core/index.ts";

/** The two forms of the protocol: full or partial lists, or changes only. */
export type ClientVariant = "state-of-the-world" | "delta";

/** One resource as received. */
export interface ReceivedResource {
	readonly name: string;
	/** The resource's own in delta, the response's in state of the world. */
	readonly version: string;
	/** The packed message. */
	readonly value: Uint8Array;
}

/** What one response changes. Resources may be among `added` that did not change. */
export interface ResourceUpdate {
	readonly typeUrl: string;
	readonly version: string;
	readonly added: readonly ReceivedResource[];
	/** Deleted, or said not to exist. */
	readonly removed: readonly string[];
	/** Refused before anything was put to use: broken, of another type, or there twice. Absent when nothing is. */
	readonly broken?: readonly RefusedResource[];
}

/** A resource refused, and why. */
export interface RefusedResource {
	/** Empty when the response as a whole is at fault. */
	readonly name: string;
	readonly problem: string;
}

/** A response, decoded as far as both forms are alike. */
export interface ClientResponse {
	readonly typeUrl: string;
	readonly nonce: string;
	readonly version: string;
	readonly resources: readonly ReceivedResource[];
	/** Delta only. */
	readonly removed: readonly string[];
	/** Resources that could not be read. */
	readonly broken: readonly RefusedResource[];
}

/** A request, in either form. */
export type ClientRequest = {
	readonly typeUrl: string;
	readonly node: Node | undefined;
	readonly nonce: string;
	readonly error: string | undefined;
} & (
	| { readonly kind: "state-of-the-world"; readonly version: string; readonly names: readonly string[] }
	| {
			readonly kind: "delta";
			readonly subscribe: readonly string[];
			readonly unsubscribe: readonly string[];
			readonly initialVersions: Readonly<Record<string, string>>;
	  }
);

/** One type of one client. What is accepted outlives streams; nonces do not. */
export interface ClientType {
	readonly typeUrl: string;
	wildcard: boolean;
	readonly names: Set<string>;
	/** Names asked for one by one, beside those. */
	readonly asked: Set<string>;
	/** Resources accepted, by name. */
	readonly versions: Map<string, string>;
	/** Version of the newest response accepted as a whole (state of the world). */
	version: string;
	/** Names the server knows of on this stream; undefined before the type's first request on it. */
	told: Set<string> | undefined;
	/** Nonce of the newest response judged on this stream. */
	nonce: string;
	/** Answers that were not sent yet, in order; more than one only while requests are held. */
	readonly owed: { readonly nonce: string; readonly error: string | undefined }[];
	/** How many want requests of this type held. */
	pauses: number;
	/** When a name asked for is taken not to exist. */
	readonly deadlines: Map<string, Millis>;
}

/** A client of one management server. Changed in place by the functions of `client-machine.ts`, which do no I/O. */
export interface ClientState {
	readonly variant: ClientVariant;
	readonly node: Node;
	/** Send the node in the first request of a stream only. */
	readonly nodeOnFirstMessageOnly: boolean;
	readonly types: Map<string, ClientType>;
	/** Counts streams, so that an answer to a response of an earlier one is not sent on the next. */
	streamId: number;
	connection: "idle" | "open" | "waiting" | "closed";
	nodeSent: boolean;
	/** The server does not read: requests wait until the stream has room. */
	isHeld: boolean;
	/** Failures in a row, for the back-off. */
	failures: number;
	reconnectAt: Millis;
}

/** What the shell has to do. */
export type ClientEffect =
	| { readonly kind: "connect" }
	| { readonly kind: "send"; readonly request: ClientRequest }
	/** Put to use, then call `onApplied` with what was refused. */
	| {
			readonly kind: "update";
			readonly update: ResourceUpdate;
			readonly nonce: string;
			readonly streamId: number;
			/** Problems found before anything was put to use. */
			readonly broken: readonly RefusedResource[];
	  }
	| { readonly kind: "missing"; readonly typeUrl: string; readonly names: readonly string[] }
	/** The server reads nothing: the stream is given up. Call `onClosed` when it is over. */
	| { readonly kind: "abandon" }
	/** Call `onTime` at `at`; a later one replaces an earlier one. */
	| { readonly kind: "wake"; readonly at: Millis };

/** Options of a client's protocol. */
export interface ClientStateOptions {
	readonly variant: ClientVariant;
	readonly node: Node;
	readonly nodeOnFirstMessageOnly: boolean;
}

export function createClientState(options: ClientStateOptions): ClientState {
	return {
		...options,
		types: new Map(),
		streamId: 0,
		connection: "idle",
		nodeSent: false,
		isHeld: false,
		failures: 0,
		reconnectAt: 0,
	};
}
