import { type Clock, describeError, type Log, type Timer } from "../../core/index.ts";
import { clusterType } from "../../xds/client/index.ts";
import type { ConfigSourceConfig } from "../runtime-config/index.ts";
import type { Sources } from "./sources.ts";

/** A cluster that somebody has a request for. */
export interface ClusterQuery {
	readonly name: string;
	/** The server that may know it. */
	readonly source: ConfigSourceConfig;
	/** How long the request waits, above 0. */
	readonly timeoutMs: number;
}

/** What came of a query: `available` once the cluster is warm, `missing` when the server says that there is none, it is refused, or it is removed
 *  while it warms. */
export type DiscoveryOutcome = "available" | "missing" | "timeout";

/** Asks for a cluster when a request needs it. Spec: Envoy "on-demand CDS". */
export interface ClusterDiscovery {
	/** @param done called once, later, unless the returned function was called before */
	discover(query: ClusterQuery, done: (outcome: DiscoveryOutcome) => void): () => void;
}

/** The discovery of a configuration source, which tells it what becomes of clusters. */
export interface OnDemandClusters extends ClusterDiscovery {
	settled(name: string, outcome: DiscoveryOutcome): void;
	close(): void;
}

/** Bound on the names that are asked for at one time: requests may choose them. */
export const maxDiscoveredNames = 10_000;

interface Waiter {
	readonly timer: Timer;
	readonly done: (outcome: DiscoveryOutcome) => void;
}

interface OnDemandDeps {
	readonly sources: Pick<Sources, "ask" | "forget">;
	readonly clock: Clock;
	readonly log: Log;
}

/** Creates a discovery that nobody has asked yet. A name is subscribed to as long as its cluster exists, and no longer than that: who needs it
 *  later asks anew. */
export function createOnDemandClusters({ sources, clock, log }: OnDemandDeps): OnDemandClusters {
	const waiting = new Map<string, Set<Waiter>>();
	/** By name, the source that was asked; of clusters that exist as well. */
	const asked = new Map<string, ConfigSourceConfig>();

	function ask(name: string, source: ConfigSourceConfig): boolean {
		if (asked.size >= maxDiscoveredNames && !asked.has(name)) {
			log.warn("too many clusters are asked for", { cluster: name, limit: maxDiscoveredNames });
			return false;
		}
		try {
			sources.ask(clusterType, name, source);
		} catch (error) {
			log.error("a cluster cannot be asked for", { cluster: name, problem: describeError(error) });
			return false;
		}
		asked.set(name, source);
		return true;
	}

	return {
		discover({ name, source, timeoutMs }, done) {
			const waiters = waiting.get(name) ?? new Set();
			const end = (outcome: DiscoveryOutcome): void => {
				waiter.timer.cancel();
				if (waiters.delete(waiter)) done(outcome);
				if (waiters.size === 0 && waiting.get(name) === waiters) waiting.delete(name);
			};
			const waiter: Waiter = { done: end, timer: clock.setTimer(timeoutMs, () => end("timeout")) };
			waiters.add(waiter);
			waiting.set(name, waiters);
			if (waiters.size === 1 && !ask(name, source)) clock.setTimer(0, () => end("missing"));
			return () => {
				waiter.timer.cancel();
				waiters.delete(waiter);
				if (waiters.size === 0 && waiting.get(name) === waiters) waiting.delete(name);
			};
		},
		settled(name, outcome) {
			const source = asked.get(name);
			if (source === undefined) return;
			if (outcome !== "available") {
				asked.delete(name);
				sources.forget(clusterType, name, source);
			}
			for (const { done } of [...(waiting.get(name) ?? [])]) done(outcome);
		},
		close() {
			for (const waiters of waiting.values()) for (const { timer } of waiters) timer.cancel();
			waiting.clear();
			asked.clear();
		},
	};
}
