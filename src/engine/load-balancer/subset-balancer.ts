import type { Millis, Random } from "../../core/index.ts";
import type { JsonObject, JsonValue } from "../matcher/metadata.ts";
import type { MetadataCriteria } from "../matcher/types.ts";
import { describeSubset, describeValue, listSubsets, meetsCriteria, pickKeys } from "./subset-key.ts";
import type {
	AssignmentTerms,
	BalancedHost,
	BalancerContext,
	BalancerStats,
	LoadBalancer,
	LocalityHosts,
	SubsetConfig,
} from "./types.ts";

type Selector = SubsetConfig["selectors"][number];

/** What criteria lead to: their subset, if there is one, and the selector with just their keys. */
interface Resolution<H extends BalancedHost> {
	readonly subset: LoadBalancer<H> | undefined;
	readonly selector: Selector | undefined;
}

/** The hosts of a subset by priority and locality. */
interface Members<H extends BalancedHost> {
	readonly isSingle: boolean;
	readonly hosts: (H[] | undefined)[][];
}

/** Envoy counts the subsets of its main thread and of its worker. */
const threads = 2;

const fallbackListKey = "fallback_list";

/** Splits the hosts by values in their `envoy.lb` metadata; a request's criteria choose the subset, which has a balancer of its
 *  own. What to do without a match is a policy of the selector, else of the cluster. */
export class SubsetBalancer<H extends BalancedHost> implements LoadBalancer<H> {
	readonly #config: SubsetConfig;
	readonly #stats: BalancerStats;
	readonly #create: () => LoadBalancer<H>;
	readonly #subsets = new Map<string, LoadBalancer<H>>();
	/** Selectors by their keys. */
	readonly #selectors: ReadonlyMap<string, Selector>;
	readonly #any: LoadBalancer<H>;
	readonly #default: LoadBalancer<H>;
	/** Criteria are objects of the route configuration, so most requests find theirs here. */
	#resolved = new WeakMap<MetadataCriteria, Resolution<H>>();

