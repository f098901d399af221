import type { Level } from "./priority-levels.ts";
import type { BalancedHost } from "./types.ts";

/** Hosts with their shares of the requests; shares add up to 1. */
export interface HostWeights<H extends BalancedHost> {
	readonly hosts: readonly H[];
	readonly shares: readonly number[];
	readonly minimum: number;
	readonly maximum: number;
}

/** The shares of a priority's hosts for consistent hashing: by weight, within localities by theirs when asked for. */
export function computeHostWeights<H extends BalancedHost>(
	level: Level<H>,
	isPanicking: boolean,
	localityWeighted: boolean,
): HostWeights<H> {
	const hosts: H[] = [];
	const shares: number[] = [];
	const add = (some: readonly H[], portion: number): void => {
		const total = some.reduce((sum, host) => sum + host.weight, 0);
		for (const host of some) {
			hosts.push(host);
			shares.push((host.weight * portion) / total);
		}
	};
	if (localityWeighted) {
		const total = level.localities.reduce((sum, locality) => sum + locality.weight, 0);
		for (const locality of level.localities) {
			if (locality.weight === 0) continue;
			const usable = isPanicking
				? locality.hosts
				: locality.hosts.filter((host) => host.health === "healthy" && !host.excluded);
			add(usable, locality.weight / total);
		}
	} else {
		// As in Envoy, degraded hosts get nothing by their hash.
		add(isPanicking ? level.all : level.healthy, 1);
	}
	let minimum = 1;
	let maximum = 0;
	for (const share of shares) {
		minimum = Math.min(minimum, share);
		maximum = Math.max(maximum, share);
	}
	return { hosts, shares, minimum, maximum };
}
