import { formatLimitName, type HttpRoute, type RateLimitPolicy, type RouteRule } from "../../model/index.ts";

/** Routes with the limits that policies attach to their rules; what no policy names is the same object.
 *  @param kind of the routes */
export function limitRoutes(
	kind: "HTTPRoute" | "GRPCRoute",
	routes: readonly HttpRoute[],
	policies: readonly RateLimitPolicy[],
): readonly HttpRoute[] {
	const attached = policies.filter(({ targets }) => targets?.some((target) => target.kind === kind) === true);
	if (attached.length === 0) return routes;
	return routes.map((route) => {
		const own = attached.filter(
			({ namespace, targets }) =>
				namespace === route.namespace && targets!.some((target) => target.kind === kind && target.name === route.name),
		);
		if (own.length === 0) return route;
		return { ...route, rules: route.rules.map((rule) => limitRule(kind, route.name, rule, own)) };
	});
}

function limitRule(
	kind: "HTTPRoute" | "GRPCRoute",
	routeName: string,
	rule: RouteRule,
	policies: readonly RateLimitPolicy[],
): RouteRule {
	const limits = policies
		.filter(({ targets }) =>
			targets!.some(
				(target) =>
					target.kind === kind &&
					target.name === routeName &&
					(target.sectionName === undefined || target.sectionName === rule.name),
			),
		)
		.flatMap((policy) =>
			policy.limits.flatMap((limit) => {
				const name = formatLimitName(policy, limit);
				return limit.scope === "global" ? [name, `${name}/keys`, `${name}/cap`] : [name];
			}),
		);
	return limits.length === 0 ? rule : { ...rule, rateLimits: limits.sort() };
}
