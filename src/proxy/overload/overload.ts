import type { Clock, Log, Random, SharedCount, Timer } from "../../core/index.ts";
import { getRuntimeNumber, type Runtime } from "../../engine/runtime/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { OverloadActionName, OverloadConfig, OverloadTrigger, ShedPointName } from "../runtime-config/index.ts";
import {
	createHeapShrinkerStats,
	createOverloadActionStats,
	createOverloadStats,
	createResourceStats,
	createShedPointStats,
} from "../stats/index.ts";
import { createPressure } from "./pressure.ts";
import { createScaledTimeouts, type ScaledTimeouts } from "./timeouts.ts";

/** What the data path asks. Without an overload manager nothing is ever overloaded. */
export interface OverloadState {
	/** Whether this request is answered with 503 at once. */
	shedsRequest(): boolean;
	/** Whether HTTP/1 connections end with their response. */
	endsKeepalive(): boolean;
	/** Whether a connection that was just accepted is closed, and why. */
	refuseConnection(): "overload" | "limit" | undefined;
	/** Whether connections wait, neither served nor refused. */
	stopsAccepting(): boolean;
	/** Called when connections may be served again. @returns what ends it */
	onAccepting(listener: () => void): () => void;
	readonly timeouts: ScaledTimeouts;
	connectionOpened(): void;
	connectionClosed(): void;
}

export interface Overload extends OverloadState {
	close(): void;
}

export interface OverloadDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly runtime: Runtime;
	/** The root. */
	readonly stats: StatsScope;
	/** The connections of all threads. */
	readonly connections: SharedCount | { value: number };
	/** Gives memory back to the system. */
	readonly releaseMemory: () => void;
}

/** Starts to watch. `config` is undefined where no overload manager is configured: then only the runtime's limit of connections holds. */
export function createOverload(config: OverloadConfig | undefined, deps: OverloadDeps): Overload {
	const { connections, random, runtime } = deps;
	const values = new Map<OverloadActionName, number>();
	const readValue = (name: OverloadActionName): number => values.get(name) ?? 0;
	/** A scaled action is taken with its value for a chance. */
	const isTaken = (name: OverloadActionName): boolean => {
		const value = readValue(name);
		return value >= 1 || (value > 0 && value > random.next());
	};
	const points = createShedPoints(config, deps);
	/** Whether load is shed there, which is counted. */
	const sheds = (name: ShedPointName): boolean => {
		const point = points.get(name);
		if (point === undefined || point.value <= 0 || (point.value < 1 && point.value <= random.next())) return false;
		point.stats.shed_load_count.value++;
		return true;
	};
	const timeouts = createScaledTimeouts(config?.scaledTimers ?? [], deps.clock);
	const waiting = new Set<() => void>();
	const isStopped = (): boolean => readValue(stopAccepting) >= 1;
	let wasStopped = false;
	const onRefresh = (): void => {
		timeouts.setPressure(readValue("envoy.overload_actions.reduce_timeouts"));
		if (wasStopped && !isStopped()) for (const listener of waiting) listener();
		wasStopped = isStopped();
	};
	const stop = config === undefined ? () => undefined : watch(config, deps, values, points, onRefresh);
	const stopShrinking =
		config?.actions.some(({ name }) => name === shrink) === true ? shrinkHeap(deps, readValue) : () => undefined;
	const limit = (): number =>
		Math.min(
			config?.maxDownstreamConnections ?? Number.POSITIVE_INFINITY,
			getRuntimeNumber(runtime, "overload.global_downstream_max_connections", Number.POSITIVE_INFINITY),
		);
	const change = (by: number): void => {
		if ("add" in connections) connections.add(by);
		else connections.value += by;
	};
	return {
		shedsRequest: () =>
			(values.size > 0 && isTaken("envoy.overload_actions.stop_accepting_requests")) ||
			(points.size > 0 && sheds("envoy.load_shed_points.http_connection_manager_decode_headers")),
		endsKeepalive: () => values.size > 0 && isTaken("envoy.overload_actions.disable_http_keepalive"),
		refuseConnection() {
			if (values.size > 0 && isTaken("envoy.overload_actions.reject_incoming_connections")) return "overload";
			if (points.size > 0 && sheds("envoy.load_shed_points.tcp_listener_accept")) return "overload";
			return connections.value >= limit() ? "limit" : undefined;
		},
		stopsAccepting: () => values.size > 0 && isStopped(),
		onAccepting(listener) {
			waiting.add(listener);
			return () => void waiting.delete(listener);
		},
		timeouts,
		connectionOpened: () => change(1),
		connectionClosed: () => change(-1),
		close() {
			stop();
			stopShrinking();
		},
	};
}

