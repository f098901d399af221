import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ClusterSchema } from "../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../api/gen/envoy/config/route/v3/route_pb.js";
import type { Validated } from "../core/index.ts";
import type { RouteTableConfig } from "../engine/router/index.ts";
import {
	type AssignmentConfig,
	type ClusterConfig,
	type ListenerConfig,
	translateAssignment,
	translateCluster,
	translateListener,
	translateRouteConfiguration,
} from "../proxy/runtime-config/index.ts";
import { clusterType, endpointType, listenerType, routeType, type XdsSnapshot } from "../xds/server/index.ts";

/** What a proxy would run of its snapshot, translated by the data plane's own code when it is asked for. A resource that the proxy
 *  would refuse is not there; {@link refused} says why. */
export class ProxyView {
	/** `namespace/name`. */
	readonly name: string;
	readonly refused: string[] = [];
	readonly #snapshot: XdsSnapshot;
	readonly #known = new Map<string, unknown>();

	constructor(name: string, snapshot: XdsSnapshot) {
		this.name = name;
		this.#snapshot = snapshot;
	}

	listener(name: string): ListenerConfig | undefined {
		return this.#get(listenerType, name, ListenerSchema, translateListener);
	}

	listeners(): ListenerConfig[] {
		return this.names(listenerType).flatMap((name) => this.listener(name) ?? []);
	}

	routes(name: string): RouteTableConfig | undefined {
		return this.#get(routeType, name, RouteConfigurationSchema, translateRouteConfiguration);
	}

	cluster(name: string): ClusterConfig | undefined {
		return this.#get(clusterType, name, ClusterSchema, translateCluster);
	}

	assignment(name: string): AssignmentConfig | undefined {
		return this.#get(endpointType, name, ClusterLoadAssignmentSchema, translateAssignment);
	}

	names(typeUrl: string): string[] {
		return [...(this.#snapshot.resources.get(typeUrl)?.keys() ?? [])];
	}

	#get<D extends DescMessage, T>(
		typeUrl: string,
		name: string,
		schema: D,
		translate: (message: MessageShape<D>) => Validated<T>,
	): T | undefined {
		const key = `${typeUrl} ${name}`;
		if (this.#known.has(key)) return this.#known.get(key) as T | undefined;
		const resource = this.#snapshot.resources.get(typeUrl)?.get(name);
		const result = resource === undefined ? undefined : translate(fromBinary(schema, resource.value));
		if (result?.ok === false)
			this.refused.push(...result.problems.map(({ path, problem }) => `${name}: ${path}: ${problem}`));
		const value = result?.ok === true ? result.value : undefined;
		this.#known.set(key, value);
		return value;
	}
}
