import type {
	HostSelector,
	OutboundTrafficMode,
	Service,
	ServicePort,
	SidecarEgress,
	VirtualService,
} from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { chooseService, isVisible, type MeshIndex } from "../mesh-index.ts";
import { hostOf } from "../names.ts";
import { coversHost } from "./host-match.ts";
import type { OnDemand } from "./on-demand.ts";

/** A service with those of its ports that a client sees. */
export interface SeenService {
	readonly host: string;
	readonly service: Service;
	readonly ports: readonly ServicePort[];
}

/** What one egress listener of a Sidecar object opens up; without such an object there is one that opens everything. */
export interface Egress {
	/** Undefined without a Sidecar object. */
	readonly listener?: SidecarEgress;
	/** By host. */
	readonly services: ReadonlyMap<string, SeenService>;
	/** Bound to the mesh, older first. */
	readonly virtualServices: readonly VirtualService[];
}

/** Everything that a client may reach. */
export interface EgressScope {
	readonly egresses: readonly Egress[];
	/** What it needs clusters for: what its egresses see, and where their routes lead. */
	readonly services: ReadonlyMap<string, SeenService>;
	/** Of captured traffic, else of the forward proxy. */
	readonly mode: OutboundTrafficMode;
	/** Whether a captured request that may not leave is answered with `x-amime-reason` too: not where a Sidecar says so, because Istio's answer
	 *  has no such header. */
	readonly saysReason: boolean;
	/** Where unknown traffic goes in place of its own address. */
	readonly egressProxy?: { readonly host: string; readonly subset?: string; readonly port: number };
	/** How the client asks for what it was not given; undefined where it was given everything. */
	readonly onDemand?: OnDemand;
}

/** Resolves what a client sees: exports of services and VirtualServices, narrowed by its Sidecar object. */
export function resolveEgressScope(index: MeshIndex, client: Client): EgressScope {
	const all = seeServices(index, client.namespace);
	const routes = seeVirtualServices(index, client.namespace);
	const declared = client.sidecar?.egress ?? [];
	const egresses: Egress[] =
		declared.length === 0
			? [{ services: all, virtualServices: routes }]
			: declared.map((listener) => narrow(index, listener, all, routes, client.namespace));
	const { outboundTrafficPolicy, forwardProxyPolicy = "REGISTRY_ONLY" } = index.mesh.settings;
	const policy = client.sidecar?.outboundTrafficPolicy;
	return {
		egresses,
		services: declared.length === 0 ? all : collectServices(egresses, all, client.namespace),
		saysReason: policy?.mode === undefined,
		mode: policy?.mode ?? (client.isCaptured ? outboundTrafficPolicy : forwardProxyPolicy),
		...(policy?.egressProxy !== undefined && { egressProxy: policy.egressProxy }),
	};
}

/** The egress that decides for a port: the first that names it, or names none. */
export function findEgress(scope: EgressScope, port: number): Egress | undefined {
	return scope.egresses.find(({ listener }) => listener?.port === undefined || listener.port.number === port);
}

/** VirtualServices that clients of a namespace see: those only for it, those exported to it, those for all, each older first. */
function seeVirtualServices(index: MeshIndex, namespace: string): VirtualService[] {
	const rank = ({ exportTo, namespace: own }: VirtualService): number =>
		exportTo === undefined ? 2 : own === namespace && exportTo.length === 1 ? 0 : 1;
	return index.virtualServices
		.filter((rule) => rule.gateways.includes("mesh") && isVisible(rule.exportTo, namespace))
		.sort((a, b) => rank(a) - rank(b));
}

/** Every service that clients of a namespace see, one a host. */
function seeServices(index: MeshIndex, namespace: string): ReadonlyMap<string, SeenService> {
	const candidates = new Map<string, Service[]>();
	for (const service of index.services) {
		if (service.aliasOf !== undefined || !isVisible(service.exportTo, namespace)) continue;
		const host = hostOf(service, index.mesh.settings);
		const same = candidates.get(host);
		if (same === undefined) candidates.set(host, [service]);
		else same.push(service);
	}
	const seen = new Map<string, SeenService>();
	for (const [host, services] of candidates) {
		const service = services.length === 1 ? services[0]! : chooseService(services, namespace)!;
		seen.set(host, { host, service, ports: service.ports });
	}
	return seen;
}

