import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type Route,
	type RouteMatchSchema,
	RouteSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteMatch, RouteRule } from "../../model/index.ts";
import { type RouteContext, translateRule } from "./route-action.ts";
import { splitMatcher } from "./session-persistence.ts";

type MatchInit = Extract<MessageInitShape<typeof RouteMatchSchema>, { readonly $typeName?: undefined }>;

/** The routes of one match of a rule: one, and before it one for each of several backends that sessions stay with. */
export function translateRuleRoutes(
	context: RouteContext,
	rule: RouteRule,
	match: RouteMatch,
	place: { readonly name: string; readonly match: MatchInit },
): Route[] {
	const whole = create(RouteSchema, { ...place, ...translateRule(context, rule, match) });
	const { sessionPersistence: session } = rule;
	const weighted = rule.backends.filter(({ weight }) => weight > 0);
	if (session?.kind !== "cookie" || weighted.length < 2) return [whole];
	const sticky = weighted.flatMap((backend): Route[] => {
		const { action, ...rest } = translateRule(context, { ...rule, backends: [backend] }, match);
		// A backend that cannot be used keeps no sessions.
		if (action?.case !== "route" || action.value.clusterSpecifier?.case !== "cluster") return [];
		const cookie = splitMatcher(context.owner, rule, session, action.value.clusterSpecifier.value);
		const headers = [...(place.match.headers ?? []), cookie];
		return [create(RouteSchema, { name: place.name, match: { ...place.match, headers }, ...rest, action })];
	});
	return [...sticky, whole];
}
