import { assertNever, type Clock } from "../../../core/index.ts";
import type { Runtime } from "../../../engine/runtime/index.ts";
import { openSystemCalls } from "../../../os/index.ts";
import type { StatsScope } from "../../../telemetry/index.ts";
import type { ConnectionPredicate, ListenerFilterConfig } from "../../runtime-config/index.ts";
import {
	createConnectionRateLimitStats,
	createHttpInspectorStats,
	createProxyProtocolStats,
	createTlsInspectorStats,
} from "../../stats/index.ts";
import { ConnectionBucket } from "../connection-bucket.ts";
import { isEnabled } from "../runtime-flag.ts";
import { createHttpInspector } from "./http-inspector.ts";
import type { ListenerFilter, PendingConnection } from "./listener-filter.ts";
import { createOriginalDestination } from "./original-destination.ts";
import { createProxyProtocol } from "./proxy-protocol.ts";
import { createTlsInspector } from "./tls-inspector.ts";

/** What listener filters need of the proxy. */
export interface ListenerFilterContext {
	readonly clock: Clock;
	readonly runtime: Runtime;
	/** The root of the proxy's statistics. */
	readonly stats: StatsScope;
	/** Configurations that ECDS has delivered; nothing is discovered without it. */
	readonly extensions?: { getListenerFilter(name: string): ListenerFilterConfig | undefined };
}

/** Builds the filters of a listener, in their order. */
export function createListenerFilters(
	configs: readonly ListenerFilterConfig[],
	context: ListenerFilterContext,
): ListenerFilter[] {
	return configs.flatMap((config): ListenerFilter[] => {
		const filters = createFilter(config, context);
		const { disabledFor } = config;
		if (disabledFor === undefined) return filters;
		return filters.map((filter) => ({ ...filter, isSkipped: (connection) => holds(disabledFor, connection) }));
	});
}

function holds(predicate: ConnectionPredicate, connection: PendingConnection): boolean {
	switch (predicate.kind) {
		case "any":
			return true;
		case "or":
			return predicate.predicates.some((one) => holds(one, connection));
		case "and":
			return predicate.predicates.every((one) => holds(one, connection));
		case "not":
			return !holds(predicate.predicate, connection);
		case "destination-ports":
			return connection.local.port >= predicate.start && connection.local.port < predicate.end;
		default:
			return assertNever(predicate);
	}
}

function createFilter(config: ListenerFilterConfig, context: ListenerFilterContext): ListenerFilter[] {
	switch (config.kind) {
		case "tls-inspector":
			return [createTlsInspector(config, createTlsInspectorStats(context.stats.scope("tls_inspector")))];
		case "http-inspector":
			return [createHttpInspector(createHttpInspectorStats(context.stats.scope("http_inspector")))];
		case "proxy-protocol":
			return [createProxyProtocol(config.config, createProxyProtocolStats(context.stats, config.config.statPrefix))];
		case "discovered": {
			const found = context.extensions?.getListenerFilter(config.config.resource) ?? config.config.initial;
			return found === undefined ? [missingFilter] : createFilter(found, context);
		}
		case "original-dst": {
			const system = openSystemCalls();
			return system.ok ? [createOriginalDestination(system.calls)] : [];
		}
		case "local-ratelimit": {
			const { bucket, enabled, statPrefix } = config.config;
			const stats = createConnectionRateLimitStats(context.stats.scope(`listener_local_ratelimit.${statPrefix}`));
			const tokens = new ConnectionBucket(bucket, context.clock);
			return [
				{
					accept() {
						if (!isEnabled(enabled, context.runtime) || tokens.take()) return true;
						stats.rate_limited.value++;
						return false;
					},
				},
			];
		}
		default:
			return assertNever(config);
	}
}

/** Stands in for a filter whose configuration has not come and that has no default: every connection is refused. */
export const missingFilter: ListenerFilter = { accept: () => false };
