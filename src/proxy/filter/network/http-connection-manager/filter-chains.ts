import type { StatsScope } from "../../../../telemetry/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import type { HttpFilterChain } from "../../http/filter-chain.ts";
import { LiveFilterChain } from "../../http/live-filter-chain.ts";

/** The filters of a connection manager: its own chain, and those that upgrades have in its place. */
export class FilterChains {
	readonly #own: LiveFilterChain;
	/** By the upgrade's type, in lower case. */
	readonly #ofUpgrades = new Map<string, LiveFilterChain>();

	constructor(config: HttpConnectionManagerConfig, context: DataPathContext, scope: StatsScope) {
		this.#own = new LiveFilterChain(config.filters, context, scope);
		for (const { type, filters } of config.upgrades) {
			if (filters !== undefined) this.#ofUpgrades.set(type, new LiveFilterChain(filters, context, scope));
		}
	}

	/** The chain of requests that become `upgrade`; undefined for those that stay what they are. */
	of(upgrade: string | undefined): HttpFilterChain {
		if (upgrade === undefined || this.#ofUpgrades.size === 0) return this.#own.current;
		return (this.#ofUpgrades.get(upgrade.toLowerCase()) ?? this.#own).current;
	}

	close(): void {
		this.#own.close();
		for (const chain of this.#ofUpgrades.values()) chain.close();
	}
}
