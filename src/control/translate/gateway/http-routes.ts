import { create } from "@bufbuild/protobuf";
import {
	type Route,
	type VirtualHost,
	VirtualHost_TlsRequirementType,
	VirtualHostSchema,
} from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../../api/gen/envoy/config/route/v3/route_pb.js";
import type { HttpRoute } from "../../../model/index.ts";
import { compareSpecificity, intersectHosts, permitRules } from "../../gateway-api/index.ts";
import { rankMatches, translateRanked } from "../http-route.ts";
import { reasonHeader, unprocessedHeader } from "../local-reply.ts";
import { isVisible, type MeshIndex } from "../mesh-index.ts";
import { translateVirtualService } from "../outbound/virtual-service-routes.ts";
import type { ReportProblem } from "../problem.ts";
import type { GatewayNode } from "./gateway-node.ts";
import { gatewayNameOf, hostsFor, type Server } from "./server.ts";

/** The route configuration of servers that share one: a virtual host a host, 421 for hosts of other listeners, and 404 for any other.
 *  @param others servers whose TLS is told from theirs by the server name */
export function translateGatewayRoutes(
	index: MeshIndex,
	node: GatewayNode,
	name: string,
	servers: readonly Server[],
	others: readonly Server[],
	report: ReportProblem,
): RouteConfiguration {
	const hosts = new Map<string, HostDraft>();
	const hostOf = (host: string): HostDraft => {
		const known = hosts.get(host);
		if (known !== undefined) return known;
		const draft: HostDraft = { bound: [], virtualServices: new Set(), routes: [], redirectsToHttps: false };
		hosts.set(host, draft);
		return draft;
	};
	for (const server of servers) {
		const hostOfServer = (host: string): HostDraft => {
			const draft = hostOf(host);
			draft.redirectsToHttps ||= server.redirectsToHttps;
			return draft;
		};
		if (server.attached === undefined) addVirtualServices(index, node, server, hostOfServer);
		else addRoutes(server, hostOfServer);
		if (server.redirectsToHttps) for (const { host } of server.hosts) hostOfServer(host);
	}
	const port = servers[0]!.port;
	const virtualHosts = [...hosts]
		.sort(([a], [b]) => compareSpecificity(a, b))
		.map(([host, draft]) => virtualHostOf(index, node, port, host, draft, report));
	const misdirected = listForeignHosts(servers, others).filter((host) => !hosts.has(host));
	if (misdirected.length > 0) virtualHosts.push(misdirectedHost(port, misdirected));
	return create(RouteConfigurationSchema, {
		name,
		virtualHosts,
		responseHeadersToRemove: [unprocessedHeader, reasonHeader],
		validateClusters: false,
		ignorePortInHostMatching: true,
		maxDirectResponseBodySizeBytes: 1_048_576,
	});
}

/** Hosts of other listeners of the same Gateways: requests for them belong on connections of their own. */
function listForeignHosts(servers: readonly Server[], others: readonly Server[]): string[] {
	const own = new Set(servers.flatMap(({ hosts }) => hosts.map(({ host }) => host)));
	const foreign = others
		.filter(({ gateway, carries }) => carries === "http" && servers.some((server) => isSameGateway(server, gateway)))
		.flatMap(({ hosts }) => hosts.map(({ host }) => host));
	return [...new Set(foreign)].filter((host) => !own.has(host)).sort(compareSpecificity);
}

function isSameGateway(server: Server, gateway: Server["gateway"]): boolean {
	return gateway !== undefined && server.gateway === gateway;
}

/** A client that came by the name of another listener is told to connect anew (RFC 9110, 15.5.20; Gateway API, Listener). */
function misdirectedHost(port: number, domains: readonly string[]): VirtualHost {
	return create(VirtualHostSchema, {
		name: `misdirected:${port}`,
		domains: [...domains],
		routes: [
			{
				match: { pathSpecifier: { case: "prefix", value: "/" } },
				action: { case: "directResponse", value: { status: 421 } },
			},
		],
	});
}

