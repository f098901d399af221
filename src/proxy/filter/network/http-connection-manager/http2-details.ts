import { Http2ErrorCode, type Http2Fault } from "../../../../wire/http2/index.ts";

/** The response-code details of a stream whose client broke the protocol on it, as Envoy spells them. */
export function detailsOfStreamFault(fault: Http2Fault): string {
	switch (fault) {
		case "invalid-header-field":
			return "http2.invalid.header.field";
		case "messaging":
			return "http2.violation.of.messaging.rule";
		case "headers-too-large":
		case "too-many-headers":
			return "http2.too_many_headers";
		case "underscore":
			return "http2.unexpected_underscore";
		case "empty-frames-flood":
			return "http2.inbound_empty_frames_flood";
		case "content-length":
			return "http2.remote_reset";
		default:
			return "http2.unknown.nghttp2.error";
	}
}

/** The response-code details of a stream that the client reset. */
export function detailsOfReset(code: number): string {
	return code === Http2ErrorCode.refusedStream ? "http2.remote_refuse" : "http2.remote_reset";
}

/** The response-code details of streams whose connection broke. */
export function detailsOfConnectionFault(fault: Http2Fault): string {
	return `codec_error:${connectionTexts[fault] ?? "The_user_callback_function_failed"}`;
}

const connectionTexts: Partial<Record<Http2Fault, string>> = {
	"bad-preface": "Received_bad_client_magic_byte_string",
	"empty-frames-flood": "Too_many_consecutive_frames_with_an_empty_payload",
	"priority-flood": "Too_many_PRIORITY_frames",
	"window-update-flood": "Too_many_WINDOW_UPDATE_frames",
	"outbound-flood": "Too_many_frames_in_the_outbound_queue.",
	"outbound-control-flood": "Too_many_control_frames_in_the_outbound_queue.",
};
