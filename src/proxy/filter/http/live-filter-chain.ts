import type { StatsScope } from "../../../telemetry/index.ts";
import type { DataPathContext } from "../../data-path-context.ts";
import type { HttpFilterConfig } from "../../runtime-config/index.ts";
import { createHttpFilters } from "./create-filters.ts";
import { HttpFilterChain } from "./filter-chain.ts";

/** One chain as it is at the moment: made anew when a filter that is discovered comes. Requests that began earlier keep theirs. */
export class LiveFilterChain {
	current: HttpFilterChain;
	readonly #configs: readonly HttpFilterConfig[];
	readonly #context: DataPathContext;
	readonly #scope: StatsScope;
	readonly #stop: (() => void) | undefined;

	constructor(configs: readonly HttpFilterConfig[], context: DataPathContext, scope: StatsScope) {
		this.#configs = configs;
		this.#context = context;
		this.#scope = scope;
		this.current = this.#create();
		const names = new Set(configs.flatMap((config) => (config.kind === "discovered" ? [config.config.resource] : [])));
		if (names.size === 0) return;
		this.#stop = context.extensions.onChange((name) => {
			if (names.has(name)) this.#renew();
		});
	}

	close(): void {
		this.#stop?.();
		this.current.close();
	}

	#renew(): void {
		this.current.close();
		this.current = this.#create();
	}

	#create(): HttpFilterChain {
		const configs = this.#configs.map((config) => this.#resolve(config));
		return new HttpFilterChain(createHttpFilters(configs, this.#context, this.#scope));
	}

	/** What a filter is now; one that waits for its configuration stays what it is. */
	#resolve(config: HttpFilterConfig): HttpFilterConfig {
		if (config.kind !== "discovered") return config;
		const { disabled, name } = config;
		const found = this.#context.extensions.get(config.config.resource) ?? config.config.initial;
		return found === undefined ? config : { ...found, name, disabled };
	}
}
