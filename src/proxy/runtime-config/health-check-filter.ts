import type { HealthCheck } from "../../api/gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.js";
import type { HeaderMatcher } from "../../engine/matcher/index.ts";
import { readHeaderMatchers } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** `envoy.extensions.filters.http.health_check.v3.HealthCheck`. */
export interface HealthCheckFilterConfig {
	/** Whether health checks go on to the upstream; else the proxy answers itself. */
	readonly passThrough: boolean;
	/** How long the upstream's answer stands for it; 0 asks it every time. */
	readonly cacheMs: number;
	/** Percent of healthy hosts that each cluster must have. */
	readonly minHealthyPercents: ReadonlyMap<string, number>;
	/** Which requests are health checks. */
	readonly headers: readonly HeaderMatcher[];
}

export function readHealthCheckFilter(message: HealthCheck, scope: Scope): HealthCheckFilterConfig {
	const passThrough = message.passThroughMode === true;
	const cacheMs = toMs(message.cacheTime, 0);
	if (!passThrough && cacheMs > 0) scope.at("cache_time").report("must not be set when pass_through_mode is off");
	const percents = Object.entries(message.clusterMinHealthyPercentages);
	return {
		passThrough,
		cacheMs,
		minHealthyPercents: new Map(percents.map(([name, { value }]) => [name, value])),
		headers: readHeaderMatchers(message.headers, scope, "headers"),
	};
}
