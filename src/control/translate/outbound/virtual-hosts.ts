import { create } from "@bufbuild/protobuf";
import {
	type Route,
	type VirtualHost,
	VirtualHostSchema,
} from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { mayBeHttp, type ServicePort, type VirtualService } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { findRoutes, translateRoutes } from "../http-route.ts";
import type { MeshIndex } from "../mesh-index.ts";
import type { ReportProblem } from "../problem.ts";
import type { Egress, SeenService } from "./egress-scope.ts";
import { coversHost, findClosest } from "./host-match.ts";
import { listAddresses, listNames } from "./names-of-service.ts";
import { translateVirtualService } from "./virtual-service-routes.ts";

/** Routes of one host at one port. */
export interface HostRoutes {
	/** The host as it is named in configuration. */
	readonly host: string;
	readonly port: number;
	/** Undefined for a host that only a VirtualService knows. */
	readonly seen?: SeenService;
	readonly routes: readonly Route[];
}

/** The routes of one service port for a client: HTTPRoutes of the Service, else the VirtualService that names its host closest (of
 *  several the oldest that has a rule for the client), else straight to it. */
export function routesOfService(
	index: MeshIndex,
	client: Client,
	virtualServices: readonly VirtualService[],
	seen: SeenService,
	port: ServicePort,
	report: ReportProblem,
): Route[] {
	const routes = findRoutes(index, seen.service, port, client.namespace);
	if (routes.length === 0)
		for (const rule of listVirtualServices(virtualServices, seen.host)) {
			const translated = translateVirtualService(rule, { index, client, port: port.port, gateway: "mesh" });
			if (translated.length > 0) return translated;
		}
	return translateRoutes(index, client, seen.service, port, routes, report);
}

/** The VirtualServices that may decide for a host, the first with a rule for the client does: those that name the host itself, or of
 *  those that cover it the closest one (Istio). */
export function listVirtualServices(
	virtualServices: readonly VirtualService[],
	host: string,
): readonly VirtualService[] {
	const named = virtualServices.filter(({ hosts }) => hosts.includes(host));
	if (named.length > 0) return named;
	const closest = findClosest(host, virtualServices, ({ hosts }) => hosts);
	return closest === undefined ? [] : [closest];
}

/** Where routes of hosts come from. */
export interface HostRouteSource {
	ofService(egress: Egress, seen: SeenService, port: ServicePort): HostRoutes;
	ofRule(rule: VirtualService, port: number): HostRoutes["routes"];
	/** The Service of that host which is only another name (ExternalName), where the client sees one. */
	aliasOf(host: string): SeenService | undefined;
}

/** Every host that is known at a port: services that have it, and on port 80 hosts that only VirtualServices name. */
export function hostsAtPort(egress: Egress, port: number, source: HostRouteSource): HostRoutes[] {
	const known: HostRoutes[] = [];
	for (const seen of egress.services.values()) {
		const servicePort = findHttpPort(seen, port);
		if (servicePort !== undefined) known.push(source.ofService(egress, seen, servicePort));
	}
	return [...hostsWithoutService(egress, port, known, source), ...known];
}

function findHttpPort({ ports }: SeenService, port: number): ServicePort | undefined {
	return ports.find((candidate) => candidate.port === port && mayBeHttp(candidate.protocol));
}

/** Hosts of VirtualServices that no service stands for, or one that is another name only. On ports other than 80 a host without any
 *  service is known only beside a service that the VirtualService is for too (Istio). */
function hostsWithoutService(
	{ virtualServices }: Egress,
	port: number,
	known: readonly HostRoutes[],
	source: HostRouteSource,
): HostRoutes[] {
	const taken = new Set(known.map(({ host }) => host));
	const found: HostRoutes[] = [];
	for (const rule of virtualServices) {
		const own = rule.hosts.filter(
			(host) => !taken.has(host) && !(host.startsWith("*") && known.some((item) => coversHost(host, item.host))),
		);
		if (own.length === 0) continue;
		const isBeside = port === 80 || rule.hosts.some((host) => known.some((item) => coversHost(host, item.host)));
		for (const host of own) {
			const seen = source.aliasOf(host);
			const isKnown = seen === undefined ? isBeside : findHttpPort(seen, port) !== undefined;
			const routes = isKnown ? source.ofRule(rule, port) : [];
			if (routes.length === 0) continue;
			taken.add(host);
			found.push({ host, port, routes, ...(seen !== undefined && { seen }) });
		}
	}
	return found;
}

/** Virtual hosts with the names a client may call them by; a name that two claim stays with the first. */
export function buildVirtualHosts(
	index: MeshIndex,
	client: Client,
	hosts: readonly HostRoutes[],
	withPorts: boolean,
): VirtualHost[] {
	const full = new Set(hosts.map(({ host }) => host));
	const taken = new Set<string>();
	return hosts.flatMap(({ host, port, seen, routes }) => {
		const names = seen === undefined ? [host] : listAllNames(index, client, seen, full);
		const addresses = seen === undefined ? [] : listAddresses(seen.service);
		const domains = [...names, ...addresses]
			.flatMap((name) => (withPorts ? (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]) : [name]))
			.filter((domain) => !taken.has(domain));
		for (const domain of domains) taken.add(domain);
		if (domains.length === 0) return [];
		return [
			create(VirtualHostSchema, {
				name: `${host}:${port}`,
				domains,
				routes: [...routes],
				includeRequestAttemptCount: true,
			}),
		];
	});
}

/** Names of a service and of its aliases; a short one that is another's full name is the other's.
 *  @param full names of all hosts */
export function listAllNames(
	index: MeshIndex,
	client: Client,
	{ host, service }: SeenService,
	full: ReadonlySet<string> = new Set(),
): string[] {
	const aliases = index.aliasesOf(host).filter((alias) => alias.exportTo?.includes(client.namespace) ?? true);
	return [service, ...aliases].flatMap((named) => {
		const [own = "", ...short] = listNames(named, index.mesh.settings, client.namespace);
		return [own, ...short.filter((name) => !full.has(name))];
	});
}
