import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type HeaderMatcher,
	type RetryPolicy,
	type RetryPolicySchema,
	type Route,
	type RouteAction,
	RouteActionSchema,
	type RouteMatch,
	RouteMatchSchema,
	RouteSchema,
} from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../../api/gen/envoy/config/route/v3/route_pb.js";
import { HTTPFaultSchema } from "../../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { asksAuthorizer } from "../external-auth.ts";
import { fractionalPercent, packAny, quoteRegex } from "../messages.ts";
import { faultFilterName } from "../route-per-filter.ts";
import { unusableClusterName } from "./names.ts";

/** The routes of one service port in the form that gRPC clients take (gRFC A28): what no call can match is left out, and what gRPC
 *  cannot do answers with a status. Whatever the authority of a call, its channel's target chose this configuration. */
export function translateClientRoutes(name: string, routes: readonly Route[]): RouteConfiguration {
	return create(RouteConfigurationSchema, {
		name,
		virtualHosts: [{ name, domains: ["*"], routes: routes.flatMap((route) => adaptRoute(route) ?? []) }],
	});
}

function adaptRoute(route: Route): Route | undefined {
	const match = route.match === undefined ? undefined : adaptMatch(route.match);
	if (match === undefined) return undefined;
	const fault = route.typedPerFilterConfig[faultFilterName];
	const { action } = route;
	const isUnasked = asksAuthorizer(route.typedPerFilterConfig);
	if (action.case === "route" && !isUnasked)
		return create(RouteSchema, {
			name: route.name,
			match,
			action: { case: "route", value: adaptAction(action.value) },
			...(fault !== undefined && { typedPerFilterConfig: { [faultFilterName]: fault } }),
		});
	// Nobody here can ask an external authorizer, so nobody is allowed.
	const status = isUnasked ? 500 : action.case === "directResponse" ? action.value.status : undefined;
	return create(RouteSchema, {
		name: route.name,
		match,
		action: {
			case: "route",
			value: { clusterSpecifier: { case: "cluster", value: unusableClusterName } },
		},
		// gRPC has no answers of its own: the status is given by its fault filter, which takes those of HTTP.
		...(status !== undefined && status >= 400 && { typedPerFilterConfig: { [faultFilterName]: abortWith(status) } }),
	});
}

function abortWith(status: number) {
	return packAny(HTTPFaultSchema, {
		abort: { errorType: { case: "httpStatus", value: status }, percentage: fractionalPercent(100) },
	});
}

/** Undefined for what no call can match: calls are POST requests without a query. */
function adaptMatch(match: RouteMatch): RouteMatch | undefined {
	if (match.queryParameters.length > 0 || match.pathSpecifier.case === "connectMatcher") return undefined;
	const methods = match.headers.filter(({ name }) => name === ":method");
	if (methods.some((matcher) => !matchesMethod(matcher))) return undefined;
	const headers = match.headers.filter(({ name }) => name !== ":method");
	const { pathSpecifier, caseSensitive, runtimeFraction } = match;
	return create(RouteMatchSchema, {
		pathSpecifier:
			pathSpecifier.case === "pathSeparatedPrefix"
				? { case: "safeRegex", value: { regex: `${quoteRegex(pathSpecifier.value)}(/.*)?` } }
				: pathSpecifier,
		...(caseSensitive !== undefined && { caseSensitive }),
		...(runtimeFraction !== undefined && { runtimeFraction }),
		headers,
	});
}

function matchesMethod({ headerMatchSpecifier, invertMatch }: HeaderMatcher): boolean {
	if (headerMatchSpecifier.case !== "stringMatch") return !invertMatch;
	const { matchPattern } = headerMatchSpecifier.value;
	const isPost =
		matchPattern.case === "exact"
			? matchPattern.value === "POST"
			: matchPattern.case === "prefix"
				? "POST".startsWith(matchPattern.value)
				: matchPattern.case === "safeRegex" && new RegExp(`^(?:${matchPattern.value.regex})$`).test("POST");
	return isPost !== invertMatch;
}

function adaptAction({ clusterSpecifier, timeout, retryPolicy, hashPolicy }: RouteAction): RouteAction {
	const isLimited = timeout !== undefined && (timeout.seconds > 0n || timeout.nanos > 0);
	const retry = retryPolicy === undefined ? undefined : adaptRetry(retryPolicy);
	return create(RouteActionSchema, {
		clusterSpecifier: adaptClusters(clusterSpecifier),
		...(isLimited && { maxStreamDuration: { maxStreamDuration: timeout } }),
		...(retry !== undefined && { retryPolicy: retry }),
		hashPolicy: hashPolicy.filter(({ policySpecifier }) => policySpecifier.case === "header"),
	});
}

function adaptClusters(specifier: RouteAction["clusterSpecifier"]): RouteAction["clusterSpecifier"] {
	if (specifier.case !== "weightedClusters") return specifier;
	const weighted = specifier.value.clusters.filter(({ weight = 0 }) => weight > 0);
	if (weighted.length === 0) return { case: "cluster", value: unusableClusterName };
	const { clusterSpecifier } = create(RouteActionSchema, {
		clusterSpecifier: {
			case: "weightedClusters",
			value: { clusters: weighted.map(({ name, weight }) => ({ name, ...(weight !== undefined && { weight }) })) },
		},
	});
	return clusterSpecifier;
}

/** Statuses that gRPC tries again on (gRFC A44). */
const grpcConditions: ReadonlySet<string> = new Set([
	"cancelled",
	"deadline-exceeded",
	"internal",
	"resource-exhausted",
	"unavailable",
]);

/** What makes a call UNAVAILABLE where a proxy would speak of the connection or of status 503. */
const unavailableConditions: ReadonlySet<string> = new Set([
	"5xx",
	"gateway-error",
	"connect-failure",
	"refused-stream",
	"reset",
	"reset-before-request",
	"retriable-status-codes",
]);

function adaptRetry({
	retryOn,
	numRetries,
	retryBackOff,
}: RetryPolicy): MessageInitShape<typeof RetryPolicySchema> | undefined {
	const attempts = numRetries ?? 1;
	if (attempts === 0) return undefined;
	const conditions = new Set(
		retryOn.split(",").flatMap((condition) => {
			if (grpcConditions.has(condition)) return [condition];
			return unavailableConditions.has(condition) ? ["unavailable"] : [];
		}),
	);
	if (conditions.size === 0) return undefined;
	return {
		retryOn: [...conditions].join(","),
		numRetries: attempts,
		...(retryBackOff !== undefined && { retryBackOff }),
	};
}
