import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import type { Permission, Principal, RBAC } from "../../src/api/gen/envoy/config/rbac/v3/rbac_pb.js";
import { RBAC_Action } from "../../src/api/gen/envoy/config/rbac/v3/rbac_pb.js";
import type {
	HeaderMatcher,
	Route,
	RouteMatch,
	VirtualHost,
} from "../../src/api/gen/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import type { RBAC as HttpRbac } from "../../src/api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import type { HttpConnectionManager } from "../../src/api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { RBAC as NetworkRbac } from "../../src/api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { StringMatcher } from "../../src/api/gen/envoy/type/matcher/v3/string_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { listenerType, routeType, type XdsSnapshot } from "../../src/xds/server/index.ts";

/** A request as a test spells it: `GET reviews/a?b=c`. */
export interface SimulatedRequest {
	readonly method?: string;
	readonly host: string;
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	/** SPIFFE ID of the peer; none for plain text. */
	readonly peer?: string;
}

/** The route that a proxy would take, by its virtual host and the first match; undefined without one (404). */
export function findRoute(snapshot: XdsSnapshot, configuration: string, request: SimulatedRequest): Route | undefined {
	return findVirtualHost(snapshot, configuration, request)?.routes.find((route) => matchesRoute(route.match!, request));
}

/** The virtual host that a proxy would take for a request. */
export function findVirtualHost(
	snapshot: XdsSnapshot,
	configuration: string,
	request: Pick<SimulatedRequest, "host">,
): VirtualHost | undefined {
	const resource = snapshot.resources.get(routeType)?.get(configuration);
	if (resource === undefined) throw new Error(`no route configuration ${configuration}`);
	const { virtualHosts, ignorePortInHostMatching } = fromBinary(RouteConfigurationSchema, resource.value);
	const name = ignorePortInHostMatching ? request.host.replace(/:\d+$/, "") : request.host;
	return chooseVirtualHost(virtualHosts, name);
}

function chooseVirtualHost(hosts: readonly VirtualHost[], host: string): VirtualHost | undefined {
	const name = host.toLowerCase();
	const wildcards = hosts
		.flatMap(({ domains }) => domains.filter((domain) => domain.startsWith("*.") && name.endsWith(domain.slice(1))))
		.sort((a, b) => b.length - a.length);
	return (
		hosts.find(({ domains }) => domains.includes(name)) ??
		hosts.find(({ domains }) => wildcards[0] !== undefined && domains.includes(wildcards[0])) ??
		hosts.find(({ domains }) => domains.includes("*"))
	);
}

function matchesRoute(match: RouteMatch, request: SimulatedRequest): boolean {
	const [path = "", query = ""] = request.path.split("?");
	const specifier = match.pathSpecifier;
	const parameters = new URLSearchParams(query);
	const isPath = (): boolean => {
		switch (specifier.case) {
			case "prefix":
				return request.method !== "CONNECT" && path.startsWith(specifier.value);
			case "path":
				return path === specifier.value;
			case "pathSeparatedPrefix":
				return path === specifier.value || path.startsWith(`${specifier.value}/`);
			case "safeRegex":
				return new RegExp(`^(?:${specifier.value.regex})$`).test(path);
			case "connectMatcher":
				return request.method === "CONNECT";
			default:
				throw new Error(`cannot simulate a match by ${specifier.case}`);
		}
	};
	return (
		isPath() &&
		match.headers.every((matcher) => matchesHeader(matcher, request)) &&
		match.queryParameters.every((matcher) => {
			const value = parameters.get(matcher.name);
			if (matcher.queryParameterMatchSpecifier.case !== "stringMatch")
				throw new Error("cannot simulate this query match");
			return value !== null && matchesString(matcher.queryParameterMatchSpecifier.value, value);
		})
	);
}

function matchesHeader(matcher: HeaderMatcher, request: SimulatedRequest): boolean {
	const special: Record<string, string> = { ":method": request.method ?? "GET", ":authority": request.host };
	const value = special[matcher.name] ?? request.headers?.[matcher.name];
	if (matcher.headerMatchSpecifier.case !== "stringMatch") throw new Error("cannot simulate this header match");
	return value !== undefined && matchesString(matcher.headerMatchSpecifier.value, value);
}