/** What is known of one host so far. */
interface HostDraft {
	/** Routes of the Gateway API, each with the listener's port. */
	readonly bound: { readonly route: HttpRoute; readonly port: number; readonly isTls: boolean }[];
	/** Which VirtualServices are in `routes`, by gateway. */
	readonly virtualServices: Set<string>;
	/** Of VirtualServices, older first. */
	readonly routes: Route[];
	redirectsToHttps: boolean;
}

function addVirtualServices(
	index: MeshIndex,
	node: GatewayNode,
	server: Server,
	hostOf: (host: string) => HostDraft,
): void {
	const gateway = gatewayNameOf(server);
	for (const virtualService of index.virtualServices) {
		const { namespace, name, gateways, exportTo } = virtualService;
		if (!gateways.includes(gateway) || !isVisible(exportTo, node.namespace)) continue;
		const hosts = intersectHosts(hostsFor(server, namespace), virtualService.hosts);
		if (hosts.length === 0) continue;
		const place = { index, client: node.client, port: server.port, gateway };
		const routes = translateVirtualService(virtualService, place);
		const key = `${gateway} ${namespace}/${name}`;
		for (const host of hosts) {
			const draft = hostOf(host);
			if (draft.virtualServices.has(key)) continue;
			draft.virtualServices.add(key);
			draft.routes.push(...routes);
		}
	}
}

function addRoutes({ attached, hosts, port, tls }: Server, hostOf: (host: string) => HostDraft): void {
	// A host that a listener has is its own, even without routes: no wider listener answers for it.
	for (const { host } of hosts) if (host !== "*") hostOf(host);
	for (const { route, hostnames } of attached?.httpRoutes ?? [])
		for (const host of hostnames) {
			const { bound } = hostOf(host);
			if (!bound.some((known) => known.route === route)) bound.push({ route, port, isTls: tls !== undefined });
		}
}

function virtualHostOf(
	index: MeshIndex,
	node: GatewayNode,
	port: number,
	host: string,
	draft: HostDraft,
	report: ReportProblem,
): VirtualHost {
	return create(VirtualHostSchema, {
		name: `${host}:${port}`,
		domains: [host],
		routes: [...routesOfApi(index, node, draft, report), ...catchAllLast(draft.routes)],
		includeRequestAttemptCount: true,
		...(draft.redirectsToHttps && { requireTls: VirtualHost_TlsRequirementType.ALL }),
	});
}

/** The routes of servers, as a Gateway may follow them. */
export function permittedRoutesOf({ attachments }: MeshIndex, servers: readonly Server[]): HttpRoute[] {
	const routes = new Set(servers.flatMap(({ attached }) => (attached?.httpRoutes ?? []).map(({ route }) => route)));
	return [...routes].map((route) => ({ ...route, rules: permitRules(route, route.rules, attachments.grants) }));
}

/** The matches of all routes of a host, in the order of the Gateway API. */
function routesOfApi(index: MeshIndex, node: GatewayNode, { bound }: HostDraft, report: ReportProblem): Route[] {
	if (bound.length === 0) return [];
	const { grants } = index.attachments;
	const permitted = bound.map(({ route }): HttpRoute => ({ ...route, rules: permitRules(route, route.rules, grants) }));
	const boundOf = new Map(permitted.map((route, position) => [route, bound[position]!]));
	return rankMatches(permitted, report).flatMap((ranked) => {
		const { port, isTls } = boundOf.get(ranked.route)!;
		const place = { index, client: node.client, port, isTls, gateway: "", owner: ranked.route };
		return translateRanked(ranked, { ...place, semantics: "gateway-api" });
	});
}

/** Rules of several VirtualServices stay in their order, but what matches everything comes after the others (Istio). */
function catchAllLast(routes: readonly Route[]): Route[] {
	return [...routes.filter((route) => !isCatchAll(route)), ...routes.filter(isCatchAll)];
}

function isCatchAll({ match }: Route): boolean {
	if (match === undefined || match.headers.length + match.queryParameters.length + match.dynamicMetadata.length > 0)
		return false;
	const path = match.pathSpecifier;
	return (path.case === "prefix" && path.value === "/") || (path.case === "safeRegex" && path.value.regex === ".*");
}
