/** Error codes of RST_STREAM and GOAWAY (RFC 9113 section 7). */
export const Http2ErrorCode = {
	noError: 0,
	protocolError: 1,
	internalError: 2,
	flowControlError: 3,
	settingsTimeout: 4,
	streamClosed: 5,
	frameSizeError: 6,
	refusedStream: 7,
	cancel: 8,
	compressionError: 9,
	connectError: 10,
	enhanceYourCalm: 11,
	inadequateSecurity: 12,
	http11Required: 13,
} as const;
export type Http2ErrorCode = (typeof Http2ErrorCode)[keyof typeof Http2ErrorCode];

/** What the codec found wrong with a stream or a connection. The codec only names it; whoever answers chooses the words. */
export type Http2Fault =
	/** A frame, or a sequence of frames, that RFC 9113 does not allow. */
	| "protocol"
	/** The header block cannot be decoded (RFC 7541). */
	| "compression"
	/** A flow-control window was overrun or overflows. */
	| "flow-control"
	| "frame-size"
	/** A frame for a stream whose end was there already. */
	| "stream-closed"
	/** A field whose name or value may not stand in HTTP/2 (RFC 9113 section 8.2). */
	| "invalid-header-field"
	/** A malformed message: pseudo-header fields, content-length, te, trailers (RFC 9113 sections 8.1 to 8.3). */
	| "messaging"
	/** More or less body than content-length said. */
	| "content-length"
	/** The header list is longer than the limit. */
	| "headers-too-large"
	| "too-many-headers"
	/** An underscore in a field name where those are rejected. */
	| "underscore"
	/** More CONTINUATION frames, or bytes in them, than any list within the limits needs. */
	| "continuation-flood"
	| "empty-frames-flood"
	| "priority-flood"
	| "window-update-flood"
	/** Frames that change nothing, more than any honest peer has reason to send. */
	| "idle-frames-flood"
	/** The peer makes us answer faster than it reads the answers. */
	| "outbound-control-flood"
	| "outbound-flood"
	/** The peer opens and resets streams faster than any honest one. */
	| "reset-flood"
	/** The connection preface is not that of HTTP/2. */
	| "bad-preface"
	/** Streams beyond the limit that was announced. */
	| "stream-limit";
