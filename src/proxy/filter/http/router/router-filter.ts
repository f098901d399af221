import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { Cluster } from "../../../cluster/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { RouterFilterConfig } from "../../../runtime-config/index.ts";
import type { RouterStats, VirtualClusterStats } from "../../../stats/index.ts";
import { LiveFilterChain } from "../live-filter-chain.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { ResponseAccounting } from "./response-accounting.ts";
import { UpstreamLogs } from "./upstream-logs.ts";

/** What all router streams of a chain share. */
export class RouterFilter {
	readonly context: DataPathContext;
	/** False: the chain has no router, and nobody answers, as in Envoy. */
	readonly isInChain: boolean;
	readonly stats: RouterStats;
	/** Whether `x-envoy-*` headers go to upstream and downstream. */
	readonly sendsEnvoyHeaders: boolean;
	readonly respectsExpectedTimeout: boolean;
	/** Whether answers are counted by code and timed. */
	readonly countsResponses: boolean;
	/** Whether a request's scheme becomes that of its upstream. */
	readonly matchesScheme: boolean;
	readonly bufferLimitBytes: number;
	/** Headers that must make sense. */
	readonly strictHeaders: readonly string[];
	/** Of every attempt. */
	readonly upstreamLogs: UpstreamLogs | undefined;
	/** For upstreams without filters of their own. */
	readonly #upstreamFilters: LiveFilterChain | undefined;

	constructor(
		config: RouterFilterConfig | undefined,
		manager: {
			readonly context: DataPathContext;
			readonly routerStats: RouterStats;
			readonly bufferLimitBytes: number;
			readonly config: { readonly schemeMatchUpstream: boolean };
		},
		scope: StatsScope,
	) {
		this.context = manager.context;
		this.isInChain = config !== undefined;
		this.stats = manager.routerStats;
		this.upstreamLogs = UpstreamLogs.create(config, manager.context);
		if (config !== undefined && config.upstreamFilters.length > 0)
			this.#upstreamFilters = new LiveFilterChain(config.upstreamFilters, manager.context, scope);
		this.bufferLimitBytes = manager.bufferLimitBytes;
		this.matchesScheme = manager.config.schemeMatchUpstream;
		this.sendsEnvoyHeaders = config?.suppressEnvoyHeaders !== true;
		this.countsResponses = config?.dynamicStats !== false;
		this.strictHeaders = config?.strictCheckHeaders ?? [];
		this.respectsExpectedTimeout = config?.respectExpectedRequestTimeout === true;
	}

	/** The HTTP filters of attempts at a cluster: its own, else those of the router. */
	upstreamFiltersOf(cluster: Cluster): LiveFilterChain | undefined {
		if (cluster.config.http.filters === undefined) return this.#upstreamFilters;
		return this.context.upstreamFilters.of(cluster);
	}

	close(): void {
		this.#upstreamFilters?.close();
	}

	/** Begins to count the answers of a request; those of health checks are not counted. */
	account(
		cluster: Cluster,
		request: PassRequestHead,
		record: StreamInfo,
		routes: readonly VirtualClusterStats[],
	): ResponseAccounting {
		return new ResponseAccounting(cluster, request, routes, record.healthCheck || !this.countsResponses);
	}
}
