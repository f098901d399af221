/** `core.v3.Http1ProtocolOptions`. */
export interface Http1Config {
	/** Downstream: take `GET http://host/path`. True by default. */
	readonly allowAbsoluteUrl: boolean;
	readonly acceptHttp10: boolean;
	/** Empty when HTTP/1.0 requests need a host. */
	readonly defaultHostForHttp10: string;
	readonly headerCase: "lower" | "proper" | "preserve";
	readonly enableTrailers: boolean;
	readonly allowChunkedLength: boolean;
	/** Undefined: the connection manager's stream error option. */
	readonly overrideStreamErrorOnInvalidMessage: boolean | undefined;
	readonly sendFullyQualifiedUrl: boolean;
	readonly allowCustomMethods: boolean;
}

/** `core.v3.Http2ProtocolOptions`. */
export interface Http2Config {
	readonly hpackTableSize: number;
	readonly maxConcurrentStreams: number;
	readonly initialStreamWindowBytes: number;
	readonly initialConnectionWindowBytes: number;
	readonly allowConnect: boolean;
	readonly maxOutboundFrames: number;
	readonly maxOutboundControlFrames: number;
	readonly maxConsecutiveEmptyFrames: number;
	readonly maxPriorityFramesPerStream: number;
	readonly maxWindowUpdatesPerDataFrame: number;
	readonly overrideStreamErrorOnInvalidMessage: boolean | undefined;
	/** Intervals of 0 are off. */
	readonly keepalive:
		| { readonly intervalMs: number; readonly timeoutMs: number; readonly connectionIdleIntervalMs: number }
		| undefined;
}
