import { setHeader } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { SessionStateConfig, StatefulSessionConfig } from "../../../runtime-config/index.ts";
import { createStatefulSessionStats, type StatefulSessionStats } from "../../../stats/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { routeConfigOf } from "../route-configs.ts";
import { isSessionPath, readSession, writeSessionHost } from "./session-state.ts";

/** A request's session. */
interface Session {
	readonly config: StatefulSessionConfig;
	/** Undefined: the path is not of the session, or there is nothing to keep it in. */
	readonly state: SessionStateConfig | undefined;
	readonly host: string | undefined;
}

/** Sends the requests of a session to one host. Spec: `envoy.extensions.filters.http.stateful_session.v3`. */
export function createStatefulSessionFilter(
	{ name, disabled, index, context, scope }: FilterParts,
	config: StatefulSessionConfig,
): HttpFilter {
	const { clock } = context;
	const stats = createStats(config, scope);
	const statsOfRoutes = new WeakMap<StatefulSessionConfig, StatefulSessionStats | undefined>();
	/** A route's config counts below no `http.<stat_prefix>`, as in Envoy. */
	const statsOf = (used: StatefulSessionConfig): StatefulSessionStats | undefined => {
		if (used === config) return stats;
		if (!statsOfRoutes.has(used)) statsOfRoutes.set(used, createStats(used, context.stats));
		return statsOfRoutes.get(used);
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const ofRoute = routeConfigOf(stream, name, "stateful-session");
			const used = ofRoute === undefined ? config : ofRoute.config;
			if (used === undefined) return "continue";
			const { request, record } = stream;
			const state = used.state !== undefined && isSessionPath(used.state, request.path) ? used.state : undefined;
			const found = state && readSession(state, request.headers, clock.wall());
			const host = found?.host;
			stream.setState(index, { config: used, state, host } satisfies Session);
			// What the client wrapped may be no header's value: the router judges whatever a filter made of a request.
			if (state?.kind === "envelope" && found?.rest !== undefined) setHeader(request.headers, state.name, found.rest);
			if (host !== undefined) {
				record.overrideHost = { address: host, isStrict: used.strict, missingStatus: used.missingHostStatus };
			}
			return "continue";
		},
		onResponseHead(stream, head) {
			const session = stream.getState(index) as Session | undefined;
			if (session === undefined) return;
			const { record } = stream;
			const upstream = record.upstreamHost;
			const counted = statsOf(session.config);
			if (session.state === undefined) {
				if (upstream !== undefined && counted !== undefined) counted.no_session.value++;
				return;
			}
			if (upstream === undefined) {
				const isMissing = (record.responseFlags & ResponseFlag.noHealthyUpstream) !== 0;
				if (isMissing && session.config.strict && counted !== undefined) counted.failed_closed.value++;
				return;
			}
			const isChanged = writeSessionHost(session.state, head.headers, session.host, upstream.address, clock.wall());
			if (counted === undefined) return;
			if (!isChanged) counted.routed.value++;
			else if (!session.config.strict) counted.failed_open.value++;
		},
	};
}

function createStats({ statPrefix }: StatefulSessionConfig, scope: StatsScope): StatefulSessionStats | undefined {
	return statPrefix === "" ? undefined : createStatefulSessionStats(scope.scope(`stateful_session.${statPrefix}`));
}
