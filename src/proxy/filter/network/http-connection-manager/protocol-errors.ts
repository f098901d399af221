import type { Http1Fault } from "../../../../wire/http1/index.ts";

/** How a malformed request is answered: status, and the details of access logs as Envoy spells them. */
export interface ProtocolError {
	readonly status: number;
	readonly body: string;
	readonly details: string;
}

/** Every fault of the codec with its answer. */
export const protocolErrors: Readonly<Record<Http1Fault, ProtocolError>> = {
	malformed: { status: 400, body: "Bad Request", details: "http1.codec_error" },
	"headers-too-large": { status: 431, body: "Request Header Fields Too Large", details: "http1.headers_too_large" },
	"too-many-headers": { status: 431, body: "Request Header Fields Too Large", details: "http1.too_many_headers" },
	"invalid-characters": { status: 400, body: "Bad Request", details: "http1.invalid_characters" },
	"invalid-url": { status: 400, body: "Bad Request", details: "http1.invalid_url" },
	"invalid-scheme": { status: 400, body: "Bad Request", details: "http1.invalid_scheme" },
	"low-version": { status: 426, body: "Upgrade Required", details: "low_version" },
	"invalid-transfer-encoding": { status: 501, body: "Not Implemented", details: "http1.invalid_transfer_encoding" },
	"length-and-chunked": { status: 400, body: "Bad Request", details: "http1.content_length_and_chunked_not_allowed" },
	"body-disallowed": { status: 400, body: "Bad Request", details: "http1.body_disallowed" },
	"invalid-authority": { status: 400, body: "Bad Request", details: "http.invalid_authority" },
	underscore: { status: 400, body: "Bad Request", details: "http1.unexpected_underscore" },
};
