import type { Http2Config } from "../../../../wire/http2/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";

/** Bytes of one response that wait for its reader at most, whatever the listener's limit allows. */
const maxSendBufferBytes = 256 * 1024;

const underscoreActions = { allow: "allow", "reject-request": "reject", "drop-header": "drop" } as const;

/** What a connection manager's options mean to the codec of its clients. */
export function createDownstreamHttp2Config(
	config: HttpConnectionManagerConfig,
	bufferLimitBytes: number,
): Http2Config {
	const { http2, common } = config;
	return Object.freeze({
		headerTableBytes: http2.hpackTableSize,
		maxConcurrentStreams: http2.maxConcurrentStreams,
		streamWindowBytes: http2.initialStreamWindowBytes,
		connectionWindowBytes: http2.initialConnectionWindowBytes,
		allowExtendedConnect: http2.allowConnect,
		maxHeaderListBytes: config.maxRequestHeadersBytes,
		maxHeaderCount: common.maxHeadersCount,
		underscores: underscoreActions[common.headersWithUnderscores],
		streamErrorOnInvalidMessage: http2.overrideStreamErrorOnInvalidMessage ?? config.streamErrorOnInvalidMessage,
		maxOutboundFrames: http2.maxOutboundFrames,
		maxOutboundControlFrames: http2.maxOutboundControlFrames,
		maxConsecutiveEmptyFrames: http2.maxConsecutiveEmptyFrames,
		maxPriorityFramesPerStream: http2.maxPriorityFramesPerStream,
		maxWindowUpdatesPerDataFrame: http2.maxWindowUpdatesPerDataFrame,
		sendBufferBytes: Math.max(1, Math.min(bufferLimitBytes, maxSendBufferBytes)),
	});
}
