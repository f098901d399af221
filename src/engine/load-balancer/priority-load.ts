/** What the hosts of one priority amount to. */
export interface PriorityCounts {
	readonly hosts: number;
	/** Hosts that are not counted, see `BalancedHost.excluded`. */
	readonly excluded: number;
	readonly healthy: number;
	readonly degraded: number;
	/** The same by weight; only read under weighted priority health. */
	readonly countedWeight: number;
	readonly healthyWeight: number;
	readonly degradedWeight: number;
}

export interface PriorityLoadTerms {
	/** Percent. */
	readonly overprovisioningFactor: number;
	/** Percent; 0 turns panic off. */
	readonly panicThreshold: number;
	readonly weightedPriorityHealth: boolean;
}

/** Where requests go, in percent by priority; both lists together add up to 100. */
export interface PriorityLoads {
	readonly healthy: number[];
	readonly degraded: number[];
	/** Priorities with too few usable hosts: all their hosts are used. */
	readonly panic: boolean[];
}

/** Spreads the load over priorities as Envoy does: a priority takes what its availability times the overprovisioning factor
 *  allows, the rest spills to the next; what no healthy hosts take goes to degraded ones.
 *  `isUsable` takes priorities out of account (those that earlier tries used up). */
export function computePriorityLoads(
	priorities: readonly PriorityCounts[],
	terms: PriorityLoadTerms,
	isUsable?: (priority: number) => boolean,
): PriorityLoads {
	const count = Math.max(1, priorities.length);
	const zeros = (): number[] => new Array<number>(count).fill(0);
	const loads: PriorityLoads = { healthy: zeros(), degraded: zeros(), panic: new Array<boolean>(count).fill(false) };
	const healthyShares = zeros();
	const degradedShares = zeros();
	let total = 0;
	for (const [priority, counts] of priorities.entries()) {
		if (isUsable !== undefined && !isUsable(priority)) continue;
		healthyShares[priority] = computeAvailability(counts, terms, counts.healthy, counts.healthyWeight);
		degradedShares[priority] = computeAvailability(counts, terms, counts.degraded, counts.degradedWeight);
		total += healthyShares[priority]! + degradedShares[priority]!;
	}
	const available = Math.min(100, total);
	if (available > 0) {
		const healthy = distribute(loads.healthy, healthyShares, 100, available);
		const degraded = distribute(loads.degraded, degradedShares, healthy.rest, available);
		// What remains comes from rounding.
		if (healthy.first !== -1) loads.healthy[healthy.first]! += degraded.rest;
		else loads.degraded[degraded.first]! += degraded.rest;
	}
	if (available === 0 && terms.panicThreshold === 0) {
		// Nothing will be found there, but a load must lie somewhere.
		loads.healthy[0] = 100;
		return loads;
	}
	if (available < 100) {
		for (const [priority, counts] of priorities.entries())
			loads.panic[priority] = isInPanic(counts, terms.panicThreshold);
	}
	if (priorities.length === 0 || (available < 100 && loads.panic.every((panic) => panic)))
		spreadByHosts(loads, priorities);
	return loads;
}

function computeAvailability(counts: PriorityCounts, terms: PriorityLoadTerms, hosts: number, weight: number): number {
	const whole = terms.weightedPriorityHealth ? counts.countedWeight : counts.hosts - counts.excluded;
	const part = terms.weightedPriorityHealth ? weight : hosts;
	return whole <= 0 ? 0 : Math.min(100, Math.floor((terms.overprovisioningFactor * part) / whole));
}

function distribute(loads: number[], shares: readonly number[], load: number, available: number) {
	let first = -1;
	let rest = load;
	for (const [priority, share] of shares.entries()) {
		if (first === -1 && share > 0) first = priority;
		loads[priority] = Math.min(rest, Math.floor((share * 100) / available));
		rest -= loads[priority]!;
	}
	return { first, rest };
}

function isInPanic(counts: PriorityCounts, threshold: number): boolean {
	const whole = counts.hosts - counts.excluded;
	const percent = whole <= 0 ? 0 : (100 * (counts.healthy + counts.degraded)) / whole;
	return percent < threshold;
}

/** All priorities are in panic: each gets its share of the hosts, whatever their health. */
function spreadByHosts(loads: PriorityLoads, priorities: readonly PriorityCounts[]): void {
	const total = priorities.reduce((sum, counts) => sum + counts.hosts, 0);
	loads.degraded.fill(0);
	loads.healthy.fill(0);
	if (total === 0) {
		loads.healthy[0] = 100;
		return;
	}
	let rest = 100;
	for (const [priority, counts] of priorities.entries()) {
		loads.healthy[priority] = Math.floor((100 * counts.hosts) / total);
		rest -= loads.healthy[priority]!;
	}
	loads.healthy[priorities.findIndex((counts) => counts.hosts > 0)]! += rest;
}
