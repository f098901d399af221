import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Route, RouteSchema, VirtualHostSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { hashBytes, packResource, type XdsResource } from "../../xds/server/index.ts";

/** Routes that a proxy refused, by their content, each with what stands in its place; undefined leaves it out. */
export type HeldRoutes = ReadonlyMap<string, Route | undefined>;

/** Names a route by its content. */
export function routeHash(route: Route): string {
	return hashBytes(toBinary(RouteSchema, route));
}

/** A route configuration of its bytes. */
export function readRoutes(value: Uint8Array): RouteConfiguration {
	return fromBinary(RouteConfigurationSchema, value);
}

/** A route configuration without held routes; the same one when it has none of them.
 *  @param found takes the hashes that are in it */
export function holdRoutes(resource: XdsResource, held: HeldRoutes, found: Set<string>): XdsResource {
	const configuration = readRoutes(resource.value);
	const virtualHosts = configuration.virtualHosts.map((virtualHost) => {
		const routes = virtualHost.routes.flatMap((route) => {
			const hash = routeHash(route);
			if (!held.has(hash)) return [route];
			found.add(hash);
			return held.get(hash) ?? [];
		});
		return create(VirtualHostSchema, { ...virtualHost, routes });
	});
	if (found.size === 0) return resource;
	const message = create(RouteConfigurationSchema, { ...configuration, virtualHosts });
	return packResource(RouteConfigurationSchema, resource.name, message);
}

/** The route of the same rule of the same virtual host, as it was accepted. */
export function findAccepted(
	accepted: RouteConfiguration | undefined,
	virtualHost: string,
	route: Route,
): Route | undefined {
	const routes = accepted?.virtualHosts.find(({ name }) => name === virtualHost)?.routes ?? [];
	const key = ruleOf(route);
	const alike = routes.filter((candidate) => ruleOf(candidate) === key);
	return alike.length === 1 ? alike[0] : undefined;
}

/** What tells a route's rule: its metadata (VirtualService), and its name (HTTPRoute, with the number of the match). */
function ruleOf({ name, metadata }: Route): string {
	return `${name}|${JSON.stringify(metadata?.filterMetadata["istio"] ?? {})}`;
}
