import type { StatsScope } from "../../../../telemetry/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { HttpConnectionManagerConfig, HttpFilterConfig } from "../../../runtime-config/index.ts";
import { createHttpFilters } from "../../http/create-filters.ts";
import { HttpFilterChain } from "../../http/filter-chain.ts";

/** The filters of a connection manager: its own chain, and those that upgrades have in its place. A chain with filters that are
 *  discovered is made anew when one of them comes; requests that began earlier keep theirs. */
export class FilterChains {
	readonly #own: FilterChain;
	/** By the upgrade's type, in lower case. */
	readonly #ofUpgrades = new Map<string, FilterChain>();
	readonly #stop: () => void;

	constructor(config: HttpConnectionManagerConfig, context: DataPathContext, scope: StatsScope) {
		this.#own = new FilterChain(config.filters, context, scope);
		for (const { type, filters } of config.upgrades) {
			if (filters !== undefined) this.#ofUpgrades.set(type, new FilterChain(filters, context, scope));
		}
		const chains = [this.#own, ...this.#ofUpgrades.values()];
		this.#stop = chains.some(({ names }) => names.size > 0)
			? context.extensions.onChange((name) => {
					for (const chain of chains) if (chain.names.has(name)) chain.renew();
				})
			: () => undefined;
	}

	/** The chain of requests that become `upgrade`; undefined for those that stay what they are. */
	of(upgrade: string | undefined): HttpFilterChain {
		if (upgrade === undefined || this.#ofUpgrades.size === 0) return this.#own.current;
		return (this.#ofUpgrades.get(upgrade.toLowerCase()) ?? this.#own).current;
	}

	close(): void {
		this.#stop();
		this.#own.current.close();
		for (const chain of this.#ofUpgrades.values()) chain.current.close();
	}
}

/** One chain as it is at the moment. */
class FilterChain {
	/** Of the filters that are discovered. */
	readonly names: ReadonlySet<string>;
	current: HttpFilterChain;
	readonly #configs: readonly HttpFilterConfig[];
	readonly #context: DataPathContext;
	readonly #scope: StatsScope;

	constructor(configs: readonly HttpFilterConfig[], context: DataPathContext, scope: StatsScope) {
		this.names = new Set(configs.flatMap(({ kind, name }) => (kind === "discovered" ? [name] : [])));
		this.#configs = configs;
		this.#context = context;
		this.#scope = scope;
		this.current = this.#create();
	}

	renew(): void {
		this.current.close();
		this.current = this.#create();
	}

	#create(): HttpFilterChain {
		const configs = this.names.size === 0 ? this.#configs : this.#configs.map((config) => this.#resolve(config));
		return new HttpFilterChain(createHttpFilters(configs, this.#context, this.#scope));
	}

	/** What a filter is now; one that waits for its configuration stays what it is. */
	#resolve(config: HttpFilterConfig): HttpFilterConfig {
		if (config.kind !== "discovered") return config;
		const { disabled, name } = config;
		const found = this.#context.extensions.get(name) ?? config.config.initial;
		return found === undefined ? config : { ...found, name, disabled };
	}
}
