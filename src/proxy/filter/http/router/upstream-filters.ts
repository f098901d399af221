import type { Cluster } from "../../../cluster/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import { LiveFilterChain } from "../live-filter-chain.ts";

/** The chains of HTTP filters that clusters bring. */
export class UpstreamFilters {
	readonly #context: DataPathContext;
	readonly #chains = new Map<Cluster, LiveFilterChain>();

	constructor(context: DataPathContext) {
		this.#context = context;
	}

	/** The chain of a cluster that has filters. */
	of(cluster: Cluster): LiveFilterChain {
		const known = this.#chains.get(cluster);
		if (known !== undefined) return known;
		const chain = new LiveFilterChain(cluster.config.http.filters ?? [], this.#context, cluster.statsScope);
		this.#chains.set(cluster, chain);
		return chain;
	}

	/** The cluster is gone. */
	drop(cluster: Cluster): void {
		this.#chains.get(cluster)?.close();
		this.#chains.delete(cluster);
	}
}
