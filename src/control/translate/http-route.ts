import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
	type Route,
	type RouteActionSchema,
	RouteSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	type BackendRef,
	formatObjectName,
	type HttpRoute,
	isServiceParent,
	type ParentReference,
	type RouteMatch,
	type RouteRule,
	type Service,
	type ServicePort,
} from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration } from "./messages.ts";
import { hostOf, outboundClusterName } from "./names.ts";
import { type ReportProblem, reportFor } from "./problem.ts";
import { translateRetry } from "./retry.ts";
import { findFilterFault, translateHeaders, translateRedirect, translateRewrite } from "./route-filter.ts";
import { compareRank, findMatchFault, type RankedMatch, translateMatch } from "./route-match.ts";

type RouteActionInit = Extract<MessageInitShape<typeof RouteActionSchema>, { readonly $typeName?: undefined }>;
type RouteInit = Extract<MessageInitShape<typeof RouteSchema>, { readonly $typeName?: undefined }>;

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
		isServiceParent(parent) &&
		parent.namespace === service.namespace &&
		parent.name === service.name &&
		(parent.port === undefined || parent.port === port.port) &&
		(parent.sectionName === undefined || parent.sectionName === port.name)
	);
}

/** Envoy routes of one service port, first match wins. Without HTTPRoutes everything goes to the service itself. */
export function translateRoutes(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	routes: readonly HttpRoute[],
	report: ReportProblem,
): Route[] {
	if (routes.length === 0) return [defaultRoute(hostOf(service, index.mesh.settings), port.port)];
	return rankMatches(routes, report).map(({ route, ruleIndex, matchIndex, match }) => {
		const rule = route.rules[ruleIndex]!;
		return create(RouteSchema, {
			name: `${route.namespace}/${route.name}/${ruleIndex}/${matchIndex}`,
			match: translateMatch(match),
			...translateAction(index, route, rule, match, port),
		});
	});
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

function defaultRoute(host: string, port: number): Route {
	return create(RouteSchema, {
		name: "default",
		match: { pathSpecifier: { case: "prefix", value: "/" } },
		action: {
			case: "route",
			value: {
				clusterSpecifier: { case: "cluster", value: outboundClusterName(host, port) },
				timeout: duration(0),
				retryPolicy: translateRetry(undefined, undefined),
			},
		},
	});
}

function translateAction(
	index: MeshIndex,
	route: HttpRoute,
	rule: RouteRule,
	match: RouteMatch,
	port: ServicePort,
): Partial<RouteInit> {
	const headers = translateHeaders(rule.requestHeaders, rule.responseHeaders);
	if (rule.redirect !== undefined)
		return { ...headers, action: { case: "redirect", value: translateRedirect(rule.redirect, match.path, port.port) } };
	const backends = rule.backends.map((backend) => resolveBackend(index, backend, port));
	const weighted = backends.filter(({ backend }) => backend.weight > 0);
	if (!weighted.some(({ fault }) => fault === undefined)) return { ...headers, ...noBackend(route, rule, weighted) };
	return {
		...headers,
		...(weighted.length === 1 && mergeHeaders(headers, weighted[0]!.backend)),
		action: {
			case: "route",
			value: {
				clusterSpecifier: clusterSpecifier(weighted),
				// A share of a backend that does not exist is answered with 500 (Gateway API).
				clusterNotFoundResponseCode: NotFoundCode.INTERNAL_SERVER_ERROR,
				timeout: duration(rule.timeoutMs ?? 0),
				retryPolicy: translateRetry(rule.retry, rule.backendTimeoutMs),
				...(rule.rewrite !== undefined && translateRewrite(rule.rewrite, match.path)),
			},
		},
	};
}

interface ResolvedBackend {
	readonly backend: BackendRef;
	readonly cluster: string;
	/** Why the backend cannot be used. */
	readonly fault?: string;
}

function resolveBackend(index: MeshIndex, backend: BackendRef, port: ServicePort): ResolvedBackend {
	const { destination } = backend;
	if (destination.kind === "unusable") return { backend, cluster: "", fault: destination.reason };
	const service =
		destination.kind === "service" ? index.service(destination.service) : index.serviceByHost(destination.host);
	const host = destination.kind === "service" ? hostOf(destination.service, index.mesh.settings) : destination.host;
	const name =
		destination.kind === "service" ? `Service ${formatObjectName(destination.service)}` : `host ${destination.host}`;
	// A backend without a port means the request's, or the only one.
	const number = backend.port ?? (service?.ports.length === 1 ? service.ports[0]!.port : port.port);
	const cluster = outboundClusterName(host, number, backend.subset);
	if (service === undefined) return { backend, cluster, fault: `no ${name}` };
	if (!service.ports.some((candidate) => candidate.port === number))
		return { backend, cluster, fault: `${name} has no port ${number}` };
	return { backend, cluster };
}

/** Status 500, saying why (Gateway API: no usable backend). */
function noBackend(route: HttpRoute, rule: RouteRule, weighted: readonly ResolvedBackend[]): Partial<RouteInit> {
	const faults = weighted.map(({ fault }) => fault).filter((fault) => fault !== undefined);
	const why =
		faults.length > 0 ? faults.join(", ") : rule.backends.length > 0 ? "every weight is 0" : "the rule has no backend";
	const body = `HTTPRoute ${route.namespace}/${route.name} ${rule.path}: ${why}\n`;
	return {
		action: {
			case: "directResponse",
			value: { status: 500, body: { specifier: { case: "inlineString", value: body.slice(0, 4000) } } },
		},
	};
}

function clusterSpecifier(weighted: readonly ResolvedBackend[]): RouteActionInit["clusterSpecifier"] {
	if (weighted.length === 1) return { case: "cluster", value: weighted[0]!.cluster };
	return {
		case: "weightedClusters",
		value: {
			clusters: weighted.map(({ backend, cluster }) => ({
				name: cluster,
				weight: backend.weight,
				...translateHeaders(backend.requestHeaders, backend.responseHeaders),
			})),
		},
	};
}

/** Header changes of the only backend of a rule, after the rule's own. */
function mergeHeaders(
	rule: ReturnType<typeof translateHeaders>,
	backend: BackendRef,
): ReturnType<typeof translateHeaders> {
	const own = translateHeaders(backend.requestHeaders, backend.responseHeaders);
	return {
		requestHeadersToAdd: [...rule.requestHeadersToAdd, ...own.requestHeadersToAdd],
		requestHeadersToRemove: [...rule.requestHeadersToRemove, ...own.requestHeadersToRemove],
		responseHeadersToAdd: [...rule.responseHeadersToAdd, ...own.responseHeadersToAdd],
		responseHeadersToRemove: [...rule.responseHeadersToRemove, ...own.responseHeadersToRemove],
	};
}
