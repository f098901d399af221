/** Why bytes are no acceptable HTTP/1.1 message. The codec only names the fault; who answers chooses status and words. */
export type Http1Fault =
	/** Broken grammar: request line, header line, chunk size, early end. */
	| "malformed"
	/** The head (or trailers) is longer than the limit. */
	| "headers-too-large"
	| "too-many-headers"
	/** NUL, control characters or separators where they may not stand. */
	| "invalid-characters"
	/** The request target is no URL. */
	| "invalid-url"
	/** An absolute target whose scheme is neither http nor https. */
	| "invalid-scheme"
	/** A version other than 1.1, or than 1.0 where that is accepted. */
	| "low-version"
	/** A transfer coding other than a single `chunked`. */
	| "invalid-transfer-encoding"
	/** Content-Length beside Transfer-Encoding. */
	| "length-and-chunked"
	/** A body where there may be none (CONNECT, 204). */
	| "body-disallowed"
	/** Characters that no authority has. */
	| "invalid-authority"
	/** An underscore in a header name where they are rejected. */
	| "underscore";
