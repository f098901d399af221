import { create } from "@bufbuild/protobuf";
import {
	type Route,
	RouteSchema,
	type VirtualHost,
	VirtualHostSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import type { PatchContext, RoutePatchMatch } from "../../model/index.ts";
import type { CompiledPatch } from "./compile.ts";
import { listMergeOf, mergeMessages } from "./merge.ts";
import { patchList } from "./patch-list.ts";
import { isInContext } from "./select.ts";

/** A route configuration with one patch applied; the same one when the patch is not for it. */
export function patchRouteConfiguration(
	configuration: RouteConfiguration,
	{ patch, value }: CompiledPatch,
	side: Exclude<PatchContext, "ANY">,
): RouteConfiguration {
	const match = patch.routeConfiguration;
	if (!isInContext(patch.context, side) || !matchesConfiguration(configuration, side, match)) return configuration;
	if (patch.applyTo === "ROUTE_CONFIGURATION")
		return value === undefined
			? configuration
			: mergeMessages(RouteConfigurationSchema, configuration, value, listMergeOf(patch));
	const isMatch = (virtualHost: VirtualHost): boolean => matchesVirtualHost(virtualHost, match?.vhost);
	if (patch.applyTo === "VIRTUAL_HOST") {
		const virtualHosts = patchList<VirtualHost>(configuration.virtualHosts, {
			operation: patch.operation,
			value: value as VirtualHost | undefined,
			isMatch,
			namesItem: true,
			merge: (item, change) => mergeMessages(VirtualHostSchema, item, change, listMergeOf(patch)),
		});
		return create(RouteConfigurationSchema, { ...configuration, virtualHosts: [...virtualHosts] });
	}
	const wanted = match?.vhost?.route;
	const virtualHosts = configuration.virtualHosts.map((virtualHost) => {
		if (!isMatch(virtualHost)) return virtualHost;
		const isAbsent = wanted !== undefined && !virtualHost.routes.some((route) => matchesRoute(route, wanted));
		if (patch.operation === "INSERT_FIRST" && isAbsent) return virtualHost;
		const routes = patchList<Route>(virtualHost.routes, {
			operation: patch.operation,
			value: value as Route | undefined,
			isMatch: (route) => matchesRoute(route, wanted),
			namesItem: wanted !== undefined,
			merge: (item, change) => mergeMessages(RouteSchema, item, change, listMergeOf(patch)),
		});
		return create(VirtualHostSchema, { ...virtualHost, routes: [...routes] });
	});
	return create(RouteConfigurationSchema, { ...configuration, virtualHosts });
}

/** Ports and gateways are told by the name, as translation spells it: `80`, `host:80`, `http.8080`, `https.443.name.gateway.namespace`. */
function matchesConfiguration(
	{ name, virtualHosts }: RouteConfiguration,
	side: Exclude<PatchContext, "ANY">,
	match: RoutePatchMatch = {},
): boolean {
	if (match.name !== undefined && match.name !== name) return false;
	if (match.portNumber !== undefined) {
		const port = /^(?:https?\.)?(\d+)(?:\.|$)|^inbound\|(\d+)\|/.exec(name) ?? /:(\d+)$/.exec(name);
		const own = port?.[1] ?? port?.[2];
		// The forward proxy's has hosts of all ports.
		const isPort =
			own === undefined
				? virtualHosts.some((host) => host.name.endsWith(`:${match.portNumber}`))
				: Number(own) === match.portNumber;
		if (!isPort) return false;
	}
	// Plain servers of a port share one route configuration, whatever their Gateway: they have neither name nor Gateway (Istio).
	const [, portName, gateway, namespace] = /^https\.\d+\.([^.]+)\.(.+)\.([^.]+)$/.exec(name) ?? [];
	if (match.portName !== undefined && side === "GATEWAY" && match.portName !== portName) return false;
	return match.gateway === undefined || side !== "GATEWAY" || match.gateway === `${namespace}/${gateway}`;
}

function matchesVirtualHost(virtualHost: VirtualHost, match: RoutePatchMatch["vhost"] = {}): boolean {
	if (match.name !== undefined && match.name !== virtualHost.name) return false;
	return match.domainName === undefined || virtualHost.domains.includes(match.domainName);
}

type RouteMatchOf = NonNullable<RoutePatchMatch["vhost"]>["route"];

function matchesRoute({ name, action }: Route, match: RouteMatchOf): boolean {
	if (match === undefined) return true;
	if (match.name !== undefined && match.name !== name) return false;
	const cases = { ANY: undefined, ROUTE: "route", REDIRECT: "redirect", DIRECT_RESPONSE: "directResponse" } as const;
	return cases[match.action] === undefined || action.case === cases[match.action];
}