	/** `create` makes the balancer of one subset. */
	constructor(config: SubsetConfig, stats: BalancerStats, create: () => LoadBalancer<H>) {
		this.#config = config;
		this.#stats = stats;
		this.#create = create;
		this.#any = create();
		this.#default = create();
		this.#selectors = new Map(config.selectors.map((selector) => [selector.keys.join("\0"), selector]));
	}

	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[], terms: AssignmentTerms): void {
		this.#resolved = new WeakMap();
		const collected = this.#collect(priorities);
		for (const [key, members] of collected) {
			let subset = this.#subsets.get(key);
			if (subset === undefined) {
				subset = members.isSingle ? new SingleHostBalancer() : this.#create();
				this.#subsets.set(key, subset);
				this.#stats.lb_subsets_created.value += threads;
				this.#stats.lb_subsets_active.value += threads;
			}
			subset.setHosts(this.#place(priorities, members.hosts), terms);
		}
		for (const key of this.#subsets.keys()) {
			if (collected.has(key)) continue;
			this.#subsets.delete(key);
			this.#stats.lb_subsets_removed.value += threads;
			this.#stats.lb_subsets_active.value -= threads;
		}
		this.#any.setHosts(this.#filter(priorities, undefined), terms);
		this.#default.setHosts(this.#filter(priorities, this.#config.defaultSubset), terms);
	}

	markChanged(priority: number): void {
		this.#any.markChanged(priority);
		this.#default.markChanged(priority);
		for (const subset of this.#subsets.values()) subset.markChanged(priority);
	}

	choose(context: BalancerContext<H> | undefined, random: Random, now: Millis): H | undefined {
		const criteria = context?.metadataMatch;
		const alternatives = this.#config.metadataFallback ? criteria?.[fallbackListKey] : undefined;
		if (criteria === undefined || !Array.isArray(alternatives)) return this.#choose(criteria, context, random, now);
		const { [fallbackListKey]: _list, ...rest } = criteria;
		if (alternatives.length === 0) return this.#choose(rest, context, random, now);
		for (const alternative of alternatives as readonly JsonValue[]) {
			if (typeof alternative !== "object" || alternative === null || Array.isArray(alternative)) continue;
			const host = this.#choose({ ...rest, ...(alternative as JsonObject) }, context, random, now);
			if (host !== undefined) return host;
		}
		return undefined;
	}

	#choose(
		criteria: MetadataCriteria | undefined,
		context: BalancerContext<H> | undefined,
		random: Random,
		now: Millis,
	): H | undefined {
		if (criteria !== undefined) {
			const { subset, selector } = this.#resolve(criteria);
			if (subset !== undefined) {
				this.#stats.lb_subsets_selected.value++;
				return subset.choose(context, random, now);
			}
			switch (selector?.fallback) {
				case "none":
					return undefined;
				case "any-endpoint":
					return this.#any.choose(context, random, now);
				case "default-subset":
					return this.#default.choose(context, random, now);
				case "keys-subset":
					return this.#choose(pickKeys(criteria, selector.fallbackKeys), context, random, now);
			}
		}
		if (this.#config.fallback === "none") return undefined;
		const fallback = this.#config.fallback === "any-endpoint" ? this.#any : this.#default;
		const host = fallback.choose(context, random, now);
		if (host !== undefined) {
			this.#stats.lb_subsets_fallback.value++;
			return host;
		}
		if (!this.#config.panicModeAny) return undefined;
		const last = this.#any.choose(context, random, now);
		if (last !== undefined) this.#stats.lb_subsets_fallback_panic.value++;
		return last;
	}

	#resolve(criteria: MetadataCriteria): Resolution<H> {
		const known = this.#resolved.get(criteria);
		if (known !== undefined) return known;
		const given = Object.keys(criteria);
		const reduced = this.#config.allowRedundantKeys
			? this.#config.selectors.find((selector) => selector.keys.every((key) => given.includes(key)))?.keys
			: undefined;
		const keys = reduced ?? given.sort();
		const values = keys.map((key) => describeValue(criteria[key]!));
		const resolution = {
			subset: this.#subsets.get(describeSubset(keys, values)),
			selector: this.#selectors.get(keys.join("\0")),
		};
		this.#resolved.set(criteria, resolution);
		return resolution;
	}

	/** The hosts of each subset, by priority and locality. */
	#collect(priorities: readonly (readonly LocalityHosts<H>[])[]): Map<string, Members<H>> {
		const collected = new Map<string, Members<H>>();
		let duplicates = 0;
		for (const [priority, localities] of priorities.entries()) {
			for (const [index, locality] of localities.entries()) {
				for (const host of locality.hosts) {
					for (const selector of this.#config.selectors) {
						const labels = host.metadata["envoy.lb"];
						for (const key of listSubsets(selector.keys, labels, this.#config.listAsAny)) {
							const known = collected.get(key);
							if (known?.isSingle === true) {
								duplicates++;
								continue;
							}
							const members = known ?? { isSingle: selector.singleHostPerSubset, hosts: [] };
							collected.set(key, members);
							members.hosts[priority] ??= [];
							members.hosts[priority][index] ??= [];
							members.hosts[priority][index].push(host);
						}
					}
				}
			}
		}
		this.#stats.lb_subsets_single_host_per_subset_duplicate.value = duplicates;
		return collected;
	}

	#place(
		priorities: readonly (readonly LocalityHosts<H>[])[],
		members: readonly (readonly (H[] | undefined)[])[],
	): LocalityHosts<H>[][] {
		return priorities.map((localities, priority) =>
			localities.map((locality, index) => {
				const hosts = members[priority]?.[index] ?? [];
				return { name: locality.name, weight: this.#weightOf(locality, hosts.length), hosts };
			}),
		);
	}

	#filter(
		priorities: readonly (readonly LocalityHosts<H>[])[],
		criteria: MetadataCriteria | undefined,
	): LocalityHosts<H>[][] {
		return priorities.map((localities) =>
			localities.map((locality) => {
				const hosts =
					criteria === undefined
						? locality.hosts
						: locality.hosts.filter((host) =>
								meetsCriteria(criteria, host.metadata["envoy.lb"], this.#config.listAsAny),
							);
				return { name: locality.name, weight: this.#weightOf(locality, hosts.length), hosts };
			}),
		);
	}

	#weightOf(locality: LocalityHosts<H>, count: number): number {
		if (!this.#config.scaleLocalityWeight || locality.weight === 0 || locality.hosts.length === 0)
			return locality.weight;
		return Math.max(1, Math.round((locality.weight * count) / locality.hosts.length));
	}
}

/** A subset that is one host, whatever its health. */
class SingleHostBalancer<H extends BalancedHost> implements LoadBalancer<H> {
	#host: H | undefined;

	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[]): void {
		this.#host = priorities.flat().find(({ hosts }) => hosts.length > 0)?.hosts[0];
	}

	markChanged(): void {
		// Its health does not matter.
	}

	choose(): H | undefined {
		return this.#host;
	}
}
