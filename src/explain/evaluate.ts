import { resolveEndpoints } from "../control/translate/index.ts";
import { MeshError } from "../core/index.ts";
import type { RequestHead } from "../engine/format/index.ts";
import { isHttpProtocol } from "../model/index.ts";
import type { ListenerConfig } from "../proxy/runtime-config/index.ts";
import { type Arrival, type HopResult, simulateConnection, type Target } from "./connection.ts";
import {
	allowPoliciesOf,
	type Caller,
	type DestinationContext,
	explainArrival,
	explainDestination,
	tokenRulesOf,
} from "./destination.ts";
import { findInstanceAt } from "./endpoints.ts";
import type { DestinationExplanation, Ending, Explanation, Query, WorkloadExplanation } from "./explanation.ts";
import type { FilterContext } from "./http-filters.ts";
import {
	type Destination,
	describeSource,
	resolveDestination,
	resolveSource,
	type Source,
	suggestCorrection,
} from "./parties.ts";
import type { ProxyView } from "./proxy-view.ts";
import type { Transport } from "./transport.ts";
import { listGateways, type World } from "./world.ts";

/** Address of clients outside the mesh (RFC 5737). */
const outsideAddress = "198.51.100.1";

/** Simulates a call with what the proxies on its way would run.
 *  @param nowSeconds since the Unix epoch, for tokens
 *  @throws MeshError `OBJECT_NOT_FOUND` when nothing has the name of the source */
export function evaluate(world: World, query: Query, nowSeconds: number): Explanation {
	const source = resolveSource(world, query.from);
	const namespace =
		source.kind === "outside" ? "" : source.kind === "gateway" ? source.gateway.namespace : source.instance.namespace;
	const destination = resolveDestination(world, query, namespace);
	const party = describeSource(world, source, query);
	const request = createRequest(query, source, destination);
	const address = query.sourceAddress ?? (source.kind === "workload" ? source.instance.address : outsideAddress);
	const labels =
		source.kind === "outside" ? {} : source.kind === "gateway" ? source.gateway.labels : source.instance.labels;
	const caller: Caller = {
		namespace,
		labels,
		address: source.kind === "gateway" ? source.gateway.address : address,
		identity: party.identity,
		destination,
	};
	const context: DestinationContext = { world, query, caller, nowSeconds };
	const { service: _service, authority: _authority, ...target } = destination;
	const head = { query, source: party, target };
	const proxy = source.kind === "outside" ? undefined : source.proxy;
	if (proxy === undefined) {
		const entry =
			destination.service === undefined && query.address === undefined ? findEntry(world, query, request) : undefined;
		if (entry !== undefined) return { ...evaluate(world, { ...query, from: entry }, nowSeconds), query };
		return { ...head, ...explainDirect(destination, request, context) };
	}
	const listener = findListener(world, source, proxy, destination, query, request);
	if (listener === undefined) return { ...head, destinations: [], ...noListener(world, source, destination) };
	const arrival: Arrival = {
		sourceAddress: address,
		destinationAddress: destination.address,
		destinationPort: listener.port,
		...(listener.isTls && { tls: { serverName: query.serverName ?? destination.host, alpn: ["h2", "http/1.1"] } }),
		...(request !== undefined && (!listener.isTls || source.kind === "gateway") && { request }),
	};
	const instance = source.kind === "outside" ? undefined : source.instance;
	const filters: FilterContext = {
		proxy,
		provenance: world.provenance,
		claims: query.claims,
		external: query.external ?? "allow",
		nowSeconds,
		tokenRules: instance === undefined ? [] : tokenRulesOf(world, instance),
		allowPolicies: instance === undefined ? [] : allowPoliciesOf(world, instance),
		name: proxy.name,
	};
	const result = simulateConnection(listener.config, arrival, filters);
	if (world.whole !== undefined && isAsked(result, proxy)) {
		const asked = evaluate(world.whole(), query, nowSeconds);
		if (asked.outbound?.http?.virtualHost !== result.hop.http?.virtualHost || result.hop.http === undefined)
			return markAsked(asked);
	}
	return { ...head, ...finish(result, destination, context, proxy) };
}

/** Clusters that stand for the control plane's answer to a host, or an address, that a proxy does not know yet. */
const onDemandClusters = ["amime|on-demand", "amime|on-demand-tcp"];

/** Whether a proxy asks for the host with the first request, and has its routes from then on. */
function isAsked({ hop, targets }: HopResult, proxy: ProxyView): boolean {
	if (targets.some(({ cluster }) => cluster === "" || onDemandClusters.includes(cluster))) return true;
	const host = hop.http?.virtualHost;
	return host !== undefined && catchAllHosts.has(host) && proxy.cluster(onDemandClusters[0]!) !== undefined;
}

/** Virtual hosts of translation for whatever has none of its own. */
const catchAllHosts = new Set(["unknown_host", "block_all", "allow_any"]);

function markAsked(explanation: Explanation): Explanation {
	const { outbound } = explanation;
	if (outbound === undefined) return explanation;
	const note = "the proxy asks the control plane for this host with the first request";
	return { ...explanation, outbound: { ...outbound, notes: [...outbound.notes, note] } };
}

