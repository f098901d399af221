import { hostOf } from "../control/translate/index.ts";
import { findNearest, MeshError, suggestNearest } from "../core/index.ts";
import { formatObjectName, formatSpiffeId, mayBeHttp, type Service, type WorkloadInstance } from "../model/index.ts";
import type { PartyExplanation, Query, TargetExplanation } from "./explanation.ts";
import type { ProxyView } from "./proxy-view.ts";
import { findGateways, type GatewayName, type World } from "./world.ts";

/** Who calls. */
export type Source =
	| { readonly kind: "outside" }
	| { readonly kind: "workload"; readonly instance: WorkloadInstance; readonly proxy: ProxyView | undefined }
	| {
			readonly kind: "gateway";
			readonly gateway: GatewayName;
			readonly instance: WorkloadInstance | undefined;
			readonly proxy: ProxyView;
	  };

/** Finds who `from` names.
 *  @throws MeshError `OBJECT_NOT_FOUND` with the nearest name */
export function resolveSource(world: World, from: string): Source {
	if (from === "outside") return { kind: "outside" };
	const { index } = world;
	for (const { namespace, name } of readName(from)) {
		const fits = (object: { readonly namespace: string; readonly name: string }): boolean =>
			object.name === name && (namespace === undefined || object.namespace === namespace);
		const named = [...index.mesh.gateways, ...index.mesh.istioGateways].find(fits);
		const inNamespace = index.instances.filter((one) => namespace === undefined || one.namespace === namespace);
		const service = index.services.find((one) => fits(one) && one.host === undefined);
		const instance =
			inNamespace.find((one) => one.name === name) ??
			inNamespace.find((one) => one.workload === name) ??
			inNamespace.find((one) => one.labels["app"] === name) ??
			(service === undefined ? undefined : index.instances.find((one) => index.servicesOf(one).includes(service)));
		const gateway = named === undefined ? undefined : findGateways(index, named.namespace, named.name)[0];
		const found = gateway === undefined ? undefined : openGateway(world, gateway);
		if (found !== undefined) return found;
		if (instance === undefined) continue;
		return gatewayOf(world, instance) ?? { kind: "workload", instance, proxy: world.sidecar(instance) };
	}
	const names = [
		...index.instances.flatMap((one) => [one.workload, `${one.namespace}/${one.workload}`]),
		...index.mesh.workloads.map((one) => one.name),
		...[...index.mesh.gateways, ...index.mesh.istioGateways].map((one) => `${one.namespace}/${one.name}`),
	];
	const hint = suggestNearest(from, names);
	throw new MeshError(
		"OBJECT_NOT_FOUND",
		`no workload and no Gateway is called ${from}${hint || ": give a name, namespace/name, or 'outside'"}`,
	);
}

/** `namespace/name`, `name.namespace`, or a name in any namespace. */
function readName(text: string): { readonly namespace?: string; readonly name: string }[] {
	const slash = text.indexOf("/");
	if (slash !== -1) return [{ namespace: text.slice(0, slash), name: text.slice(slash + 1) }];
	const dot = text.lastIndexOf(".");
	return [{ name: text }, ...(dot === -1 ? [] : [{ name: text.slice(0, dot), namespace: text.slice(dot + 1) }])];
}

/** A proxy that was started for Gateways, or a Pod that they choose by its labels. */
function gatewayOf(world: World, instance: WorkloadInstance): Source | undefined {
	if (instance.pattern === "gateway") return openGateway(world, instance);
	if (instance.declaredBy !== "Pod") return undefined;
	const { gateways, istioGateways } = world.index.mesh;
	const isChosen = [...gateways, ...istioGateways].some(({ namespace, name }) =>
		findGateways(world.index, namespace, name).some(
			(one) => one.name === instance.name && one.namespace === instance.namespace,
		),
	);
	return isChosen ? openGateway(world, instance) : undefined;
}

function openGateway(world: World, gateway: GatewayName): Source | undefined {
	const proxy = world.gateway(gateway);
	if (proxy === undefined) return undefined;
	return { kind: "gateway", gateway, instance: world.index.instance(gateway), proxy };
}

