import type { Clock, Millis, Timer } from "../../core/index.ts";
import type { ClusterManagerStats } from "../stats/index.ts";

/** Holds back changes of health that come within `windowMs` of the last one, so that many of them make
 *  balancing look at the hosts once (`envoy.config.cluster.v3.Cluster.CommonLbConfig.update_merge_window`). The first one after a
 *  rest is never held back, and none for longer than the window. */
export class MergeWindow {
	readonly #windowMs: number;
	readonly #clock: Clock;
	readonly #openStats: () => ClusterManagerStats;
	#opened: ClusterManagerStats | undefined;
	readonly #deliver: (priority: number) => void;
	/** By priority; a cluster has at most 128. */
	readonly #changedAt: Millis[] = [];
	readonly #timers: (Timer | undefined)[] = [];

	/** `deliver` makes balancing look at a priority; `windowMs` of 0 holds nothing back. `openStats` is called with the first change:
	 *  most clusters of a large mesh never see one. */
	constructor(
		windowMs: number,
		clock: Clock,
		openStats: () => ClusterManagerStats,
		deliver: (priority: number) => void,
	) {
		this.#windowMs = windowMs;
		this.#clock = clock;
		this.#openStats = openStats;
		this.#deliver = deliver;
	}

	get #stats(): ClusterManagerStats {
		this.#opened ??= this.#openStats();
		return this.#opened;
	}

	/** The health of a host changed. As in Envoy every one of the cluster's `priorities` is held back for the window then, so that a
	 *  failover to the next one may wait for it too. */
	offer(priorities: number): void {
		for (let priority = 0; priority < priorities; priority++) this.#offer(priority);
	}

	#offer(priority: number): void {
		const now = this.#clock.now();
		const isWithin = now - (this.#changedAt[priority] ?? Number.NEGATIVE_INFINITY) <= this.#windowMs;
		if (this.#windowMs === 0 || !isWithin) {
			if (this.#windowMs > 0) this.#stats.update_out_of_merge_window.value++;
			this.#cancel(priority);
			this.#changedAt[priority] = now;
			this.#stats.cluster_updated.value++;
			this.#deliver(priority);
			return;
		}
		this.#timers[priority] ??= this.#clock.setTimer(
			this.#windowMs,
			() => {
				this.#timers[priority] = undefined;
				this.#changedAt[priority] = this.#clock.now();
				this.#stats.cluster_updated_via_merge.value++;
				this.#deliver(priority);
			},
			{ unref: true },
		);
	}

	/** Hosts came or went, and balancing has seen all `priorities` of the cluster: what is held back is done with. */
	onDelivered(priorities: number): void {
		const now = this.#clock.now();
		for (let priority = 0; priority < priorities; priority++) {
			this.#cancel(priority);
			this.#changedAt[priority] = now;
		}
	}

	close(): void {
		for (const timer of this.#timers) timer?.cancel();
		this.#timers.length = 0;
	}

	#cancel(priority: number): void {
		const timer = this.#timers[priority];
		if (timer === undefined) return;
		timer.cancel();
		this.#timers[priority] = undefined;
		this.#stats.update_merge_cancelled.value++;
	}
}
