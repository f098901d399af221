import { getRuntimeNumber, type Runtime } from "../runtime/index.ts";
import { computePriorityLoads, type PriorityCounts, type PriorityLoads } from "./priority-load.ts";
import type { AssignmentTerms, BalancedHost, BalancerContext, CommonBalancerConfig, LocalityHosts } from "./types.ts";

/** The hosts of one priority, sorted by what may be asked of them. */
export interface Level<H extends BalancedHost> {
	readonly localities: readonly LocalityHosts<H>[];
	readonly all: readonly H[];
	readonly healthy: readonly H[];
	readonly degraded: readonly H[];
	readonly counts: PriorityCounts;
	/** Grows whenever the lists were made anew. */
	readonly version: number;
}

/** The priorities of a cluster, and how much of the load goes where. Sorts hosts only of priorities that changed, and only when
 *  someone chooses. */
export class PriorityLevels<H extends BalancedHost> {
	readonly #common: CommonBalancerConfig;
	readonly #runtime: Runtime;
	#levels: Level<H>[] = [sortHosts<H>([], 0)];
	#terms: AssignmentTerms = { overprovisioningFactor: 140, weightedPriorityHealth: false };
	readonly #changed = new Set<number>();
	#isStale = true;
	#loads: PriorityLoads = { healthy: [100], degraded: [0], panic: [false] };
	#version = 0;
	/** Set by {@link choose}: whether the load meant is that of degraded hosts. */
	choseDegraded = false;

	constructor(common: CommonBalancerConfig, runtime: Runtime) {
		this.#common = common;
		this.#runtime = runtime;
	}

	/** Percent of usable hosts below which a priority uses all of them. */
	get panicThreshold(): number {
		const percent = Math.round(this.#common.healthyPanicThreshold);
		return Math.min(100, getRuntimeNumber(this.#runtime, "upstream.healthy_panic_threshold", percent));
	}

	get levels(): readonly Level<H>[] {
		return this.#levels;
	}

	get loads(): PriorityLoads {
		return this.#loads;
	}

	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[], terms: AssignmentTerms): void {
		this.#terms = terms;
		this.#changed.clear();
		// There is always a first priority: without hosts it panics, and that is counted.
		const known = priorities.length === 0 ? [[]] : priorities;
		this.#levels = known.map((localities) => sortHosts(localities, ++this.#version));
		this.#isStale = true;
	}

	markChanged(priority: number): void {
		this.#changed.add(priority);
		this.#isStale = true;
	}

	/** Takes in what changed. */
	refresh(): void {
		if (!this.#isStale) return;
		this.#isStale = false;
		for (const priority of this.#changed) {
			const level = this.#levels[priority];
			if (level !== undefined) this.#levels[priority] = sortHosts(level.localities, ++this.#version);
		}
		this.#changed.clear();
		this.#loads = this.#compute();
	}

	isInPanic(priority: number): boolean {
		return this.#loads.panic[priority] === true;
	}

	/** The priority for a number in [0, 100); {@link choseDegraded} says for which of its hosts. */
	choose(percent: number, context: BalancerContext<H> | undefined): number {
		const forced = context?.forcedPriority;
		if (forced !== undefined) {
			this.choseDegraded = forced.isDegraded;
			return forced.priority;
		}
		const attempted = context?.attemptedPriorities;
		const loads = attempted === undefined || attempted.length === 0 ? this.#loads : this.#computeWithout(attempted);
		let sum = 0;
		this.choseDegraded = false;
		for (let priority = 0; priority < loads.healthy.length; priority++) {
			sum += loads.healthy[priority]!;
			if (percent < sum) return priority;
		}
		this.choseDegraded = true;
		for (let priority = 0; priority < loads.degraded.length; priority++) {
			sum += loads.degraded[priority]!;
			if (percent < sum) return priority;
		}
		this.choseDegraded = false;
		return 0;
	}

	/** The loads when some priorities are used up; as ever when that leaves none. */
	#computeWithout(attempted: readonly number[]): PriorityLoads {
		const loads = this.#compute((priority) => !attempted.includes(priority));
		const isAvailable = (_load: number, priority: number): boolean => {
			const { healthy, degraded } = this.#levels[priority]?.counts ?? { healthy: 0, degraded: 0 };
			return !attempted.includes(priority) && healthy + degraded > 0;
		};
		return loads.healthy.some(isAvailable) ? loads : this.#loads;
	}

	#compute(isUsable?: (priority: number) => boolean): PriorityLoads {
		return computePriorityLoads(
			this.#levels.map((level) => level.counts),
			{
				overprovisioningFactor: this.#terms.overprovisioningFactor,
				panicThreshold: this.panicThreshold,
				weightedPriorityHealth: this.#terms.weightedPriorityHealth,
			},
			isUsable,
		);
	}

	/** The overprovisioning factor in force, for localities. */
	get overprovisioningFactor(): number {
		return this.#terms.overprovisioningFactor;
	}
}

function sortHosts<H extends BalancedHost>(localities: readonly LocalityHosts<H>[], version: number): Level<H> {
	const all: H[] = [];
	const healthy: H[] = [];
	const degraded: H[] = [];
	const counts = {
		hosts: 0,
		excluded: 0,
		healthy: 0,
		degraded: 0,
		countedWeight: 0,
		healthyWeight: 0,
		degradedWeight: 0,
	};
	for (const locality of localities) {
		for (const host of locality.hosts) {
			all.push(host);
			if (host.excluded) {
				counts.excluded++;
				continue;
			}
			counts.countedWeight += host.weight;
			if (host.health === "healthy") {
				healthy.push(host);
				counts.healthyWeight += host.weight;
			} else if (host.health === "degraded") {
				degraded.push(host);
				counts.degradedWeight += host.weight;
			}
		}
	}
	counts.hosts = all.length;
	counts.healthy = healthy.length;
	counts.degraded = degraded.length;
	return { localities, all, healthy, degraded, counts, version };
}
