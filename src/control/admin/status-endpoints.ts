import {
	formatObjectName,
	formatSpiffeId,
	type InstanceHealth,
	type ObjectName,
	type Service,
	type ServicePort,
} from "../../model/index.ts";
import type { NodeStatus } from "../../xds/server/index.ts";
import { readNodeName } from "../snapshot/index.ts";
import { findTargetPort, type MeshIndex, resolveEndpoints, takesMutualTls } from "../translate/index.ts";
import { listRoutes } from "./route-list.ts";
import type { AdminRequest, Endpoint } from "./router.ts";

export interface StatusEndpointsOptions {
	readonly index: () => MeshIndex | undefined;
	readonly statuses: () => readonly NodeStatus[];
	/** Whether a change has not been sent to the proxies yet. */
	readonly isChanging: () => boolean;
}

/** A connected proxy with the instance it belongs to. */
export interface ListedProxy extends Omit<NodeStatus, "node"> {
	/** `namespace/name`. */
	readonly instance?: string;
	/** What the proxy calls itself. */
	readonly userAgent: string;
}

/** What there is and how far it got, for people and for the command line. */
export function createStatusEndpoints({ index, statuses, isChanging }: StatusEndpointsOptions): Endpoint[] {
	return [
		{
			method: "GET",
			path: "/v1/proxies",
			answer: () => ({ body: { items: listProxies(statuses()), converged: !isChanging() && !isStale(statuses()) } }),
		},
		{ method: "GET", path: "/v1/workloads", answer: () => ({ body: { items: listWorkloads(index()) } }) },
		{
			method: "GET",
			path: "/v1/routes",
			answer: (request) => withIndex(index, (found) => listRoutes(found, selectService(request))),
		},
		{
			method: "GET",
			path: "/v1/endpoints",
			answer: (request) => withIndex(index, (found) => listEndpoints(found, selectService(request))),
		},
	];
}

/** Whether a proxy has not answered what it was sent last; one that refused it has. */
function isStale(statuses: readonly NodeStatus[]): boolean {
	return statuses.some(({ types }) => types.some(({ state }) => state === "STALE"));
}

export function listProxies(statuses: readonly NodeStatus[]): ListedProxy[] {
	return statuses
		.map(({ node, ...status }): ListedProxy => {
			const name = readNodeName(status.nodeId);
			return {
				...status,
				...(name !== undefined && { instance: formatObjectName(name) }),
				userAgent: node.userAgentName,
			};
		})
		.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

export function listWorkloads(index: MeshIndex | undefined) {
	if (index === undefined) return [];
	const { trustDomain } = index.mesh.settings;
	const ready = new Map<string, number>();
	for (const { namespace, workload, health } of index.instances) {
		const key = `${namespace}/${workload}`;
		if (health === "ready") ready.set(key, (ready.get(key) ?? 0) + 1);
	}
	return [...index.mesh.workloads]
		.sort((a, b) => (formatObjectName(a) < formatObjectName(b) ? -1 : 1))
		.map(({ namespace, name, pattern, sidecar, serviceAccount, replicas, ports, source }) => ({
			namespace,
			name,
			pattern,
			...(pattern === "sidecar" && { sidecar, identity: formatSpiffeId({ trustDomain, namespace, serviceAccount }) }),
			replicas,
			ready: ready.get(`${namespace}/${name}`) ?? 0,
			ports,
			source,
		}));
}

function withIndex(index: () => MeshIndex | undefined, list: (index: MeshIndex) => readonly unknown[]) {
	const found = index();
	return { body: { items: found === undefined ? [] : list(found) } };
}

function selectService({ query }: AdminRequest): (service: ObjectName) => boolean {
	const name = query.get("service");
	const namespace = query.get("namespace");
	return (service) =>
		(name === null || service.name === name) && (namespace === null || service.namespace === namespace);
}

/** An instance, or an address, behind a port of a service. */
export interface ListedEndpoint {
	readonly namespace: string;
	readonly service: string;
	readonly port: number;
	readonly address: string;
	readonly meshPort: number;
	readonly instance: string;
	/** One that is `starting` is not given to proxies. */
	readonly health: InstanceHealth;
	readonly healthReason?: string;
	readonly tls: boolean;
}

/** Those that proxies are given, and those that start. */
export function listEndpoints(
	index: MeshIndex,
	select: (service: Service) => boolean = () => true,
): readonly ListedEndpoint[] {
	return index.services.filter(select).flatMap((service) =>
		service.ports.flatMap((port) => {
			const place = { namespace: service.namespace, service: service.name, port: port.port };
			const given = resolveEndpoints(index, service, port).map(
				({ instance, address, port: meshPort, health, isMutualTls }): ListedEndpoint => ({
					...{ ...place, address, meshPort, instance: instance?.name ?? address, health },
					...(instance?.healthReason !== undefined && { healthReason: instance.healthReason }),
					tls: isMutualTls,
				}),
			);
			return [...given, ...listStarting(index, service, port).map((endpoint) => ({ ...place, ...endpoint }))];
		}),
	);
}

function listStarting(index: MeshIndex, service: Service, port: ServicePort) {
	return index.instancesOf(service).flatMap((instance): Omit<ListedEndpoint, "namespace" | "service" | "port">[] => {
		const { address, namespace, workload, name, health, healthReason } = instance;
		const target =
			health === "starting" && findTargetPort(port, instance, index.workload({ namespace, name: workload }));
		if (!target) return [];
		const tls = takesMutualTls(index, instance, target);
		return [
			{
				address,
				meshPort: target.meshPort,
				instance: name,
				health,
				...(healthReason !== undefined && { healthReason }),
				tls,
			},
		];
	});
}
