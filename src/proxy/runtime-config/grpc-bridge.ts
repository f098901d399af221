import type { Config } from "../../api/gen/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.js";
import type { FilterConfig } from "../../api/gen/envoy/extensions/filters/http/grpc_http1_reverse_bridge/v3/config_pb.js";

/** `envoy.extensions.filters.http.grpc_http1_bridge.v3.Config`. */
export interface GrpcHttp1BridgeConfig {
	/** Whether messages of protobuf without a frame are calls, too. */
	readonly upgradesProtobuf: boolean;
	/** Whether the query of such a call is left out. */
	readonly ignoresQuery: boolean;
}

/** `envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig`. */
export interface GrpcReverseBridgeConfig {
	/** Of requests to the upstream and of its answers. */
	readonly contentType: string;
	/** Whether the upstream gets messages without their frame. */
	readonly withholdsFrames: boolean;
	/** Lower case; where the upstream says how long its message is; empty: messages are gathered. */
	readonly sizeHeader: string;
}

export function readGrpcHttp1Bridge(message: Config): GrpcHttp1BridgeConfig {
	return { upgradesProtobuf: message.upgradeProtobufToGrpc, ignoresQuery: message.ignoreQueryParameters };
}

export function readGrpcReverseBridge(message: FilterConfig): GrpcReverseBridgeConfig {
	return {
		contentType: message.contentType,
		withholdsFrames: message.withholdGrpcFrames,
		sizeHeader: message.responseSizeHeader.toLowerCase(),
	};
}