export function describeSource(world: World, source: Source, query: Query): PartyExplanation {
	const { trustDomain } = world.index.mesh.settings;
	if (source.kind === "outside")
		return { description: "outside", kind: "none", ...(query.identity !== undefined && { identity: query.identity }) };
	const { instance } = source;
	const who = source.kind === "workload" ? source.instance : source.gateway;
	const hasProxy = source.kind === "gateway" || source.proxy !== undefined;
	// A Gateway that nothing serves is looked at as if it ran, with an account of its own name.
	const serviceAccount = instance?.serviceAccount ?? who.name;
	const identity =
		query.identity ??
		(hasProxy ? formatSpiffeId({ trustDomain, namespace: who.namespace, serviceAccount }) : undefined);
	const name = instance === undefined ? undefined : { namespace: instance.namespace, name: instance.workload };
	const object =
		name === undefined ? undefined : (world.provenance.of("Workload", name) ?? world.provenance.of("Pod", instance!));
	const kind = source.kind === "gateway" ? "gateway" : hasProxy ? "sidecar" : "none";
	return {
		description: `${kind === "none" ? "client without a proxy" : kind} ${who.namespace}/${who.name}`,
		kind,
		...(identity !== undefined && { identity }),
		...(object !== undefined && { object }),
	};
}

/** Where a call is to go. */
export interface Destination extends TargetExplanation {
	readonly service?: Service;
	/** As the client's request names it. */
	readonly authority: string;
}

/** Addresses that stand for a host outside the mesh whose own is not known (RFC 5737). */
const unknownAddress = "192.0.2.1";

/** Finds the host that a call is for, as clients of a namespace would resolve it. */
export function resolveDestination(world: World, query: Query, namespace: string): Destination {
	const [, host = query.to, portText] = /^(.*?)(?::(\d+))?$/.exec(query.to) ?? [];
	const service = findService(world, host.toLowerCase(), namespace);
	const port = query.port ?? (portText === undefined ? defaultPort(service, query) : Number(portText));
	const object =
		service === undefined
			? undefined
			: world.provenance.ofCluster(`outbound|${port}||${hostOf(service, world.index.mesh.settings)}`, {
					namespace,
					labels: {},
				})[0];
	return {
		host:
			service === undefined
				? host
				: service.host?.startsWith("*") === true
					? host
					: hostOf(service, world.index.mesh.settings),
		port,
		address:
			query.address ??
			addressOf(world, service, port) ??
			(/^[\d.]+$|^[0-9a-f:]*:[0-9a-f:]*$/i.test(host) ? host : unknownAddress),
		...(object !== undefined && { object }),
		...(service !== undefined && { service }),
		authority: query.to,
	};
}

function findService({ index }: World, host: string, namespace: string): Service | undefined {
	const { clusterDomain } = index.mesh.settings;
	for (const candidate of [
		`${host}.${namespace}.svc.${clusterDomain}`,
		`${host}.svc.${clusterDomain}`,
		`${host}.${clusterDomain}`,
		host,
	]) {
		const service = index.serviceByHost(candidate, namespace);
		if (service !== undefined) return service;
	}
	return index.services
		.filter((service) => service.host?.startsWith("*.") === true && host.endsWith(service.host.slice(1)))
		.sort((a, b) => b.host!.length - a.host!.length)[0];
}

function defaultPort(service: Service | undefined, { method, serverName }: Query): number {
	if (service === undefined) return serverName === undefined ? 80 : 443;
	const isFor = (protocol: Service["ports"][number]["protocol"]): boolean =>
		method === "TCP" ? !mayBeHttp(protocol) : mayBeHttp(protocol);
	return (service.ports.find(({ protocol }) => isFor(protocol)) ?? service.ports[0])?.port ?? 80;
}

/** The virtual address, else that of an endpoint as DNS would give it. */
function addressOf({ index }: World, service: Service | undefined, port: number): string | undefined {
	if (service === undefined) return undefined;
	const [address] = service.addresses ?? [];
	if (address !== undefined) return address.split("/")[0]!;
	const target = service.ports.find((one) => one.port === port);
	if (service.isHeadless === true && target !== undefined) {
		const instance = index.instancesOf(service)[0];
		return instance?.address ?? service.endpoints?.[0]?.address;
	}
	return undefined;
}

/** What to write in place of a host that leads nowhere: the name with its namespace, the nearest name, or a port that its Service has. */
export function suggestCorrection({ index }: World, { host, port, service }: Destination): string | undefined {
	if (service !== undefined) {
		const ports = service.ports.map((one) => one.port);
		return ports.includes(port)
			? undefined
			: `${formatObjectName(service)} has no port ${port}: it has ${ports.join(", ")}`;
	}
	const { settings } = index.mesh;
	const [same] = index.services.filter(({ name }) => name === host);
	const names = index.services.flatMap((one) => [one.name, `${one.name}.${one.namespace}`, hostOf(one, settings)]);
	const nearest = same === undefined ? findNearest(host, names) : `${same.name}.${same.namespace}`;
	return nearest === undefined ? undefined : `did you mean '${nearest}'?`;
}
