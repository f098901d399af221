import type { LocalOutcome } from "../cluster/index.ts";
import type { DiscoveryOutcome } from "../config-source/index.ts";
import type { FailedRequestsDump } from "../failed-requests/index.ts";
import type { AddressConfig, AssignmentConfig, EndpointConfig } from "../runtime-config/index.ts";
import type { StatsDelta } from "./stats-delta.ts";

/** What a worker is started with. */
export interface WorkerStart {
	readonly index: number;
	readonly count: number;
	/** Packed. */
	readonly bootstrap: Uint8Array;
	/** Memory of the numbers that threads count together. */
	readonly counts: SharedArrayBuffer;
}

/** The thread of a worker as its pool sees it: messages arrive in the order they were sent. */
export interface WorkerThread {
	send(message: ToWorker): void;
	onMessage(listener: (message: FromWorker) => void): void;
	/** It ended, by itself or by a fault. */
	onEnd(listener: (problem: string) => void): void;
	/** Ends it at once. */
	terminate(): Promise<void>;
}

/** A configuration as it travels: its place in the bootstrap, or the packed message it is translated from. */
export type Travelling =
	| { readonly kind: "bootstrap"; readonly name: string }
	| { readonly kind: "packed"; readonly bytes: Uint8Array };

/** Health flags of hosts by address. */
export type HostFlags = readonly (readonly [address: string, flags: number])[];

/** How the addresses of a listener get their sockets in a worker. */
export interface TravellingSockets {
	readonly listener: string;
	readonly origins: readonly TravellingOrigin[];
}

export type TravellingOrigin =
	| { readonly kind: "bind"; readonly address: AddressConfig; readonly reusePort: boolean }
	/** Sockets of this process that another thread may own as well: they are duplicated. */
	| { readonly kind: "share"; readonly descriptors: readonly number[] };

export type ToWorker =
	| {
			readonly type: "cluster";
			readonly config: Travelling;
			readonly assignment: AssignmentConfig | undefined;
			readonly flags: HostFlags;
	  }
	| { readonly type: "clusters-removed"; readonly names: readonly string[] }
	| { readonly type: "assignment"; readonly cluster: string; readonly assignment: AssignmentConfig }
	| { readonly type: "readdressed"; readonly cluster: string; readonly endpoint: EndpointConfig }
	| { readonly type: "health"; readonly cluster: string; readonly flags: HostFlags; readonly gone: readonly string[] }
	| { readonly type: "routes"; readonly added: readonly Travelling[]; readonly removed: readonly string[] }
	| {
			readonly type: "extensions" | "scopes";
			readonly added: readonly Travelling[];
			readonly removed: readonly string[];
	  }
	| { readonly type: "secret"; readonly config: Travelling }
	| { readonly type: "secret-removed"; readonly name: string }
	| {
			readonly type: "listeners";
			readonly id: number;
			readonly added: readonly Travelling[];
			readonly removed: readonly string[];
			readonly sockets: readonly TravellingSockets[];
	  }
	| { readonly type: "runtime"; readonly values: readonly (readonly [string, unknown])[] }
	| { readonly type: "local-health"; readonly isFailing: boolean }
	| { readonly type: "drain"; readonly atOnce: boolean; readonly handsOver: boolean }
	| { readonly type: "announce-drain" | "stop-accepting"; readonly inboundOnly: boolean }
	| { readonly type: "collect"; readonly id: number }
	| { readonly type: "discovered"; readonly id: number; readonly outcome: DiscoveryOutcome }
	| { readonly type: "reopen-logs" }
	/** Filters record, or no longer; the request is packed. */
	| { readonly type: "tap"; readonly request: Uint8Array | undefined }
	| { readonly type: "close"; readonly id: number };

/** A listener as a worker has it. */
export interface BoundListener {
	readonly name: string;
	/** By address: where it listens, and the descriptors of its sockets. */
	readonly sockets: readonly { readonly address: AddressConfig; readonly descriptors: readonly number[] }[];
}

export type FromWorker =
	| { readonly type: "ready" }
	| {
			readonly type: "listeners-applied";
			readonly id: number;
			readonly problems: readonly { readonly name: string; readonly problem: string }[];
			readonly bound: readonly BoundListener[];
	  }
	| {
			readonly type: "collected";
			readonly id: number;
			readonly delta: StatsDelta;
			readonly connections: number;
			readonly failed: FailedRequestsDump;
	  }
	| { readonly type: "results"; readonly results: readonly HostResult[] }
	/** The source is JSON. */
	| {
			readonly type: "discover";
			readonly id: number;
			readonly name: string;
			readonly source: string;
			readonly timeoutMs: number;
	  }
	| { readonly type: "tap-ids"; readonly ids: ReadonlySet<string> }
	/** Packed. */
	| { readonly type: "trace"; readonly trace: Uint8Array }
	| { readonly type: "closed"; readonly id: number };

/** Results of a host in their order: `times` successes, or a status or failure. */
export interface HostResult {
	readonly cluster: string;
	readonly host: string;
	readonly result: number | LocalOutcome;
	readonly times: number;
}
