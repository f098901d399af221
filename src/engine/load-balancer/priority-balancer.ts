import type { Millis, Random } from "../../core/index.ts";
import { createHostPicker, type HostPicker, type PickerConfig } from "./host-picker.ts";
import { LocalitySchedule } from "./locality-schedule.ts";
import { PriorityLevels } from "./priority-levels.ts";
import type {
	AssignmentTerms,
	BalancedHost,
	BalancerContext,
	BalancerEnvironment,
	CommonBalancerConfig,
	LoadBalancer,
	LocalityHosts,
} from "./types.ts";
import { ZoneRouter } from "./zone-routing.ts";

/** A picker with the version of the list it was given. */
interface Slot<H extends BalancedHost> {
	readonly picker: HostPicker<H>;
	version: number;
}

interface LocalitySlot<H extends BalancedHost> {
	readonly schedule: LocalitySchedule<H>;
	version: number;
}

const Source = { all: 0, healthy: 1, degraded: 2 } as const;
type Source = (typeof Source)[keyof typeof Source];

/** Round robin, least request and random: a priority by load, a locality by weight when asked for, then a host. */
export class PriorityBalancer<H extends BalancedHost> implements LoadBalancer<H> {
	readonly #config: PickerConfig;
	readonly #common: CommonBalancerConfig;
	readonly #environment: BalancerEnvironment;
	readonly #zones: ZoneRouter<H> | undefined;
	readonly #levels: PriorityLevels<H>;
	/** By priority × 3 + source. */
	readonly #slots: (Slot<H> | undefined)[] = [];
	readonly #localitySlots: (LocalitySlot<H> | undefined)[] = [];
	/** Of zones of the first priority, by locality × 2 + whether degraded hosts are meant. */
	readonly #zoneSlots: (Slot<H> | undefined)[] = [];

	constructor(config: PickerConfig, common: CommonBalancerConfig, environment: BalancerEnvironment) {
		this.#config = config;
		this.#common = common;
		this.#environment = environment;
		const { localCluster, stats, runtime } = environment;
		this.#levels = new PriorityLevels(common, runtime);
		if (localCluster !== undefined)
			this.#zones = new ZoneRouter(common.zoneAware, localCluster, stats, runtime, () => this.#levels.panicThreshold);
	}

	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[], terms: AssignmentTerms): void {
		this.#levels.setHosts(priorities, terms);
		this.#slots.length = Math.min(this.#slots.length, priorities.length * 3);
		this.#localitySlots.length = Math.min(this.#localitySlots.length, priorities.length * 3);
		this.#refreshZones();
	}

	markChanged(priority: number): void {
		this.#levels.markChanged(priority);
		if (priority === 0) this.#refreshZones();
	}

	#refreshZones(): void {
		if (this.#zones === undefined) return;
		this.#levels.refresh();
		this.#zones.refresh(this.#levels.levels[0]);
	}

	choose(context: BalancerContext<H> | undefined, random: Random, now: Millis): H | undefined {
		this.#levels.refresh();
		const retries = context === undefined ? 0 : context.hostSelectionMaxAttempts;
		for (let attempt = 0; ; attempt++) {
			const host = this.#chooseOnce(context, random, now);
			if (host === undefined || attempt >= retries || !context!.shouldSelectAnotherHost(host)) return host;
		}
	}

	#chooseOnce(context: BalancerContext<H> | undefined, random: Random, now: Millis): H | undefined {
		const levels = this.#levels;
		const isSingle =
			levels.levels.length === 1 && levels.loads.healthy[0] === 100 && context?.forcedPriority === undefined;
		const priority = isSingle ? 0 : levels.choose(random.next() * 100, context);
		if (levels.isInPanic(priority)) {
			this.#environment.stats.lb_healthy_panic.value++;
			if (this.#common.zoneAware?.failTrafficOnPanic === true) return undefined;
			return this.#pick(priority, Source.all, random, now);
		}
		const source = !isSingle && levels.choseDegraded ? Source.degraded : Source.healthy;
		if (this.#common.localityWeighted) {
			const host = this.#pickByLocality(priority, source, random, now);
			if (host !== undefined) return host;
		}
		if (priority === 0 && this.#zones !== undefined) {
			this.#zones.refresh(levels.levels[0]);
			const zone = this.#zones.choose(random);
			if (zone === "none") return undefined;
			if (zone !== "any") return this.#pickInZone(zone, source, random, now);
		}
		return this.#pick(priority, source, random, now);
	}

	#pickInZone(zone: number, source: Source, random: Random, now: Millis): H | undefined {
		const { version } = this.#levels.levels[0]!;
		const isDegraded = source === Source.degraded;
		const index = zone * 2 + Number(isDegraded);
		let slot = this.#zoneSlots[index];
		if (slot === undefined) this.#zoneSlots[index] = slot = { picker: createHostPicker(this.#config), version: -1 };
		if (slot.version !== version) {
			const health = isDegraded ? "degraded" : "healthy";
			const { hosts } = this.#zones!.localities[zone]!;
			slot.picker.setHosts(
				hosts.filter((host) => host.health === health && !host.excluded),
				random,
				now,
			);
			slot.version = version;
		}
		return slot.picker.pick(random, now);
	}

	#pick(priority: number, source: Source, random: Random, now: Millis): H | undefined {
		const level = this.#levels.levels[priority];
		if (level === undefined) return undefined;
		const index = priority * 3 + source;
		let slot = this.#slots[index];
		if (slot === undefined) this.#slots[index] = slot = { picker: createHostPicker(this.#config), version: -1 };
		if (slot.version !== level.version) {
			const hosts = source === Source.all ? level.all : source === Source.healthy ? level.healthy : level.degraded;
			slot.picker.setHosts(hosts, random, now);
			slot.version = level.version;
		}
		return slot.picker.pick(random, now);
	}

	#pickByLocality(priority: number, source: Source, random: Random, now: Millis): H | undefined {
		const level = this.#levels.levels[priority];
		if (level === undefined) return undefined;
		const index = priority * 3 + source;
		let slot = this.#localitySlots[index];
		if (slot === undefined) {
			const health = source === Source.degraded ? "degraded" : "healthy";
			this.#localitySlots[index] = slot = { schedule: new LocalitySchedule(this.#config, health), version: -1 };
		}
		if (slot.version !== level.version) {
			slot.schedule.setLevel(level, this.#levels.overprovisioningFactor, random, now);
			slot.version = level.version;
		}
		return slot.schedule.pick(random, now);
	}
}
