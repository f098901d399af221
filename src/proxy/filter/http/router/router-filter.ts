import type { DataPathContext } from "../../../data-path-context.ts";
import type { RouterFilterConfig } from "../../../runtime-config/index.ts";
import type { RouterStats } from "../../../stats/index.ts";

/** What all router streams of a chain share. */
export class RouterFilter {
	readonly context: DataPathContext;
	readonly stats: RouterStats;
	/** Whether `x-envoy-*` headers go to upstream and downstream. */
	readonly sendsEnvoyHeaders: boolean;
	readonly respectsExpectedTimeout: boolean;
	readonly bufferLimitBytes: number;

	constructor(
		config: RouterFilterConfig | undefined,
		manager: {
			readonly context: DataPathContext;
			readonly routerStats: RouterStats;
			readonly bufferLimitBytes: number;
		},
	) {
		this.context = manager.context;
		this.stats = manager.routerStats;
		this.bufferLimitBytes = manager.bufferLimitBytes;
		this.sendsEnvoyHeaders = config?.suppressEnvoyHeaders !== true;
		this.respectsExpectedTimeout = config?.respectExpectedRequestTimeout === true;
	}
}
