import type { ConfigObject, KindName } from "../../config/index.ts";
import type { DestinationRule, ObjectName, Service } from "../../model/index.ts";
import { clusterType, endpointType, listenerType, routeType } from "../../xds/server/index.ts";
import { findAskingRules, hostOf, type MeshIndex, resolveHostPolicy } from "../translate/index.ts";

/** An object, and the field of it that something comes from. */
export interface ObjectRef {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	/** Path of the file as given, or `api`. */
	readonly file: string;
	/** 1-based line of the field, of the object without one; 0 when unknown. */
	readonly line: number;
	/** Field path such as `spec.http[0]`; empty for the whole object. */
	readonly path: string;
}

/** Finds the objects behind what proxies are given. Unknown names have none. */
export interface Provenance {
	/** One object by its key. */
	of(kind: KindName, name: ObjectName, path?: string): ObjectRef | undefined;
	/** The rule behind a route, by the route's name and its `istio` metadata; the Service for a route that goes without saying. */
	ofRoute(route: {
		readonly name: string;
		readonly metadata: Readonly<Record<string, unknown>>;
		readonly virtualHost: string;
	}): ObjectRef | undefined;
	/** The rule behind a policy of RBAC, `ns[…]-policy[…]-rule[…]`, in any of its spellings. */
	ofPolicy(policy: string): ObjectRef | undefined;
	/** The Service (or ServiceEntry) of a cluster, then the DestinationRules that a client of a namespace has for it, the one with its
	 *  subset at that field. */
	ofCluster(
		cluster: string,
		client?: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
	): readonly ObjectRef[];
	/** The ExternalAuth filters of routes behind an HTTP filter, by its name. */
	ofFilter(name: string): readonly ObjectRef[];
	/** What a whole resource of a type can come from, the most likely first: for refusals that name a resource. */
	ofResource(typeUrl: string, name: string): readonly ObjectRef[];
}

/** Looks names up in a mesh and the objects that it was built of. */
export function createProvenance(mesh: {
	readonly index: MeshIndex;
	readonly objects: Iterable<ConfigObject>;
}): Provenance {
	return new MeshProvenance(mesh.index, mesh.objects);
}

class MeshProvenance implements Provenance {
	readonly #index: MeshIndex;
	readonly #objects: ReadonlyMap<string, ConfigObject>;

	constructor(index: MeshIndex, objects: Iterable<ConfigObject>) {
		this.#index = index;
		this.#objects = new Map(Array.from(objects, (object) => [keyOf(object.kind, object), object] as const));
	}

	of(kind: KindName, name: ObjectName, path = ""): ObjectRef | undefined {
		const object = this.#objects.get(keyOf(kind, name));
		if (object === undefined) return undefined;
		const line = path === "" ? object.source.line : object.locate(path).line;
		return { kind, namespace: object.namespace, name: object.name, file: object.source.file, line, path };
	}

	ofRoute({ name, metadata, virtualHost }: Parameters<Provenance["ofRoute"]>[0]): ObjectRef | undefined {
		const { config, rule, delegate } = (metadata["istio"] ?? {}) as Readonly<Record<string, unknown>>;
		const described = /^\/apis\/[^/]+\/[^/]+\/namespaces\/([^/]+)\/virtual-service\/([^/]+)$/.exec(
			String(delegate ?? config ?? ""),
		);
		if (described !== null) {
			const [, namespace = "", ofName = ""] = described;
			return this.of("VirtualService", { namespace, name: ofName }, typeof rule === "string" ? rule : "");
		}
		const numbered = /^([^/]+)\/([^/]+)\/(\d+)\/(\d+)$/.exec(name);
		if (numbered !== null) {
			const [, namespace = "", ofName = "", ruleIndex = "", matchIndex = ""] = numbered;
			return this.#ofGatewayRoute({ namespace, name: ofName }, Number(ruleIndex), Number(matchIndex));
		}
		const service = this.#serviceAt(virtualHost);
		return service === undefined ? undefined : this.#ofService(service);
	}

