import {
	type Http1ProtocolOptions,
	type Http2ProtocolOptions,
	type HttpProtocolOptions,
	HttpProtocolOptions_HeadersWithUnderscoresAction,
} from "../../api/gen/envoy/config/core/v3/protocol_pb.js";
import type { CommonHttpConfig } from "./http-connection-manager-config.ts";
import type { Http1Config, Http2Config } from "./http-protocol-config.ts";
import { toMs } from "./values.ts";

const underscoreActions: Readonly<Record<number, CommonHttpConfig["headersWithUnderscores"]>> = {
	[HttpProtocolOptions_HeadersWithUnderscoresAction.ALLOW]: "allow",
	[HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST]: "reject-request",
	[HttpProtocolOptions_HeadersWithUnderscoresAction.DROP_HEADER]: "drop-header",
};

/** Translates `common_http_protocol_options`, of either side. */
export function readCommonHttp(message: HttpProtocolOptions | undefined): CommonHttpConfig {
	return {
		idleTimeoutMs: toMs(message?.idleTimeout, 3_600_000),
		maxConnectionDurationMs: toMs(message?.maxConnectionDuration, 0),
		maxHeadersCount: message?.maxHeadersCount ?? 100,
		maxStreamDurationMs: toMs(message?.maxStreamDuration, undefined),
		headersWithUnderscores: underscoreActions[message?.headersWithUnderscoresAction ?? 0] ?? "allow",
		maxRequestsPerConnection: message?.maxRequestsPerConnection ?? 0,
	};
}

export function readHttp1(message: Http1ProtocolOptions | undefined): Http1Config {
	const format = message?.headerKeyFormat?.headerFormat.case;
	return {
		allowAbsoluteUrl: message?.allowAbsoluteUrl ?? true,
		acceptHttp10: message?.acceptHttp10 ?? false,
		defaultHostForHttp10: message?.defaultHostForHttp10 ?? "",
		headerCase: format === "properCaseWords" ? "proper" : format === "statefulFormatter" ? "preserve" : "lower",
		enableTrailers: message?.enableTrailers ?? false,
		allowChunkedLength: message?.allowChunkedLength ?? false,
		overrideStreamErrorOnInvalidMessage: message?.overrideStreamErrorOnInvalidHttpMessage,
		sendFullyQualifiedUrl: message?.sendFullyQualifiedUrl ?? false,
		allowCustomMethods: message?.allowCustomMethods ?? false,
	};
}

export function readHttp2(message: Http2ProtocolOptions | undefined): Http2Config {
	const keepalive = message?.connectionKeepalive;
	return {
		hpackTableSize: message?.hpackTableSize ?? 4096,
		maxConcurrentStreams: message?.maxConcurrentStreams ?? 1024,
		initialStreamWindowBytes: message?.initialStreamWindowSize ?? 16 * 1024 * 1024,
		initialConnectionWindowBytes: message?.initialConnectionWindowSize ?? 24 * 1024 * 1024,
		allowConnect: message?.allowConnect ?? false,
		maxOutboundFrames: message?.maxOutboundFrames ?? 10_000,
		maxOutboundControlFrames: message?.maxOutboundControlFrames ?? 1000,
		maxConsecutiveEmptyFrames: message?.maxConsecutiveInboundFramesWithEmptyPayload ?? 1,
		maxPriorityFramesPerStream: message?.maxInboundPriorityFramesPerStream ?? 100,
		maxWindowUpdatesPerDataFrame: message?.maxInboundWindowUpdateFramesPerDataFrameSent ?? 10,
		overrideStreamErrorOnInvalidMessage:
			message?.overrideStreamErrorOnInvalidHttpMessage ?? (message?.streamErrorOnInvalidHttpMessaging || undefined),
		keepalive:
			keepalive === undefined
				? undefined
				: {
						intervalMs: toMs(keepalive.interval, 0),
						timeoutMs: toMs(keepalive.timeout, 0),
						connectionIdleIntervalMs: toMs(keepalive.connectionIdleInterval, 0),
					},
	};
}
