import { create } from "@bufbuild/protobuf";
import { type Route, RouteSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	type HttpRoute,
	isServiceEntryParent,
	isServiceParent,
	type ParentReference,
	type Service,
	type ServicePort,
} from "../../model/index.ts";
import { splitByBackend } from "./backend-shares.ts";
import type { Client } from "./client.ts";
import { resolveHostPolicy } from "./destination-rule.ts";
import { markEgress } from "./egress-log.ts";
import { translateHashPolicy } from "./load-balancer.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration } from "./messages.ts";
import { hostOf, outboundClusterName } from "./names.ts";
import { type ReportProblem, reportFor } from "./problem.ts";
import { resolveRetry } from "./retry.ts";
import { findConsistentHash, type RouteContext } from "./route-action.ts";
import { findFilterFault } from "./route-filter.ts";
import { compareRank, findMatchFault, type RankedMatch, translateMatch } from "./route-match.ts";
import { translateRuleRoutes } from "./rule-routes.ts";

/** The HTTPRoutes that decide for clients of one namespace on one service port: those of the client's own namespace when there are
 *  any (consumer routes), else those of the service's namespace (producer routes). */
export function findRoutes(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	clientNamespace: string,
): readonly HttpRoute[] {
	const attached = index
		.routesOf(service)
		.filter((route) => route.parents.some((parent) => isParentPort(parent, service, port)));
	const own = attached.filter((route) => route.namespace === clientNamespace);
	return own.length > 0 ? own : attached.filter((route) => route.namespace === service.namespace);
}

/** Whether a parent means a port of a Service: by number, by name, or all of them. */
function isParentPort(parent: ParentReference, service: Service, port: ServicePort): boolean {
	return (
		isParentOf(parent, service) &&
		(parent.port === undefined || parent.port === port.port) &&
		(parent.sectionName === undefined || parent.sectionName === port.name)
	);
}

/** Whether a parent is a Service, or the ServiceEntry that a service is of. */
function isParentOf(parent: ParentReference, { namespace, name, entry }: Service): boolean {
	if (parent.namespace !== namespace) return false;
	return isServiceEntryParent(parent) ? parent.name === entry : isServiceParent(parent) && parent.name === name;
}

/** Envoy routes of one service port, first match wins. Without HTTPRoutes everything goes to the service itself. */
export function translateRoutes(
	index: MeshIndex,
	client: Client,
	service: Service,
	port: ServicePort,
	routes: readonly HttpRoute[],
	report: ReportProblem,
): Route[] {
	const contextOf = (owner: RouteContext["owner"]): RouteContext => ({
		index,
		client,
		port: port.port,
		gateway: "mesh",
		semantics: "gateway-api",
		owner,
	});
	if (routes.length === 0) return [defaultRoute(contextOf({ ...service, kind: "Service" }), service, port)];
	return rankMatches(routes, report).flatMap((ranked) => translateRanked(ranked, contextOf(ranked.route)));
}

/** The Envoy routes of one match of an HTTPRoute or GRPCRoute. */
export function translateRanked({ route, ruleIndex, matchIndex, match }: RankedMatch, context: RouteContext): Route[] {
	const name = `${route.namespace}/${route.name}/${ruleIndex}/${matchIndex}`;
	return splitByBackend(route.rules[ruleIndex]!).flatMap((share) =>
		translateRuleRoutes(context, share.rule, match, { name, match: { ...translateMatch(match), ...share.match } }),
	);
}

/** The matches of routes in the order in which they are tried. */
export function rankMatches(routes: readonly HttpRoute[], report: ReportProblem): RankedMatch[] {
	return routes.flatMap((route) => usableMatches(route, report)).sort(compareRank);
}

/** The matches that a proxy would take; what it would refuse is reported and left out alone. */
function usableMatches(route: HttpRoute, report: ReportProblem): RankedMatch[] {
	const reportRoute = reportFor("HTTPRoute", route, report);
	return route.rules.flatMap((rule, ruleIndex) => {
		const filterFault = findFilterFault(rule);
		if (filterFault !== undefined) {
			reportRoute(`${rule.path}.${filterFault.path}`, `${filterFault.problem}; the rule is left out`);
			return [];
		}
		return rule.matches.flatMap((match, matchIndex) => {
			const fault = findMatchFault(match);
			if (fault === undefined) return [{ route, ruleIndex, matchIndex, match }];
			reportRoute(`${rule.path}.matches[${matchIndex}].${fault.path}`, `${fault.problem}; the match is left out`);
			return [];
		});
	});
}

/** Everything to the service itself. */
function defaultRoute(context: RouteContext, service: Service, port: ServicePort): Route {
	const { index } = context;
	const host = hostOf(service, index.mesh.settings);
	const policy = resolveHostPolicy(index, host, service.namespace, context.client);
	const hash = findConsistentHash(policy, undefined, port.port);
	const retryPolicy = resolveRetry(index.mesh.settings, undefined, undefined, hash !== undefined);
	return create(RouteSchema, {
		name: "default",
		match: { pathSpecifier: { case: "prefix", value: "/" } },
		...(service.isExternal === true && { typedPerFilterConfig: markEgress("allowed") }),
		action: {
			case: "route",
			value: {
				clusterSpecifier: { case: "cluster", value: outboundClusterName(service.aliasOf ?? host, port.port) },
				timeout: duration(0),
				maxGrpcTimeout: duration(0),
				...(retryPolicy !== undefined && { retryPolicy }),
				...(hash !== undefined && { hashPolicy: [translateHashPolicy(hash)] }),
			},
		},
	});
}
