import type { Millis, Random } from "../../core/index.ts";
import { BoundedLoadTable } from "./bounded-load.ts";
import { HashRing } from "./hash-ring.ts";
import { computeHostWeights, type HostWeights } from "./host-weights.ts";
import { MaglevTable } from "./maglev-table.ts";
import { PriorityLevels } from "./priority-levels.ts";
import type {
	AssignmentTerms,
	BalancedHost,
	BalancerConfig,
	BalancerContext,
	BalancerEnvironment,
	CommonBalancerConfig,
	LoadBalancer,
	LocalityHosts,
} from "./types.ts";

/** From a hash to a host; the same for the same hosts. */
export interface HashTable<H extends BalancedHost> {
	/** `attempt` above 0 leads to another host, mostly. */
	pick(hash: bigint, attempt: number): H | undefined;
}

/** The balancing policies that go by a hash. */
export type HashBalancerConfig = Extract<BalancerConfig, { kind: "ring-hash" | "maglev" }>;

interface Slot<H extends BalancedHost> {
	readonly table: HashTable<H>;
	readonly version: number;
	readonly isPanicking: boolean;
}

/** Ring hash and maglev: the hash decides the priority, then the host by that priority's table. */
export class ConsistentHashBalancer<H extends BalancedHost> implements LoadBalancer<H> {
	readonly #config: HashBalancerConfig;
	readonly #common: CommonBalancerConfig;
	readonly #environment: BalancerEnvironment;
	readonly #levels: PriorityLevels<H>;
	readonly #slots: (Slot<H> | undefined)[] = [];

	constructor(config: HashBalancerConfig, common: CommonBalancerConfig, environment: BalancerEnvironment) {
		this.#config = config;
		this.#common = common;
		this.#environment = environment;
		this.#levels = new PriorityLevels(common, environment.runtime);
	}

	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[], terms: AssignmentTerms): void {
		this.#levels.setHosts(priorities, terms);
		this.#slots.length = Math.min(this.#slots.length, priorities.length);
		this.#levels.refresh();
		// Made at once, not by the first request that needs them.
		for (let priority = 0; priority < priorities.length; priority++) this.#tableOf(priority);
	}

	markChanged(priority: number): void {
		this.#levels.markChanged(priority);
	}

	choose(context: BalancerContext<H> | undefined, random: Random, _now: Millis): H | undefined {
		const levels = this.#levels;
		levels.refresh();
		const hash = context?.hash ?? drawHash(random);
		const priority = levels.choose(Number(hash % 100n), context);
		if (levels.isInPanic(priority)) this.#environment.stats.lb_healthy_panic.value++;
		const table = this.#tableOf(priority);
		if (table === undefined) return undefined;
		const retries = context === undefined ? 0 : context.hostSelectionMaxAttempts;
		for (let attempt = 0; ; attempt++) {
			const host = table.pick(hash, attempt);
			if (host === undefined || attempt >= retries || !context!.shouldSelectAnotherHost(host)) return host;
		}
	}

	#tableOf(priority: number): HashTable<H> | undefined {
		const level = this.#levels.levels[priority];
		if (level === undefined) return undefined;
		const isPanicking = this.#levels.isInPanic(priority);
		let slot = this.#slots[priority];
		if (slot === undefined || slot.version !== level.version || slot.isPanicking !== isPanicking) {
			const weights = computeHostWeights(level, isPanicking, this.#common.localityWeighted);
			slot = { table: this.#createTable(weights), version: level.version, isPanicking };
			this.#slots[priority] = slot;
		}
		return slot.table;
	}

	#createTable(weights: HostWeights<H>): HashTable<H> {
		const config = this.#config;
		const table =
			config.kind === "ring-hash" ? new HashRing(config, weights) : new MaglevTable(config.tableSize, weights);
		if (weights.hosts.length > 0) this.#show(table.size, table.owners, weights.hosts);
		if (config.hashBalanceFactor === 0) return table;
		return new BoundedLoadTable(table, weights, config.hashBalanceFactor, this.#environment.stats.upstream_rq_active);
	}

	#show(size: number, owners: readonly H[], hosts: readonly H[]): void {
		const gauges = this.#environment.tableGauges;
		if (gauges === undefined) return;
		const counts = new Map<H, number>(hosts.map((host) => [host, 0]));
		for (const owner of owners) counts.set(owner, counts.get(owner)! + 1);
		let minimum = size;
		let maximum = 0;
		for (const count of counts.values()) {
			minimum = Math.min(minimum, count);
			maximum = Math.max(maximum, count);
		}
		if (gauges.size !== undefined) gauges.size.value = size;
		gauges.minimum.value = minimum;
		gauges.maximum.value = maximum;
	}
}

function drawHash(random: Random): bigint {
	const draw = (): bigint => BigInt(Math.floor(random.next() * 0x1_0000_0000));
	return (draw() << 32n) | draw();
}
