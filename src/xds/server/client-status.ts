import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type {
	ServerDuplexStream,
	ServerUnaryCall,
	ServiceDefinition,
	sendUnaryData,
	UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { ClientResourceStatus } from "../../api/gen/envoy/admin/v3/config_dump_shared_pb.js";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type ClientConfig_GenericXdsConfigSchema,
	type ClientStatusRequest,
	ClientStatusRequestSchema,
	type ClientStatusResponse,
	ClientStatusResponseSchema,
	ConfigStatus,
} from "../../api/gen/envoy/service/status/v3/csds_pb.js";
import { secretType } from "../resource/type-urls.ts";
import type { ResourceStatus } from "./status.ts";

/** What a node holds, from all its streams. */
export interface NodeResources {
	readonly node: Node;
	readonly resources: readonly ResourceStatus[];
}

type StatusCall =
	| ServerUnaryCall<ClientStatusRequest, ClientStatusResponse>
	| ServerDuplexStream<ClientStatusRequest, ClientStatusResponse>;

/** The client status discovery service, as `Server.addService` takes it: which node holds which resource at which version; of Secrets only that.
 *  Matchers of the request are not looked at: every node is told.
 *  @param refuse why a caller may not see it */
export function defineClientStatusService(
	list: () => readonly NodeResources[],
	refuse: (call: StatusCall) => string | undefined,
): {
	readonly definition: ServiceDefinition;
	readonly implementation: UntypedServiceImplementation;
} {
	const path = "/envoy.service.status.v3.ClientStatusDiscoveryService";
	const codec = {
		requestSerialize: (request: ClientStatusRequest) => Buffer.from(toBinary(ClientStatusRequestSchema, request)),
		requestDeserialize: (bytes: Buffer) => fromBinary(ClientStatusRequestSchema, bytes),
		responseSerialize: (response: ClientStatusResponse) => Buffer.from(toBinary(ClientStatusResponseSchema, response)),
		responseDeserialize: (bytes: Buffer) => fromBinary(ClientStatusResponseSchema, bytes),
	};
	return {
		definition: {
			fetch: { path: `${path}/FetchClientStatus`, requestStream: false, responseStream: false, ...codec },
			stream: { path: `${path}/StreamClientStatus`, requestStream: true, responseStream: true, ...codec },
		},
		implementation: {
			fetch: (
				call: ServerUnaryCall<ClientStatusRequest, ClientStatusResponse>,
				answer: sendUnaryData<ClientStatusResponse>,
			) => {
				const details = refuse(call);
				if (details !== undefined) answer({ code: status.PERMISSION_DENIED, details });
				else answer(null, describeNodes(list()));
			},
			stream: (call: ServerDuplexStream<ClientStatusRequest, ClientStatusResponse>) => {
				const details = refuse(call);
				if (details !== undefined) {
					call.emit("error", Object.assign(new Error(details), { code: status.PERMISSION_DENIED, details }));
					return;
				}
				call.on("data", () => call.write(describeNodes(list())));
				call.on("end", () => call.end());
			},
		},
	};
}

function describeNodes(nodes: readonly NodeResources[]): ClientStatusResponse {
	return create(ClientStatusResponseSchema, {
		config: nodes.map(({ node, resources }) => ({ node, genericXdsConfigs: resources.map(describeResource) })),
	});
}

const clientStates = {
	REQUESTED: ClientResourceStatus.REQUESTED,
	DOES_NOT_EXIST: ClientResourceStatus.DOES_NOT_EXIST,
	ACKED: ClientResourceStatus.ACKED,
	NACKED: ClientResourceStatus.NACKED,
} as const;

const configStates = {
	REQUESTED: ConfigStatus.STALE,
	DOES_NOT_EXIST: ConfigStatus.NOT_SENT,
	ACKED: ConfigStatus.SYNCED,
	NACKED: ConfigStatus.STALE,
} as const;

function describeResource(resource: ResourceStatus): MessageInitShape<typeof ClientConfig_GenericXdsConfigSchema> {
	const { name, reason, state, typeUrl, updatedAt, value, version } = resource;
	return {
		typeUrl,
		name,
		versionInfo: version,
		clientStatus: clientStates[state],
		configStatus: configStates[state],
		lastUpdated: timestampFromMs(updatedAt),
		...(value === undefined || typeUrl === secretType ? {} : { xdsConfig: { typeUrl, value } }),
		...(reason === undefined ? {} : { errorState: { details: reason, versionInfo: version } }),
	};
}