type Finished = Ending & Pick<Explanation, "outbound" | "destinations">;

/** Follows every cluster that the source's proxy may choose, and concludes. */
function finish(
	{ hop, targets, end }: HopResult,
	destination: Destination,
	context: DestinationContext,
	proxy: ProxyView,
): Finished {
	if (end !== undefined) {
		const correction =
			end.outcome === "unroutable" && end.fix?.startsWith("give a route") === true
				? suggestCorrection(context.world, destination)
				: undefined;
		return {
			outbound: hop,
			destinations: [],
			...end,
			...(correction !== undefined && { fix: correction }),
		};
	}
	const destinations = targets.map((target) => explainDestination(proxy, target, context));
	return { outbound: hop, destinations, ...conclude(destinations, hop.http?.route?.object) };
}

/** The worst end of all, with the share of the calls that it has. */
function conclude(
	destinations: readonly DestinationExplanation[],
	route: Ending["because"][number] | undefined,
): Ending {
	const failed = destinations.filter(({ outcome }) => outcome !== "reached");
	const [worst] = failed;
	if (worst === undefined) {
		const clusters = destinations.map(({ cluster, percent }) =>
			percent === 100 ? cluster : `${cluster} (${percent} %)`,
		);
		const [only] = destinations;
		const detail =
			destinations.length === 1 && only!.workloads.length === 0 ? only!.summary : `reaches ${clusters.join(", ")}`;
		return { outcome: "reached", summary: detail, because: route === undefined ? [] : [route] };
	}
	const share = failed.reduce((sum, { percent }) => sum + percent, 0);
	const { outcome, summary, status, flags, fix, because } = worst;
	const objects = because.length > 0 ? because : route === undefined ? [] : [route];
	return {
		outcome,
		summary: share >= 100 ? summary : `${Number(share.toFixed(2))} % of the calls: ${summary}`,
		...(status !== undefined && { status }),
		...(flags !== undefined && { flags }),
		...(fix !== undefined && { fix }),
		because: objects,
	};
}

function createRequest(query: Query, source: Source, destination: Destination): RequestHead | undefined {
	const method = query.method ?? "GET";
	if (method === "TCP") return undefined;
	const headers = (query.headers ?? []).flatMap(([name, value]) => [name.toLowerCase(), value.trim()]);
	const given = (query.headers ?? []).find(([name]) => name.toLowerCase() === "host")?.[1];
	// Registered sidecars are HTTP proxies: the port is part of what they are asked for.
	const isProxied = source.kind === "workload" && source.instance.declaredBy === undefined;
	const withPort = isProxied && destination.port !== 80 && !/:\d+$/.test(destination.authority);
	return {
		method,
		path: method === "CONNECT" ? "" : (query.path ?? "/"),
		authority: given ?? (withPort ? `${destination.authority}:${destination.port}` : destination.authority),
		scheme: "http",
		headers: headers.filter((_, at) => headers[at - (at % 2)] !== "host"),
		upgrade: method === "CONNECT" ? "CONNECT" : undefined,
	};
}

interface FoundListener {
	readonly config: ListenerConfig;
	/** That the client's connection is for. */
	readonly port: number;
	/** The client speaks TLS itself. */
	readonly isTls: boolean;
}

/** The listener that a client's connection comes to. */
function findListener(
	world: World,
	source: Source,
	proxy: ProxyView,
	destination: Destination,
	{ serverName, viaHttpProxy }: Query,
	request: RequestHead | undefined,
): FoundListener | undefined {
	const { address, port, host } = destination;
	const found = (config: ListenerConfig | undefined, at = port): FoundListener | undefined =>
		config === undefined ? undefined : { config, port: at, isTls: serverName !== undefined };
	if (source.kind === "gateway") return findGatewayListener(world, source, proxy, port, serverName !== undefined);
	if (source.kind === "workload" && source.instance.declaredBy === undefined) {
		const servicePort = destination.service?.ports.find((one) => one.port === port);
		const isHttp =
			request !== undefined &&
			serverName === undefined &&
			(servicePort === undefined || isHttpProtocol(servicePort.protocol));
		if (isHttp) return found(proxy.listener("http_proxy"), source.instance.httpProxyPort);
		return found(proxy.listener(`upstream_${host}_${port}`));
	}
	if (viaHttpProxy === true) {
		const proxyPort = world.index.mesh.settings.proxyHttpPort;
		return proxyPort === undefined ? undefined : found(proxy.listener(`127.0.0.1_${proxyPort}`), proxyPort);
	}
	return found(
		proxy.listener(`${address}_${port}`) ?? proxy.listener(`0.0.0.0_${port}`) ?? proxy.listener("virtualOutbound"),
	);
}

