import { isHttpProtocol, type ServicePort } from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { resolveEndpoints } from "../endpoint.ts";
import type { OutboundProxy } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { compareText } from "../names.ts";
import { type AddressedServices, findAddressedServices, listVirtualAddresses } from "./addressed-services.ts";
import type { Egress, EgressScope, SeenService } from "./egress-scope.ts";
import { type StreamChain, translateStreamChains } from "./stream-chains.ts";

/** What listens at one outbound address and port. */
export interface ListenerPlan {
	readonly address: string;
	readonly port: number;
	/** HTTP goes by this route configuration; undefined carries none. */
	readonly routeConfigName?: string;
	/** HTTP is told from other traffic by its first bytes. */
	readonly isSniffed: boolean;
	readonly chains: readonly StreamChain[];
	/** Clients connect to it; captured traffic is handed to it otherwise. */
	readonly bindsToPort: boolean;
}

const anyAddress = "0.0.0.0";

/** The outbound listeners of a captured client: one for HTTP on every port, one for each address of other services and of those whose
 *  HTTP goes by their address. Of services that want the same address, the older one is served. */
export function planListeners(
	index: MeshIndex,
	client: Client,
	scope: EgressScope,
	proxy: OutboundProxy,
): ListenerPlan[] {
	const plans = new Map<string, ListenerPlan & { readonly isLocked: boolean }>();
	const addressed = findAddressedServices(index, client, scope);
	for (const egress of scope.egresses) {
		const isWhole = egress.listener?.port === undefined;
		const locked = new Set(isWhole ? plans.keys() : []);
		for (const added of planEgress(index, client, egress, proxy, addressed)) {
			const key = `${added.address}_${added.port}`;
			// A port that an egress before it names is that egress's alone.
			if (locked.has(key)) continue;
			const known = plans.get(key);
			plans.set(key, { ...(known === undefined ? added : mergePlans(known, added)), isLocked: !isWhole });
		}
	}
	// HTTP of services that are not known yet goes by the routes of its port as well.
	for (const port of scope.onDemand?.httpPorts ?? []) {
		const key = `${anyAddress}_${port}`;
		const plan = {
			...{ address: anyAddress, port, routeConfigName: String(port), isSniffed: true, chains: [] },
			...{ bindsToPort: false, isLocked: false },
		};
		const known = plans.get(key);
		plans.set(key, known === undefined ? plan : { ...mergePlans(known, plan), isLocked: known.isLocked });
	}
	return [...plans.values()].sort((a, b) => a.port - b.port || compareText(a.address, b.address));
}

function planEgress(
	index: MeshIndex,
	client: Client,
	egress: Egress,
	proxy: OutboundProxy,
	addressed: AddressedServices,
): ListenerPlan[] {
	const { listener } = egress;
	const services = [...egress.services.values()].sort(
		(a, b) => (a.service.createdAt ?? 0) - (b.service.createdAt ?? 0) || compareText(a.host, b.host),
	);
	const bindsToPort = listener?.captureMode === "NONE";
	const bind = listener?.bind ?? (bindsToPort ? "127.0.0.1" : undefined);
	const fixed = listener?.port;
	if (fixed?.protocol === "http-proxy")
		return [
			{
				address: bind ?? anyAddress,
				port: fixed.number,
				routeConfigName: String(fixed.number),
				isSniffed: false,
				chains: [],
				bindsToPort,
			},
		];
	return services.flatMap((seen) =>
		seen.ports.flatMap((port) => [
			...planPort(index, client, egress, proxy, seen, port, bind, bindsToPort),
			...(addressed.get(port.port)?.has(seen.host) === true ? planAddresses(seen, port) : []),
		]),
	);
}

function planPort(
	index: MeshIndex,
	client: Client,
	egress: Egress,
	proxy: OutboundProxy,
	seen: SeenService,
	port: ServicePort,
	bind: string | undefined,
	bindsToPort: boolean,
): ListenerPlan[] {
	const number = egress.listener?.port?.number ?? port.port;
	if (isHttpProtocol(port.protocol)) {
		const address = bind ?? anyAddress;
		const isSniffed = address === anyAddress;
		return [{ address, port: number, routeConfigName: String(number), isSniffed, chains: [], bindsToPort }];
	}
	return listAddresses(index, seen, port, bind).map(({ address, subnets }) => {
		const isOwnListener = address !== anyAddress;
		const chains = translateStreamChains(
			{ index, client, proxy, virtualServices: egress.virtualServices, port: number, subnets, isOwnListener },
			seen,
			port,
		);
		const isSniffed = port.protocol === "auto";
		const routeConfigName = isOwnListener ? `${seen.host}:${number}` : String(number);
		return { address, port: number, ...(isSniffed && { routeConfigName }), isSniffed, chains, bindsToPort };
	});
}

/** HTTP of one service alone, at its addresses. */
function planAddresses({ host, service }: SeenService, { port }: ServicePort): ListenerPlan[] {
	const shared = { port, routeConfigName: `${host}:${port}`, isSniffed: true, chains: [], bindsToPort: false };
	return listVirtualAddresses(service).map((address) => ({ ...shared, address }));
}

/** Where clients of a port that is no HTTP connect to: the addresses of the service, those of its endpoints when it is headless, or any
 *  address (in some blocks). */
function listAddresses(
	index: MeshIndex,
	{ service }: SeenService,
	port: ServicePort,
	bind: string | undefined,
): { readonly address: string; readonly subnets: readonly string[] }[] {
	if (bind !== undefined) return [{ address: bind, subnets: [] }];
	const { addresses = [] } = service;
	const single = addresses.filter((address) => !address.includes("/"));
	const blocks = addresses.filter((address) => address.includes("/"));
	if (addresses.length > 0)
		return [
			...single.map((address) => ({ address, subnets: [] })),
			...(blocks.length > 0 ? [{ address: anyAddress, subnets: blocks }] : []),
		];
	if (service.isHeadless !== true || service.host !== undefined) return [{ address: anyAddress, subnets: [] }];
	return resolveEndpoints(index, service, port).map(({ address }) => ({ address, subnets: [] }));
}

/** Two services at one address: HTTP of both goes by one route configuration; of chains for the same connections the first stays. */
function mergePlans(known: ListenerPlan, added: ListenerPlan): ListenerPlan {
	const keyOf = ({ sniHosts, subnets }: StreamChain): string => `${sniHosts.join()}|${subnets.join()}`;
	const taken = new Set(known.chains.map(keyOf));
	const routeConfigName = known.routeConfigName ?? added.routeConfigName;
	return {
		...known,
		...(routeConfigName !== undefined && { routeConfigName }),
		isSniffed: known.isSniffed || added.isSniffed,
		chains: [...known.chains, ...added.chains.filter((chain) => !taken.has(keyOf(chain)))],
	};
}
