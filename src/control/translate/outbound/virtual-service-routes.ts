import { create } from "@bufbuild/protobuf";
import { type Route, RouteSchema } from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type MatchScope, matchesLabels, type RouteMatch, type VirtualService } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { type RouteContext, translateRule } from "../route-action.ts";
import { translateMatch } from "../route-match.ts";

/** The routes of a VirtualService for one listener, in its order; nothing behind a match of everything, which nothing can reach. Empty
 *  when no rule is for that listener. */
export function translateVirtualService(
	virtualService: VirtualService,
	place: Pick<RouteContext, "index" | "client" | "port" | "gateway">,
): Route[] {
	const { namespace, name } = virtualService;
	const routes: Route[] = [];
	for (const rule of virtualService.http) {
		const { definedBy, path } = rule;
		const owner = { kind: "VirtualService", ...(definedBy ?? { namespace, name }) };
		const context: RouteContext = { ...place, semantics: "istio", owner };
		const istio = {
			config: configPath(virtualService),
			rule: path,
			...(definedBy !== undefined && { delegate: configPath(definedBy) }),
		};
		for (const match of rule.matches) {
			if (!isInScope(match.scope, place)) continue;
			const parts = [rule.name ?? "", ...(match.name === undefined ? [] : [match.name])];
			routes.push(
				create(RouteSchema, {
					name: parts.join("."),
					match: translateMatch(match),
					...(match.statPrefix !== undefined && { statPrefix: match.statPrefix }),
					...translateRule(context, rule, match),
					metadata: { filterMetadata: { istio } },
				}),
			);
			if (isCatchAll(match)) return routes;
		}
	}
	return routes;
}

/** Whether a match is for a listener: its port, its gateway, or (without gateways of its own) its client. */
export function isInScope(
	scope: MatchScope | undefined,
	{ client, port, gateway }: { readonly client: Client; readonly port: number; readonly gateway: string },
): boolean {
	if (scope === undefined) return true;
	if (scope.port !== undefined && scope.port !== port) return false;
	if (scope.gateways !== undefined) return scope.gateways.includes(gateway);
	return (
		matchesLabels(scope.sourceLabels ?? {}, client.labels) &&
		(scope.sourceNamespace === undefined || scope.sourceNamespace === client.namespace)
	);
}

function isCatchAll({ path, headers, queryParams, method, claims = [] }: RouteMatch): boolean {
	const isAnyPath =
		((path.kind === "startsWith" || path.kind === "prefix") && path.value === "/") ||
		(path.kind === "regex" && path.value === ".*");
	return isAnyPath && headers.length === 0 && queryParams.length === 0 && method === undefined && claims.length === 0;
}

/** Where an object is, as Istio writes it into metadata. */
export function configPath({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
	return `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`;
}