/** A gateway listens where the Service in front of it leads to, or where the machine that runs it has put it. */
function findGatewayListener(
	{ index }: World,
	{ instance }: Extract<Source, { readonly kind: "gateway" }>,
	proxy: ProxyView,
	port: number,
	isTls: boolean,
): FoundListener | undefined {
	const behind = (instance === undefined ? [] : index.servicesOf(instance)).flatMap((service) =>
		service.ports.flatMap(({ port: own, targetPort }) => {
			if (own !== port) return [];
			return typeof targetPort === "number"
				? [targetPort]
				: (instance?.ports.find(({ name }) => name === targetPort)?.appPort ?? []);
		}),
	);
	const moved = instance?.gatewayPorts?.find((one) => one.port === port)?.listenPort;
	for (const candidate of [...(moved === undefined ? [] : [moved]), ...behind, port])
		for (const config of proxy.listeners())
			if (config.addresses.some((one) => one.kind === "socket" && one.port === candidate)) {
				const endsTls =
					config.filterChains.length > 0 &&
					config.filterChains.every(({ transportSocket }) => transportSocket.kind === "tls");
				return { config, port: candidate, isTls: isTls || endsTls };
			}
	return undefined;
}

function noListener(world: World, source: Source, destination: Destination): Ending {
	const { host, port } = destination;
	const who = source.kind === "gateway" ? `gateway ${source.gateway.namespace}/${source.gateway.name}` : "the proxy";
	const isGateway = source.kind === "gateway";
	const ports = isGateway ? listPorts(source.proxy) : [];
	return {
		outcome: "unroutable",
		status: 0,
		summary: isGateway ? `${who} does not listen on port ${port}` : `${who} has no listener for ${host}:${port}`,
		fix: isGateway
			? ports.length === 0
				? `add a listener for port ${port} to the Gateway`
				: `it listens on ${ports.join(", ")}: name that port, or add a listener for port ${port} to the Gateway`
			: (suggestCorrection(world, destination) ?? `add a Service for ${host}`),
		because: [],
	};
}

function listPorts(proxy: ProxyView): number[] {
	const ports = proxy
		.listeners()
		.flatMap(({ addresses }) => addresses.flatMap((one) => (one.kind === "socket" ? one.port : [])));
	return [...new Set(ports)].sort((a, b) => a - b);
}

/** The Gateway through which a host is reached from outside: the first whose proxy has a route for it. */
function findEntry(world: World, query: Query, request: RequestHead | undefined): string | undefined {
	const port = query.port ?? 80;
	if (request === undefined) return undefined;
	for (const gateway of listGateways(world.index)) {
		const name = `${gateway.namespace}/${gateway.name}`;
		const source = resolveSourceSafely(world, name);
		if (source?.kind !== "gateway") continue;
		if (findGatewayListener(world, source, source.proxy, port, query.serverName !== undefined) !== undefined)
			return name;
	}
	return undefined;
}

function resolveSourceSafely(world: World, name: string): Source | undefined {
	try {
		return resolveSource(world, name);
	} catch (error) {
		if (error instanceof MeshError) return undefined;
		throw error;
	}
}

/** A client without a proxy connects to an endpoint itself, in plain text. */
function explainDirect(
	destination: Destination,
	request: RequestHead | undefined,
	context: DestinationContext,
): Finished {
	const { world, query } = context;
	const { service, port, host } = destination;
	const transport: Transport = {
		mode: "plain text",
		serverName: query.serverName ?? "",
		expected: [],
		accepts: () => true,
	};
	const clusterName = `outbound|${port}||${host}`;
	const target: Target = { cluster: clusterName, percent: 100, ...(request !== undefined && { request }) };
	const servicePort = service?.ports.find((one) => one.port === port);
	const places =
		service !== undefined && servicePort !== undefined
			? resolveEndpoints(world.index, service, servicePort).filter(({ health }) => health === "ready")
			: [];
	const known = findInstanceAt(world.index, query.address ?? "", port);
	const arrivals =
		known !== undefined
			? [{ address: known.address, port }]
			: places.map(({ address, port: at }) => ({ address, port: at }));
	const workloads: WorkloadExplanation[] = [];
	for (const arrival of arrivals) {
		const instance = findInstanceAt(world.index, arrival.address, arrival.port);
		const name = instance === undefined ? arrival.address : `${instance.namespace}/${instance.workload}`;
		if (!workloads.some(({ workload }) => workload === name))
			workloads.push(explainArrival(instance, arrival, transport, target, context, clusterName));
	}
	const objects = world.provenance.ofCluster(clusterName);
	const none: Ending = {
		outcome: "unroutable",
		status: 0,
		summary:
			service === undefined
				? `the mesh has no Service ${host}, and no Gateway listens for it`
				: `${host} has no ready endpoint on port ${port}`,
		fix: suggestCorrection(world, destination) ?? "start an instance, or correct the port",
		because: objects,
	};
	const worst: Ending = workloads.find(({ outcome }) => outcome !== "reached") ?? workloads[0] ?? none;
	const { outcome, summary, status, flags, fix, because } = worst;
	const end: Ending = {
		outcome,
		summary,
		because,
		...(status !== undefined && { status }),
		...(flags !== undefined && { flags }),
		...(fix !== undefined && { fix }),
	};
	return { ...end, destinations: [{ ...end, percent: 100, cluster: clusterName, objects, endpoints: [], workloads }] };
}