interface ShedPoint {
	readonly triggers: readonly OverloadTrigger[];
	readonly stats: ReturnType<typeof createShedPointStats>;
	/** The share that is shed. */
	value: number;
}

type ShedPoints = ReadonlyMap<ShedPointName, ShedPoint>;

function createShedPoints(config: OverloadConfig | undefined, { stats }: OverloadDeps): ShedPoints {
	return new Map(
		(config?.shedPoints ?? []).map(({ name, triggers }) => [
			name,
			{ triggers, stats: createShedPointStats(stats.scope(`overload.${name}`)), value: 0 },
		]),
	);
}

const stopAccepting = "envoy.overload_actions.stop_accepting_connections";
const shrink = "envoy.overload_actions.shrink_heap";
/** How often memory is given back while that is asked for. */
const shrinkIntervalMs = 10_000;

function shrinkHeap(deps: OverloadDeps, readValue: (name: OverloadActionName) => number): () => void {
	const { shrink_count } = createHeapShrinkerStats(deps.stats.scope(`overload.${shrink}`));
	let timer: Timer | undefined;
	const next = (): void => {
		timer = deps.clock.setTimer(
			shrinkIntervalMs,
			() => {
				if (readValue(shrink) >= 1) {
					shrink_count.value++;
					deps.releaseMemory();
				}
				next();
			},
			{ unref: true },
		);
	};
	next();
	return () => timer?.cancel();
}

function watch(
	config: OverloadConfig,
	deps: OverloadDeps,
	values: Map<OverloadActionName, number>,
	points: ShedPoints,
	onRefresh: () => void,
): () => void {
	const { clock, log, stats } = deps;
	const own = createOverloadStats(stats.scope("overload"));
	const monitors = config.monitors.map((monitor) => ({
		monitor,
		read: createPressure(monitor, clock),
		pressure: 0,
		stats: createResourceStats(stats.scope(`overload.${monitor.name}`)),
	}));
	const actions = config.actions.map(({ name, triggers }) => ({
		name,
		triggers,
		stats: createOverloadActionStats(stats.scope(`overload.${name}`)),
	}));
	let timer: Timer | undefined;
	let readAt = clock.now();

	function refresh(): void {
		own.refresh_interval_delay.record(clock.now() - readAt);
		readAt = clock.now();
		for (const entry of monitors) {
			const pressure = entry.read();
			if (typeof pressure === "number") {
				entry.pressure = pressure;
				entry.stats.pressure.value = Math.round(pressure * 100);
			} else {
				entry.stats.failed_updates.value++;
				log.info("a resource cannot be read", { resource: entry.monitor.name, problem: pressure.problem });
			}
		}
		const pressures = new Map(monitors.map(({ monitor, pressure }) => [monitor.name, pressure]));
		for (const action of actions) {
			const value = Math.max(0, ...action.triggers.map((trigger) => computeValue(trigger, pressures)));
			values.set(action.name, value);
			action.stats.active.value = value >= 1 ? 1 : 0;
			action.stats.scale_percent.value = Math.round(value * 100);
		}
		for (const point of points.values()) {
			point.value = Math.max(0, ...point.triggers.map((trigger) => computeValue(trigger, pressures)));
			point.stats.scale_percent.value = Math.round(point.value * 100);
		}
		onRefresh();
		timer = clock.setTimer(config.refreshIntervalMs, refresh, { unref: true });
	}
	refresh();
	return () => timer?.cancel();
}

function computeValue(trigger: OverloadTrigger, pressures: ReadonlyMap<string, number>): number {
	const pressure = pressures.get(trigger.monitor) ?? 0;
	if (trigger.kind === "threshold") return pressure >= trigger.value ? 1 : 0;
	if (pressure <= trigger.from) return 0;
	return pressure >= trigger.to ? 1 : (pressure - trigger.from) / (trigger.to - trigger.from);
}
