import type {
	DestinationRule,
	PortTrafficPolicy,
	Service,
	ServicePort,
	TrafficPolicy,
	WorkloadInstance,
} from "../../../model/index.ts";
import type { ObjectRef } from "../../provenance/index.ts";
import { type HostPolicy, hostOf, resolveHostPolicy } from "../../translate/index.ts";
import { type Case, compact, type KnownMesh, type Whereabouts } from "./diagnosis.ts";

/** Where a proxy wanted to send a request, `outbound|80|v1|reviews.shop.svc.cluster.local`, as the mesh knows it. */
export interface Upstream {
	readonly host: string;
	readonly port: number;
	readonly subset: string;
	/** Undefined where nobody has the host. */
	readonly service: Service | undefined;
	readonly servicePort: ServicePort | undefined;
	readonly policy: HostPolicy;
	/** The Service, then the DestinationRules. */
	readonly objects: readonly ObjectRef[];
}

/** The client of a failure's proxy: whose objects count. */
export interface MeshClient {
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
}

/** The instance beside a failure's proxy; undefined once it is gone. */
export function findOwnInstance({ failure, mesh }: Case): WorkloadInstance | undefined {
	const [namespace = "", name = ""] = failure.proxy.split("/");
	return mesh.index.instance({ namespace, name });
}

/** The objects of which namespace, and for which labels, a failure's proxy goes by. */
export function clientOf(asked: Case): MeshClient {
	const [namespace = ""] = asked.failure.proxy.split("/");
	return { namespace, labels: findOwnInstance(asked)?.labels ?? {} };
}

/** Reads the cluster of a failure; undefined for one that leads to no other host, such as that of the proxy's own application. */
export function findUpstream(asked: Case): Upstream | undefined {
	const { failure, mesh } = asked;
	return readUpstream(failure.upstream_cluster ?? failure.missing_cluster ?? "", clientOf(asked), mesh);
}

/** Reads the name of a cluster as a client sees it; undefined for one that leads to no other host. */
export function readUpstream(cluster: string, client: MeshClient, mesh: Whereabouts): Upstream | undefined {
	const [direction, port = "", subset = "", host = ""] = cluster.split("|");
	if (direction !== "outbound") return undefined;
	const service = mesh.index.serviceByHost(host, client.namespace);
	return {
		...{ host, port: Number(port), subset, service },
		servicePort: service?.ports.find((candidate) => candidate.port === Number(port)),
		policy: resolveHostPolicy(mesh.index, host, service?.namespace ?? client.namespace, client),
		objects: mesh.provenance.ofCluster(cluster, client),
	};
}

/** Whether a proxy leads to its own application. */
export function isOwnApplication({ failure }: Case): boolean {
	return failure.upstream_cluster?.startsWith("inbound|") === true;
}

/** The instance that answers at `address:port`, and its port there. */
export function findInstanceAt({ index }: KnownMesh, place: string | null) {
	if (place === null) return undefined;
	const [, address = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(place) ?? [];
	for (const instance of index.instances) {
		if (instance.address !== address) continue;
		const found = instance.ports.find((one) => one.meshPort === Number(port) || one.appPort === Number(port));
		if (found !== undefined) return { instance, port: found };
	}
	return undefined;
}

/** A part of the traffic policy that counts for an upstream: the value, and the field of the DestinationRule that says it. */
export function findTrafficPolicy<K extends keyof PortTrafficPolicy>(
	{ policy, port, subset }: Upstream,
	{ provenance }: Whereabouts,
	part: K,
): { readonly value: NonNullable<PortTrafficPolicy[K]>; readonly ref: ObjectRef | undefined } | undefined {
	for (const { rule, place, settings, isLast } of policy.rules.flatMap((one) => listPlaces(one, subset, port))) {
		const value = settings[part];
		if (value !== undefined) return { value, ref: provenance.of("DestinationRule", rule, `${place}.${part}`) };
		if (isLast) return undefined;
	}
	return undefined;
}

interface Place {
	readonly rule: DestinationRule;
	readonly place: string;
	readonly settings: PortTrafficPolicy;
	/** Settings of a port stand alone: what they leave out has its default. */
	readonly isLast: boolean;
}

/** Where a DestinationRule says something, what counts first in front. */
function listPlaces(rule: DestinationRule, subset: string, port: number): readonly Place[] {
	const at = rule.subsets.findIndex(({ name }) => name === subset);
	const written: readonly (readonly [string, TrafficPolicy | undefined])[] = [
		[`spec.subsets[${at}].trafficPolicy`, rule.subsets[at]?.trafficPolicy],
		["spec.trafficPolicy", rule.trafficPolicy],
	];
	return written.flatMap(([place, settings]): Place[] => {
		if (settings === undefined) return [];
		const own = settings.portLevel?.[port];
		return own === undefined
			? [{ rule, place, settings, isLast: false }]
			: [{ rule, place: `${place}.portLevelSettings[${own.position}]`, settings: own, isLast: true }];
	});
}

/** Every name that callers of a namespace may use for a host of the mesh. */
export function listHosts({ index }: KnownMesh, namespace: string): string[] {
	return index.services.flatMap((service) => {
		const host = hostOf(service, index.mesh.settings);
		if (service.host !== undefined) return host;
		const { name } = service;
		return [...(service.namespace === namespace ? [name] : []), `${name}.${service.namespace}`, host];
	});
}

/** The ServiceEntry or Service behind an upstream, at a field. */
export function ofServiceAt({ service }: Upstream, { provenance }: Whereabouts, field: string): readonly ObjectRef[] {
	if (service === undefined) return [];
	const { namespace, entry, name } = service;
	return compact([
		entry === undefined
			? provenance.of("Service", { namespace, name }, field)
			: provenance.of("ServiceEntry", { namespace, name: entry }, field),
	]);
}