function matchesString({ matchPattern, ignoreCase }: StringMatcher, given: string): boolean {
	const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
	switch (matchPattern.case) {
		case "exact":
			return fold(given) === fold(matchPattern.value);
		case "prefix":
			return fold(given).startsWith(fold(matchPattern.value));
		case "suffix":
			return fold(given).endsWith(fold(matchPattern.value));
		case "safeRegex": {
			const [, flags = "", pattern = ""] = /^(?:\(\?(i)\))?(.*)$/s.exec(matchPattern.value.regex)!;
			return new RegExp(`^(?:${pattern})$`, flags).test(given);
		}
		default:
			throw new Error(`cannot simulate a string match by ${matchPattern.case}`);
	}
}

/** What a route does, in a few words: `forward a 90, b 10`, `redirect …`, `500`. */
export function describeRoute(route: Route | undefined): string {
	if (route === undefined) return "404";
	const { action } = route;
	if (action.case === "directResponse") return String(action.value.status);
	if (action.case === "redirect") return `redirect ${action.value.responseCode}`;
	if (action.case !== "route") throw new Error(`cannot simulate ${action.case}`);
	const { clusterSpecifier } = action.value;
	if (clusterSpecifier.case === "cluster") return shorten(clusterSpecifier.value);
	if (clusterSpecifier.case !== "weightedClusters") throw new Error(`cannot simulate ${clusterSpecifier.case}`);
	return clusterSpecifier.value.clusters.map(({ name, weight }) => `${shorten(name)} ${weight}`).join(", ");
}

/** `outbound|80||reviews.shop.svc.cluster.local` as `reviews.shop:80`. */
function shorten(cluster: string): string {
	const [kind, port, subset, host] = cluster.split("|");
	if (kind !== "outbound") return cluster;
	return `${host!.replace(".svc.cluster.local", "")}:${port}${subset === "" ? "" : `[${subset}]`}`;
}

/** Judges a request as the filters of an inbound listener would: `allowed`, or the RBAC action and policy that denied it. */
export function judge(snapshot: XdsSnapshot, listener: string, request: SimulatedRequest): string {
	for (const rules of listRules(snapshot, listener)) {
		const matched = Object.entries(rules.policies)
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.find(
				([, policy]) =>
					policy.permissions.some((permission) => permits(permission, request)) &&
					policy.principals.some((principal) => identifies(principal, request)),
			)?.[0];
		if (rules.action === RBAC_Action.DENY && matched !== undefined) return `denied by ${matched}`;
		if (rules.action === RBAC_Action.ALLOW && matched === undefined) return "denied by none";
	}
	return "allowed";
}

function listRules(snapshot: XdsSnapshot, name: string): RBAC[] {
	const resource = snapshot.resources.get(listenerType)?.get(name);
	if (resource === undefined) throw new Error(`no listener ${name}`);
	const listener = fromBinary(ListenerSchema, resource.value);
	return listener.filterChains[0]!.filters.flatMap((filter) => {
		const config = anyUnpack(filter.configType.value as never, apiRegistry)!;
		if (config.$typeName === "envoy.extensions.filters.network.rbac.v3.RBAC") return [(config as NetworkRbac).rules!];
		if (!config.$typeName.endsWith("HttpConnectionManager")) return [];
		return (config as HttpConnectionManager).httpFilters.flatMap((httpFilter) => {
			const inner = anyUnpack(httpFilter.configType.value as never, apiRegistry)!;
			// The guard of authorizers has its rules in routes only.
			if (!inner.$typeName.endsWith("rbac.v3.RBAC") || httpFilter.disabled) return [];
			return [(inner as HttpRbac).rules!];
		});
	});
}

function permits({ rule }: Permission, request: SimulatedRequest): boolean {
	switch (rule.case) {
		case "any":
			return rule.value;
		case "andRules":
			return rule.value.rules.every((inner) => permits(inner, request));
		case "orRules":
			return rule.value.rules.some((inner) => permits(inner, request));
		case "notRule":
			return !permits(rule.value, request);
		case "header":
			return matchesHeader(rule.value, request);
		case "urlPath":
			return matchesString(rule.value.rule.value!, request.path.split("?")[0]!);
		default:
			throw new Error(`cannot simulate permission ${rule.case}`);
	}
}

function identifies({ identifier }: Principal, request: SimulatedRequest): boolean {
	switch (identifier.case) {
		case "any":
			return identifier.value;
		case "andIds":
			return identifier.value.ids.every((inner) => identifies(inner, request));
		case "orIds":
			return identifier.value.ids.some((inner) => identifies(inner, request));
		case "notId":
			return !identifies(identifier.value, request);
		case "authenticated":
			return request.peer !== undefined && matchesString(identifier.value.principalName!, request.peer);
		default:
			throw new Error(`cannot simulate principal ${identifier.case}`);
	}
}