	ofPolicy(policy: string): ObjectRef | undefined {
		const [, namespace, name, rule] = /ns\[([^\]]+)\]-policy\[([^\]]+)\]-rule\[(\d+)\]/.exec(policy) ?? [];
		if (namespace === undefined || name === undefined) return undefined;
		return this.of("AuthorizationPolicy", { namespace, name }, `spec.rules[${rule}]`);
	}

	ofCluster(cluster: string, client?: Parameters<Provenance["ofCluster"]>[1]): readonly ObjectRef[] {
		const [direction, , subset = "", host = ""] = cluster.split("|");
		if (direction !== "outbound") return [];
		const service = this.#index.serviceByHost(host, client?.namespace);
		const found: (ObjectRef | undefined)[] = service === undefined ? [] : [this.#ofService(service)];
		const whose = client ?? { namespace: service?.namespace ?? "", labels: {} };
		const { rules } = resolveHostPolicy(this.#index, host, service?.namespace ?? whose.namespace, whose);
		for (const rule of rules) found.push(this.of("DestinationRule", rule, subsetPath(rule, subset)));
		return found.filter((ref) => ref !== undefined);
	}

	ofFilter(name: string): readonly ObjectRef[] {
		return findAskingRules(this.#index, name).flatMap(({ route, path }) => this.of(route.kind, route, path) ?? []);
	}

	ofResource(typeUrl: string, name: string): readonly ObjectRef[] {
		if (typeUrl === clusterType || typeUrl === endpointType) return this.ofCluster(name);
		if (typeUrl === routeType || typeUrl === listenerType) {
			const service = this.#serviceAt(name.replace(/^upstream_(.*)_(\d+)$/, "$1:$2"));
			if (service === undefined) return typeUrl === listenerType ? this.#ofListener(name) : [];
			const own = this.#ofService(service);
			const routes = this.#index.routesOf(service);
			return [...routes.map((route) => this.#ofGatewayRoute(route, 0, undefined)), own].filter(
				(ref) => ref !== undefined,
			);
		}
		return [];
	}

	/** What listens on `address_port`: Gateways on any address, services on theirs. */
	#ofListener(name: string): ObjectRef[] {
		const [, address = "", number] = /^(.*)_(\d+)$/.exec(name) ?? [];
		const port = Number(number);
		const services = this.#index.services.filter(
			({ addresses = [], ports }) => addresses.includes(address) && ports.some((own) => own.port === port),
		);
		if (services.length > 0) return services.flatMap((service) => this.#ofService(service) ?? []);
		const { attachments, mesh } = this.#index;
		const listeners = [...attachments.gateways.values()].flatMap((gateway) =>
			gateway.listeners.filter(({ listener, owner }) => this.#isBehind(owner.namespace, listener.port, port)),
		);
		const servers = mesh.istioGateways.flatMap((gateway) =>
			gateway.servers
				.filter(({ port: own }) => this.#isBehind(gateway.namespace, own.number, port))
				.map(({ path }) => this.of("IstioGateway", gateway, path)),
		);
		return [...listeners.map(({ owner, listener }) => this.of(owner.kind, owner, listener.path)), ...servers].filter(
			(ref) => ref !== undefined,
		);
	}

	/** Whether a proxy may listen on a port for what clients call another one: as it is, or behind a Service beside it. */
	#isBehind(namespace: string, port: number, bindPort: number): boolean {
		if (port === bindPort) return true;
		return this.#index.services.some(
			(service) =>
				service.namespace === namespace &&
				service.ports.some((own) => own.port === port && own.targetPort === bindPort),
		);
	}

	#ofGatewayRoute(name: ObjectName, rule: number, match: number | undefined): ObjectRef | undefined {
		const route = this.#index.mesh.httpRoutes.find(
			(candidate) => candidate.namespace === name.namespace && candidate.name === name.name,
		);
		if (route === undefined) return undefined;
		const path = match === undefined ? "" : (route.rules[rule]?.path ?? "");
		return this.of(route.kind, name, path);
	}

	/** `host:port` as virtual hosts are named. */
	#serviceAt(place: string): Service | undefined {
		return this.#index.serviceByHost(place.replace(/:\d+$/, ""));
	}

	#ofService(service: Service): ObjectRef | undefined {
		if (service.host === undefined) return this.of("Service", service);
		const { namespace, name, source } = service;
		if (service.entry !== undefined) {
			const entry = this.of("ServiceEntry", { namespace, name: service.entry }, "spec.hosts");
			if (entry !== undefined) return entry;
		}
		return {
			kind: "Service",
			namespace,
			name: name === "" ? hostOf(service, this.#index.mesh.settings) : name,
			...source,
			path: "",
		};
	}
}

function subsetPath({ subsets }: DestinationRule, subset: string): string {
	const place = subsets.findIndex(({ name }) => name === subset);
	return place === -1 ? "" : `spec.subsets[${place}]`;
}

function keyOf(kind: string, { namespace, name }: ObjectName): string {
	return `${kind}/${namespace}/${name}`;
}