function narrow(
	index: MeshIndex,
	listener: SidecarEgress,
	all: ReadonlyMap<string, SeenService>,
	routes: readonly VirtualService[],
	clientNamespace: string,
): Egress {
	const { hosts, port } = listener;
	const only = port === undefined || port.number === 0 || port.protocol === "http-proxy" ? undefined : port.number;
	const services = new Map<string, SeenService>();
	for (const [host, seen] of all) {
		const { service } = seen;
		const isListed = isSelected(hosts, service.namespace, [host], coversHost, clientNamespace);
		// Another service of that host may be the one that is listed.
		const chosen = isListed ? service : findListed(index, hosts, host, clientNamespace);
		if (chosen === undefined) continue;
		const ports = only === undefined ? chosen.ports : chosen.ports.filter((candidate) => candidate.port === only);
		if (ports.length > 0) services.set(host, { host, service: chosen, ports });
	}
	const virtualServices = routes.filter((rule) =>
		isSelected(
			hosts,
			rule.namespace,
			rule.hosts,
			(name, host) => coversHost(name, host) || coversHost(host, name),
			clientNamespace,
		),
	);
	return { listener, services, virtualServices };
}

function findListed(
	index: MeshIndex,
	hosts: readonly HostSelector[],
	host: string,
	clientNamespace: string,
): Service | undefined {
	return index
		.servicesOfHost(host)
		.find(
			(service) =>
				service.aliasOf === undefined &&
				isVisible(service.exportTo, clientNamespace) &&
				isSelected(hosts, service.namespace, [host], coversHost, clientNamespace),
		);
}

/** Whether one of the hosts of an object is let in, and is not taken out again. */
function isSelected(
	selectors: readonly HostSelector[],
	namespace: string,
	hosts: readonly string[],
	covers: (selected: string, host: string) => boolean,
	clientNamespace: string,
): boolean {
	const about = selectors.filter(
		(selector) =>
			selector.namespace === "*" ||
			selector.namespace === namespace ||
			(selector.namespace === "." && namespace === clientNamespace),
	);
	return hosts.some(
		(host) =>
			about.some((selector) => selector.isExcluded !== true && covers(selector.host, host)) &&
			!about.some((selector) => selector.isExcluded === true && coversHost(selector.host, host)),
	);
}

/** What egresses see together, and the destinations of their routes: those work even when no listener names them (Istio). */
function collectServices(
	egresses: readonly Egress[],
	all: ReadonlyMap<string, SeenService>,
	clientNamespace: string,
): ReadonlyMap<string, SeenService> {
	const found = new Map<string, SeenService>();
	const add = (seen: SeenService): void => {
		const known = found.get(seen.host);
		if (known === undefined) found.set(seen.host, seen);
		else if (known.ports.length < known.service.ports.length) {
			const more = seen.ports.filter((port) => !known.ports.includes(port));
			found.set(seen.host, { ...known, ports: [...known.ports, ...more] });
		}
	};
	for (const { services, virtualServices } of egresses) {
		for (const seen of services.values()) add(seen);
		for (const rule of virtualServices)
			for (const host of listDestinations(rule, clientNamespace)) {
				const seen = all.get(host);
				if (seen !== undefined) add(seen);
			}
	}
	return found;
}

/** Hosts that a VirtualService sends to, for clients of a namespace. */
function listDestinations(rule: VirtualService, clientNamespace: string): Set<string> {
	const hosts = new Set<string>();
	for (const { matches, backends, ...rest } of [...rule.http, ...rule.tls, ...rule.tcp]) {
		const isFor = ({ scope }: { readonly scope?: { readonly sourceNamespace?: string } }): boolean =>
			scope?.sourceNamespace === undefined || scope.sourceNamespace === clientNamespace;
		if (matches.length > 0 && !matches.some(isFor)) continue;
		const mirrors = "mirrors" in rest ? (rest.mirrors ?? []) : [];
		for (const { destination } of [...backends, ...mirrors])
			if (destination.kind === "host") hosts.add(destination.host);
	}
	return hosts;
}
