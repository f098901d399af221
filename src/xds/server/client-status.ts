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
import { matchesNode, UnusableMatcher } from "./node-matcher.ts";
import type { ResourceStatus } from "./status.ts";

/** What a node holds, from all its streams. */
export interface NodeResources {
	readonly node: Node;
	readonly resources: readonly ResourceStatus[];
}

type StatusCall =
	| ServerUnaryCall<ClientStatusRequest, ClientStatusResponse>
	| ServerDuplexStream<ClientStatusRequest, ClientStatusResponse>;

/** The client status discovery service, as `Server.addService` takes it: which node holds which resource at which version, and how far that is from
 *  what it should have; of Secrets only that.
 *  @param refuse why a caller may not see it */
export function defineClientStatusService(
	list: () => readonly NodeResources[],
	refuse: (call: StatusCall) => string | undefined,
): {
	readonly definition: ServiceDefinition;
	readonly implementation: UntypedServiceImplementation;
} {
	const describe = (call: StatusCall, request: ClientStatusRequest): ClientStatusResponse | Refusal => {
		const details = refuse(call);
		return details === undefined ? describeNodes(list(), request) : { code: status.PERMISSION_DENIED, details };
	};
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
				const described = describe(call, call.request);
				if ("code" in described) answer(described);
				else answer(null, described);
			},
			stream: (call: ServerDuplexStream<ClientStatusRequest, ClientStatusResponse>) => {
				call.on("data", (request: ClientStatusRequest) => {
					const described = describe(call, request);
					if ("code" in described) call.emit("error", Object.assign(new Error(described.details), described));
					else call.write(described);
				});
				call.on("end", () => call.end());
			},
		},
	};
}

interface Refusal {
	readonly code: status;
	readonly details: string;
}

function describeNodes(
	nodes: readonly NodeResources[],
	{ nodeMatchers, excludeResourceContents }: ClientStatusRequest,
): ClientStatusResponse | Refusal {
	try {
		return create(ClientStatusResponseSchema, {
			config: nodes
				.filter(({ node }) => matchesNode(node, nodeMatchers))
				.map(({ node, resources }) => ({
					node,
					genericXdsConfigs: resources.map((resource) => describeResource(resource, excludeResourceContents)),
				})),
		});
	} catch (error) {
		if (!(error instanceof UnusableMatcher)) throw error;
		return { code: status.INVALID_ARGUMENT, details: error.message };
	}
}

const clientStates = {
	REQUESTED: ClientResourceStatus.REQUESTED,
	DOES_NOT_EXIST: ClientResourceStatus.DOES_NOT_EXIST,
	ACKED: ClientResourceStatus.ACKED,
	NACKED: ClientResourceStatus.NACKED,
} as const;

const configStates = {
	NOT_SENT: ConfigStatus.NOT_SENT,
	STALE: ConfigStatus.STALE,
	SYNCED: ConfigStatus.SYNCED,
	ERROR: ConfigStatus.ERROR,
} as const;

function describeResource(
	resource: ResourceStatus,
	isWithoutContents: boolean,
): MessageInitShape<typeof ClientConfig_GenericXdsConfigSchema> {
	const { name, reason, state, sync, typeUrl, updatedAt, value, version } = resource;
	const isHidden = isWithoutContents || typeUrl === secretType;
	return {
		typeUrl,
		name,
		versionInfo: version,
		clientStatus: clientStates[state],
		configStatus: configStates[sync],
		lastUpdated: timestampFromMs(updatedAt),
		...(value === undefined || isHidden ? {} : { xdsConfig: { typeUrl, value } }),
		...(reason === undefined
			? {}
			: { errorState: { details: reason, versionInfo: version, lastUpdateAttempt: timestampFromMs(updatedAt) } }),
	};
}
