import type { Millis, Random } from "../../core/index.ts";
import { EdfScheduler } from "./edf-scheduler.ts";
import { createHostPicker, type HostPicker, type PickerConfig } from "./host-picker.ts";
import type { Level } from "./priority-levels.ts";
import type { BalancedHost, HostHealth } from "./types.ts";

interface LocalityEntry<H extends BalancedHost> {
	readonly weight: number;
	readonly picker: HostPicker<H>;
}

/** Locality-weighted choice within one priority: localities come up by weight times availability, then a host of it. */
export class LocalitySchedule<H extends BalancedHost> {
	readonly #config: PickerConfig;
	readonly #health: HostHealth;
	readonly #scheduler = new EdfScheduler();
	#entries: readonly LocalityEntry<H>[] = [];

	constructor(config: PickerConfig, health: HostHealth) {
		this.#config = config;
		this.#health = health;
	}

	setLevel(level: Level<H>, overprovisioningFactor: number, random: Random, now: Millis): void {
		const entries: LocalityEntry<H>[] = [];
		for (const locality of level.localities) {
			const hosts = locality.hosts.filter((host) => host.health === this.#health && !host.excluded);
			const weight = computeLocalityWeight(locality, hosts.length, overprovisioningFactor);
			if (weight === 0) continue;
			const picker = createHostPicker<H>(this.#config);
			picker.setHosts(hosts, random, now);
			entries.push({ weight, picker });
		}
		this.#entries = entries;
		this.#scheduler.reset(entries.length, (entry) => entries[entry]!.weight, random);
	}

	/** undefined when no locality has a weight: the caller then takes any host. */
	pick(random: Random, now: Millis): H | undefined {
		if (this.#entries.length === 0) return undefined;
		const entry = this.#entries[this.#scheduler.peek()]!;
		this.#scheduler.requeue(entry.weight);
		return entry.picker.pick(random, now);
	}
}

/** The weight a locality has with `eligible` of its hosts to choose from; 0 for none. */
export function computeLocalityWeight(
	locality: { readonly weight: number; readonly hosts: readonly BalancedHost[] },
	eligible: number,
	overprovisioningFactor: number,
): number {
	let counted = 0;
	for (const host of locality.hosts) if (!host.excluded) counted++;
	if (counted === 0) return 0;
	return locality.weight * Math.min(1, (overprovisioningFactor / 100) * (eligible / counted));
}
