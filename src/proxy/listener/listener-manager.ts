import { describeError } from "../../core/index.ts";
import type { ListenerTarget, ResourceProblem } from "../config-source/index.ts";
import type { AddressConfig, ListenerConfig } from "../runtime-config/index.ts";
import { createListenerManagerStats } from "../stats/index.ts";
import { formatAddress, Listener, type ListenerDependencies } from "./listener.ts";

/** All listeners of a proxy. */
export interface ListenerManager extends ListenerTarget {
	listeners(): readonly Listener[];
	/** Asks open connections to end with their next response, and goes on accepting. */
	announceDrain(): void;
	/** Accepts nothing more; open connections end gracefully. */
	drain(): void;
	/** Ends everything. */
	close(): void;
}

/** Creates a manager without listeners. */
export function createListenerManager(deps: ListenerDependencies): ListenerManager {
	const listeners = new Map<string, Listener>();
	const leaving = new Set<Listener>();
	const stats = createListenerManagerStats(deps.stats.scope("listener_manager"));
	stats.workers_started.value = 1;
	const countActive = (): void => {
		stats.total_listeners_active.value = listeners.size;
	};

	/** Stops accepting at once and drops the listener when its connections ended or had their time. */
	function retire(listener: Listener): void {
		leaving.add(listener);
		stats.total_listeners_draining.value = leaving.size;
		listener.drain();
		deps.clock.setTimer(
			listener.activeConnections === 0 ? 0 : deps.drainTimeMs,
			() => {
				leaving.delete(listener);
				stats.total_listeners_draining.value = leaving.size;
				listener.close();
			},
			{ unref: true },
		);
	}

	async function apply(config: ListenerConfig): Promise<ResourceProblem | undefined> {
		const existing = listeners.get(config.name);
		if (existing !== undefined && hasSameAddresses(existing.config, config)) {
			existing.replace(config);
			stats.listener_modified.value++;
			return undefined;
		}
		const listener = new Listener(config, deps);
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
		announceDrain() {
			for (const listener of listeners.values()) listener.announceDrain();
		},
		drain() {
			for (const listener of listeners.values()) listener.drain();
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
