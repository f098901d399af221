import { FilterConfigSchema } from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { formatLimitName, type RateLimit, type RateLimitPolicy } from "../../../model/index.ts";
import type { HttpFilterInit, ProxyKind } from "../http-connection-manager.ts";
import { type Audience, reasonHeader } from "../local-reply.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { packAny } from "../messages.ts";
import type { EnforcedLimit } from "./enforced-limit.ts";
import { globalLimitFilters } from "./global-filter.ts";
import { keyFilters } from "./key-filter.ts";
import { localLimitFilter } from "./local-filter.ts";
import { limitFilterName } from "./names.ts";

const enabled = packAny(FilterConfigSchema, { config: {} });

/** Where limits are enforced. */
export interface LimitPlace {
	readonly kind: ProxyKind;
	/** Who is answered: callers that the mesh knows are told which limit it was. */
	readonly audience: Audience;
	/** See `EnforcedLimit`. */
	readonly caller?: string;
	readonly node?: string;
	/** Proxies that enforce a policy. */
	readonly proxiesOf: (policy: RateLimitPolicy) => number;
	/** Off but for the routes that turn them on. */
	readonly onRoutes?: boolean;
}

/** The HTTP filters of policies: local limits first, so that what they refuse takes nothing from budgets that are shared. */
export function limitHttpFilters(
	index: MeshIndex,
	policies: readonly RateLimitPolicy[],
	place: LimitPlace,
): HttpFilterInit[] {
	const enforced = policies
		.flatMap((policy) => policy.limits.map((limit) => describeLimit(index, policy, limit, place)))
		.sort((a, b) => Number(a.limit.scope === "global") - Number(b.limit.scope === "global"));
	const filters = enforced.flatMap((limit) =>
		limit.limit.scope === "global" ? globalLimitFilters(limit) : [localLimitFilter(limit)],
	);
	const shown = place.onRoutes === true ? filters.map((filter) => ({ ...filter, disabled: true })) : filters;
	const keys = enforced
		.flatMap(({ limit }) => limit.keys)
		.filter(({ kind }) => kind === "header" || place.caller === undefined);
	return [...keyFilters(keys), ...shown];
}

/** Filters without those whose name came before: a policy may be for a gateway and for a route there. */
export function distinctByName(filters: readonly HttpFilterInit[]): HttpFilterInit[] {
	return [...new Map([...filters].reverse().map((filter) => [filter.name, filter])).values()].reverse();
}

/** What a route says of the limits that are for it: their filters are on. */
export function limitRouteConfig(limits: readonly string[]) {
	return Object.fromEntries(limits.map((name) => [limitFilterName(name), enabled]));
}

/** Whether policies compare paths, so that they must be made plain first. */
export function limitsComparePaths(policies: readonly RateLimitPolicy[]): boolean {
	return policies.some(({ limits }) => limits.some(({ match }) => match.paths.length > 0));
}

/** Whether any limit takes leases. */
export function hasGlobalLimit(policies: readonly RateLimitPolicy[]): boolean {
	return policies.some(({ limits }) => limits.some(({ scope }) => scope === "global"));
}

function describeLimit(index: MeshIndex, policy: RateLimitPolicy, limit: RateLimit, place: LimitPlace): EnforcedLimit {
	const what = `RateLimitPolicy ${policy.namespace}/${policy.name}, limit ${limit.name}`;
	const isTold = place.audience === "mesh";
	// A token comes after so many seconds when all are gone.
	const retryAfter = String(Math.max(1, Math.ceil(limit.unitSeconds / limit.requests)));
	return {
		limit,
		kind: place.kind,
		name: formatLimitName(policy, limit),
		trustDomain: index.mesh.settings.trustDomain,
		caller: place.caller,
		node: place.node,
		proxies: place.proxiesOf(policy),
		answer: {
			body: isTold ? `too many requests: ${what}\n` : "too many requests\n",
			headers: [["retry-after", retryAfter], ...(isTold ? [[reasonHeader, `rate limited by ${what}`] as const] : [])],
		},
	};
}
