import { describeError } from "../../core/index.ts";
import type { SocketAddress } from "../../engine/format/index.ts";
import type { Gauge } from "../../telemetry/index.ts";
import type { ListenerTarget, ResourceProblem } from "../config-source/index.ts";
import type { DrainDecision } from "../drain/index.ts";
import {
	type AddressConfig,
	countReplacedChains,
	differsInChainsOnly,
	type ListenerConfig,
} from "../runtime-config/index.ts";
import { createListenerManagerStats } from "../stats/index.ts";
import { Listener, type ListenerDependencies } from "./listener.ts";
import { formatAddress } from "./listening-sockets.ts";

/** A listener as others see it. */
export type ListenerView = Pick<Listener, "config" | "boundAddresses" | "activeConnections" | "sockets">;

/** All listeners of a proxy. */
export interface ListenerManager extends ListenerTarget {
	listeners(): readonly ListenerView[];
	/** Asks open connections to end with their next response, and goes on accepting. */
	announceDrain(inboundOnly: boolean): void;
	/** Accepts nothing more; open connections end gracefully, by the drain strategy unless `decision` says otherwise. */
	drain(decision?: DrainDecision): void;
	/** Accepts nothing more, while open connections go on. */
	stopAccepting(inboundOnly: boolean): void;
	/** Another process goes on with the sockets; open connections drain and are not closed by the drain time, but by the end of
	 *  this process (Envoy's parent shutdown time). */
	handOver(): void;
	/** Ends everything. */
	close(): void;
}

/** Creates a manager without listeners. */
export function createListenerManager(deps: ListenerDependencies): ListenerManager {
	const listeners = new Map<string, Listener>();
	const leaving = new Set<Listener>();
	/** Those that accept nothing more. */
	const stopped = new WeakSet<Listener>();
	const stats = createListenerManagerStats(deps.stats.scope("listener_manager"));
	stats.workers_started.value = 1;
	const countActive = (): void => {
		stats.total_listeners_active.value = listeners.size;
	};

	/** Counts in `gauge` what drains, for the drain time whether it has connections or not, as Envoy does. */
	function countDraining(gauge: Gauge, count: number, onDrained: () => void = () => undefined): void {
		if (count === 0) return;
		gauge.value += count;
		const drained = (): void => {
			gauge.value -= count;
			onDrained();
		};
		deps.clock.setTimer(deps.drainTimeMs, drained, { unref: true });
	}

	/** Stops accepting at once and drops the listener when its connections had their time. */
	function retire(listener: Listener): void {
		leaving.add(listener);
		listener.drain();
		countDraining(stats.total_listeners_draining, 1, () => {
			leaving.delete(listener);
			listener.close();
		});
	}

	/** A listener that keeps its sockets: only its chains change, or all of it does. */
	function replace(existing: Listener, config: ListenerConfig): void {
		const before = existing.config;
		if (differsInChainsOnly(before, config)) {
			stats.listener_in_place_updated.value++;
			countDraining(stats.total_filter_chains_draining, countReplacedChains(before, config));
		} else {
			countDraining(stats.total_listeners_draining, 1);
		}
		existing.replace(config);
		stats.listener_modified.value++;
		stats.listener_create_success.value++;
	}

	/** The listener bound (or unbound) at that very address, else one of its port at any address. */
	function findListener({ ip, port }: SocketAddress): Listener | undefined {
		const isAt = (listener: Listener, wanted: readonly string[]): boolean =>
			listener.config.addresses.some(
				(address) => address.kind === "socket" && address.port === port && wanted.includes(address.address),
			);
		const all = [...listeners.values()];
		return all.find((one) => isAt(one, [ip])) ?? all.find((one) => isAt(one, ["0.0.0.0", "::"]));
	}

	function select(inboundOnly: boolean): Listener[] {
		const all = [...listeners.values()];
		return inboundOnly ? all.filter(({ config }) => config.trafficDirection === "inbound") : all;
	}

	async function apply(config: ListenerConfig): Promise<ResourceProblem | undefined> {
		const existing = listeners.get(config.name);
		if (existing !== undefined && hasSameAddresses(existing.config, config)) {
			replace(existing, config);
			return undefined;
		}
		const listener = new Listener(config, { ...deps, findListener });
		try {
			await listener.start();
		} catch (error) {
			listener.close();
			stats.listener_create_failure.value++;
			return { name: config.name, problem: describeError(error instanceof Error ? new Error(error.message) : error) };
		}
		listeners.set(config.name, listener);
		stats.listener_create_success.value++;
		if (existing === undefined) stats.listener_added.value++;
		else {
			stats.listener_modified.value++;
			retire(existing);
		}
		return undefined;
	}

	return {
		async applyListeners(added, removed) {
			for (const name of removed) {
				const listener = listeners.get(name);
				if (listener === undefined) continue;
				listeners.delete(name);
				stats.listener_removed.value++;
				retire(listener);
			}
			const problems: ResourceProblem[] = [];
			for (const config of added) {
				const problem = await apply(config);
				if (problem !== undefined) problems.push(problem);
			}
			countActive();
			return problems;
		},
		listeners: () => [...listeners.values()],
		announceDrain(inboundOnly) {
			for (const listener of select(inboundOnly)) listener.announceDrain();
		},
		stopAccepting(inboundOnly) {
			for (const listener of select(inboundOnly)) {
				if (stopped.has(listener)) continue;
				stopped.add(listener);
				listener.stopAccepting();
				stats.listener_stopped.value++;
			}
		},
		handOver() {
			for (const listener of listeners.values()) listener.handOver();
		},
		drain(decision) {
			for (const listener of listeners.values()) listener.drain(decision);
		},
		close() {
			for (const listener of [...listeners.values(), ...leaving]) listener.close();
			listeners.clear();
			leaving.clear();
			countActive();
		},
	};
}

function hasSameAddresses(before: ListenerConfig, after: ListenerConfig): boolean {
	const describe = ({ addresses, bindToPort }: ListenerConfig): string =>
		`${bindToPort} ${addresses.map((address: AddressConfig) => formatAddress(address)).join(" ")}`;
	return describe(before) === describe(after);
}
