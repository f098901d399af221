import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { clusterType, endpointType, listenerType, routeType, secretType } from "../resource/type-urls.ts";
import { codecs } from "./codec.ts";
import type { StreamRequest } from "./requests.ts";
import type { StreamResponse, Variant } from "./stream.ts";

/** A stream as gRPC hands it over. */
export type DiscoveryCall = ServerDuplexStream<StreamRequest, StreamResponse>;

/** One discovery service: its two streaming methods, and its type where it carries only one. */
export interface DiscoveryService {
	readonly stateOfTheWorldPath: string;
	readonly deltaPath: string;
	/** Undefined for the aggregated service: requests name their type. */
	readonly typeUrl: string | undefined;
}

export const discoveryServices = {
	ads: describeService("discovery.v3.AggregatedDiscoveryService", "AggregatedResources", undefined),
	cds: describeService("cluster.v3.ClusterDiscoveryService", "Clusters", clusterType),
	eds: describeService("endpoint.v3.EndpointDiscoveryService", "Endpoints", endpointType),
	lds: describeService("listener.v3.ListenerDiscoveryService", "Listeners", listenerType),
	rds: describeService("route.v3.RouteDiscoveryService", "Routes", routeType),
	sds: describeService("secret.v3.SecretDiscoveryService", "Secrets", secretType),
} satisfies Record<string, DiscoveryService>;

function describeService(service: string, noun: string, typeUrl: string | undefined): DiscoveryService {
	return {
		stateOfTheWorldPath: `/envoy.service.${service}/Stream${noun}`,
		deltaPath: `/envoy.service.${service}/Delta${noun}`,
		typeUrl,
	};
}

/** A service as `Server.addService` takes it. */
export function defineService(
	service: DiscoveryService,
	open: (call: DiscoveryCall, variant: Variant, typeUrl: string | undefined) => void,
): { readonly definition: ServiceDefinition; readonly implementation: UntypedServiceImplementation } {
	return {
		definition: {
			stream: defineMethod(service.stateOfTheWorldPath, "state-of-the-world"),
			delta: defineMethod(service.deltaPath, "delta"),
		},
		implementation: {
			stream: (call: DiscoveryCall) => open(call, "state-of-the-world", service.typeUrl),
			delta: (call: DiscoveryCall) => open(call, "delta", service.typeUrl),
		},
	};
}

function defineMethod(path: string, variant: Variant): ServiceDefinition[string] {
	const { decodeRequest, encodeResponse } = codecs[variant];
	return {
		path,
		requestStream: true,
		responseStream: true,
		requestSerialize: unused,
		requestDeserialize: decodeRequest,
		responseSerialize: encodeResponse,
		responseDeserialize: unused,
	};
}

/** gRPC definitions also describe the client's half, which a server never calls. */
function unused(): never {
	throw new Error("invariant broken: a server neither encodes requests nor decodes responses");
}
