import type { StatsScope } from "../../telemetry/index.ts";

/** `overload.*`. */
export function createOverloadStats(scope: StatsScope) {
	return { refresh_interval_delay: scope.histogram("refresh_interval_delay") };
}

/** `overload.<resource>.*`. */
export function createResourceStats(scope: StatsScope) {
	return {
		pressure: scope.gauge("pressure"),
		failed_updates: scope.counter("failed_updates"),
		skipped_updates: scope.counter("skipped_updates"),
	};
}

/** `overload.<action>.*`. */
export function createOverloadActionStats(scope: StatsScope) {
	return { active: scope.gauge("active"), scale_percent: scope.gauge("scale_percent") };
}

/** `overload.<load shed point>.*`. */
export function createShedPointStats(scope: StatsScope) {
	return { scale_percent: scope.gauge("scale_percent"), shed_load_count: scope.counter("shed_load_count") };
}

/** `overload.envoy.overload_actions.shrink_heap.*`, beside those of every action. */
export function createHeapShrinkerStats(scope: StatsScope) {
	return { shrink_count: scope.counter("shrink_count") };
}
