/** Frame types (RFC 9113 section 6). */
export const FrameType = {
	data: 0,
	headers: 1,
	priority: 2,
	rstStream: 3,
	settings: 4,
	pushPromise: 5,
	ping: 6,
	goAway: 7,
	windowUpdate: 8,
	continuation: 9,
} as const;

/** Flags; some types share a bit. */
export const FrameFlag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** Identifiers of settings (RFC 9113 section 6.5.2, RFC 8441 section 3). */
export const SettingId = {
	headerTableSize: 1,
	enablePush: 2,
	maxConcurrentStreams: 3,
	initialWindowSize: 4,
	maxFrameSize: 5,
	maxHeaderListSize: 6,
	enableConnectProtocol: 8,
} as const;

export const frameHeadBytes = 9;
/** The largest payload either side sends: we announce nothing more, and make no use of what the peer announces. */
export const maxFrameBytes = 16_384;
/** The window of connections and streams before any announcement. */
export const initialWindowBytes = 65_535;
export const maxWindowBytes = 0x7fffffff;
export const maxStreamId = 0x7fffffff;
/** What a client says first (RFC 9113 section 3.4). */
export const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
