/** `overload_manager`: what is measured, and what is done about it. */
export interface OverloadConfig {
	readonly refreshIntervalMs: number;
	readonly monitors: readonly ResourceMonitorConfig[];
	readonly actions: readonly OverloadActionConfig[];
	readonly shedPoints: readonly ShedPointConfig[];
	/** Connections of all listeners together; infinite without a limit. */
	readonly maxDownstreamConnections: number;
	/** What `reduce_timeouts` shortens. */
	readonly scaledTimers: readonly ScaledTimerConfig[];
}

/** Timeouts that may be shortened: of idle client connections, of idle streams, of transport handshakes. */
export type ScaledTimerKind = "connection-idle" | "stream-idle" | "transport-connect";

/** One timer of `ScaleTimersOverloadActionConfig`: saturated, it takes the least. */
export interface ScaledTimerConfig {
	readonly timer: ScaledTimerKind;
	readonly minimum:
		| { readonly kind: "time"; readonly ms: number }
		/** Of the configured time. */
		| { readonly kind: "share"; readonly share: number };
}

export type ResourceMonitorConfig = { readonly name: string } & (
	| { readonly kind: "fixed-heap"; readonly maxBytes: number }
	/** A file that holds a number from 0 to 1: for tests. */
	| { readonly kind: "injected"; readonly path: string }
	/** 0 for the limit of the control group. */
	| { readonly kind: "cgroup-memory"; readonly maxBytes: number }
	| { readonly kind: "cpu"; readonly mode: "host" | "container" }
);

export type OverloadActionName = (typeof overloadActionNames)[number];

/** What can be done. */
export const overloadActionNames = [
	"envoy.overload_actions.stop_accepting_requests",
	"envoy.overload_actions.disable_http_keepalive",
	"envoy.overload_actions.reject_incoming_connections",
	"envoy.overload_actions.stop_accepting_connections",
	"envoy.overload_actions.reduce_timeouts",
	"envoy.overload_actions.shrink_heap",
] as const;

export interface OverloadActionConfig {
	readonly name: OverloadActionName;
	/** The action's value is the greatest of theirs, from 0 to 1. */
	readonly triggers: readonly OverloadTrigger[];
}

export type ShedPointName = (typeof shedPointNames)[number];

/** Where load can be shed. */
export const shedPointNames = [
	"envoy.load_shed_points.http_connection_manager_decode_headers",
	"envoy.load_shed_points.tcp_listener_accept",
] as const;

export interface ShedPointConfig {
	readonly name: ShedPointName;
	/** The share that is shed is the greatest of theirs, from 0 to 1. */
	readonly triggers: readonly OverloadTrigger[];
}

export type OverloadTrigger = { readonly monitor: string } & (
	| { readonly kind: "threshold"; readonly value: number }
	| { readonly kind: "scaled"; readonly from: number; readonly to: number }
);
