import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	DeltaDiscoveryRequestSchema,
	DeltaDiscoveryResponseSchema,
	DiscoveryRequestSchema,
	DiscoveryResponseSchema,
	ResourceSchema,
} from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { StatusSchema } from "../../api/gen/google/rpc/status_pb.js";
import { typeUrlOf } from "../../api/index.ts";
import { readResourceName } from "../resource/resource-name.ts";
import type {
	ClientRequest,
	ClientResponse,
	ClientVariant,
	ReceivedResource,
	RefusedResource,
} from "./client-state.ts";

/** `google.rpc.Code.INVALID_ARGUMENT`. */
const invalidArgument = 3;

export function encodeRequest(request: ClientRequest): Buffer {
	const errorDetail =
		request.error === undefined ? undefined : create(StatusSchema, { code: invalidArgument, message: request.error });
	const common = { typeUrl: request.typeUrl, responseNonce: request.nonce };
	const optional = {
		...(request.node === undefined ? {} : { node: request.node }),
		...(errorDetail === undefined ? {} : { errorDetail }),
	};
	if (request.kind === "delta") {
		const message = create(DeltaDiscoveryRequestSchema, {
			...common,
			...optional,
			resourceNamesSubscribe: [...request.subscribe],
			resourceNamesUnsubscribe: [...request.unsubscribe],
			initialResourceVersions: { ...request.initialVersions },
		});
		return Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message));
	}
	const message = create(DiscoveryRequestSchema, {
		...common,
		...optional,
		versionInfo: request.version,
		resourceNames: [...request.names],
	});
	return Buffer.from(toBinary(DiscoveryRequestSchema, message));
}

export function decodeResponse(variant: ClientVariant, bytes: Uint8Array): ClientResponse {
	return variant === "delta" ? decodeDelta(bytes) : decodeStateOfTheWorld(bytes);
}

function decodeDelta(bytes: Uint8Array): ClientResponse {
	const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
	const resources: ReceivedResource[] = [];
	const broken: RefusedResource[] = [];
	for (const { name, version, resource } of response.resources) {
		// A heartbeat of a resource with a time to live carries no message.
		if (resource === undefined) continue;
		if (resource.typeUrl === response.typeUrl) resources.push({ name, version, value: resource.value });
		else broken.push({ name, problem: `is of type ${resource.typeUrl}, the response of ${response.typeUrl}` });
	}
	return {
		typeUrl: response.typeUrl,
		nonce: response.nonce,
		version: response.systemVersionInfo,
		resources,
		removed: response.removedResources,
		broken,
	};
}

const wrapperType = typeUrlOf(ResourceSchema);

function decodeStateOfTheWorld(bytes: Uint8Array): ClientResponse {
	const response = fromBinary(DiscoveryResponseSchema, bytes);
	const resources: ReceivedResource[] = [];
	const broken: RefusedResource[] = [];
	for (const [index, any] of response.resources.entries()) {
		const unwrapped = unwrapResource(any);
		if (unwrapped === undefined) continue;
		const { name, typeUrl, value } = unwrapped;
		if (name === undefined) broken.push({ name: "", problem: `resources[${index}]: has no name` });
		else if (typeUrl !== response.typeUrl) {
			broken.push({ name, problem: `is of type ${typeUrl}, the response of ${response.typeUrl}` });
		} else resources.push({ name, version: response.versionInfo, value });
	}
	return {
		typeUrl: response.typeUrl,
		nonce: response.nonce,
		version: response.versionInfo,
		resources,
		removed: [],
		broken,
	};
}

/** A resource as it came: its name, its type, its bytes. */
export interface NamedBytes {
	/** Undefined when the bytes hold none. */
	readonly name: string | undefined;
	readonly typeUrl: string;
	readonly value: Uint8Array;
}

/** A resource, bare or in the wrapper that gives it a name; undefined for the heartbeat of one with a time to live. */
export function unwrapResource({
	typeUrl,
	value,
}: {
	readonly typeUrl: string;
	readonly value: Uint8Array;
}): NamedBytes | undefined {
	if (typeUrl !== wrapperType) return { name: readResourceName(value), typeUrl, value };
	try {
		const { name, resource } = fromBinary(ResourceSchema, value);
		return resource === undefined ? undefined : { name, typeUrl: resource.typeUrl, value: resource.value };
	} catch {
		return { name: undefined, typeUrl, value };
	}
}
