/** Bounds and announcements of one side of a connection. Nothing is optional: see {@link defaultHttp2Config}. */
export interface Http2Config {
	/** SETTINGS_HEADER_TABLE_SIZE we announce, and the most that our encoder uses of what the peer allows; bytes. */
	readonly headerTableBytes: number;
	/** SETTINGS_MAX_CONCURRENT_STREAMS we announce: streams the peer may open. */
	readonly maxConcurrentStreams: number;
	/** SETTINGS_INITIAL_WINDOW_SIZE we announce, bytes. */
	readonly streamWindowBytes: number;
	/** Bytes of all streams together that the peer may have under way to us. */
	readonly connectionWindowBytes: number;
	/** SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441), servers only. */
	readonly allowExtendedConnect: boolean;
	/** A header list beyond these bytes (names, values and 32 a field) ends its stream. */
	readonly maxHeaderListBytes: number;
	readonly maxHeaderCount: number;
	readonly underscores: "allow" | "reject" | "drop";
	/** A malformed message ends its stream alone; false ends the connection. */
	readonly streamErrorOnInvalidMessage: boolean;
	/** Frames that wait for the socket at most. */
	readonly maxOutboundFrames: number;
	/** PING, SETTINGS and RST_STREAM frames that wait for the socket at most. */
	readonly maxOutboundControlFrames: number;
	/** HEADERS, CONTINUATION and DATA frames without payload and without END_STREAM in a row at most. */
	readonly maxConsecutiveEmptyFrames: number;
	/** PRIORITY frames for each stream opened at most. */
	readonly maxPriorityFramesPerStream: number;
	/** WINDOW_UPDATE frames for each DATA frame sent at most. */
	readonly maxWindowUpdatesPerDataFrame: number;
	/** Bytes of a stream kept because windows or socket are full before `sendData` says false. */
	readonly sendBufferBytes: number;
}

/** Envoy's defaults. */
export const defaultHttp2Config: Http2Config = Object.freeze({
	headerTableBytes: 4096,
	maxConcurrentStreams: 1024,
	streamWindowBytes: 16 * 1024 * 1024,
	connectionWindowBytes: 24 * 1024 * 1024,
	allowExtendedConnect: false,
	maxHeaderListBytes: 60 * 1024,
	maxHeaderCount: 100,
	underscores: "allow",
	streamErrorOnInvalidMessage: false,
	maxOutboundFrames: 10_000,
	maxOutboundControlFrames: 1000,
	maxConsecutiveEmptyFrames: 1,
	maxPriorityFramesPerStream: 100,
	maxWindowUpdatesPerDataFrame: 10,
	sendBufferBytes: 64 * 1024,
});
