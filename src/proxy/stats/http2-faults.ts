import type { Http2Fault } from "../../wire/http2/index.ts";
import type { Http2CodecStats } from "./http-codec-stats.ts";

/** The counter of each fault, where it has one. */
const counters: Partial<Record<Http2Fault, keyof Http2CodecStats>> = {
	"invalid-header-field": "rx_messaging_error",
	messaging: "rx_messaging_error",
	"headers-too-large": "header_list_size_too_large",
	"too-many-headers": "header_overflow",
	underscore: "requests_rejected_with_underscores_in_headers",
	"empty-frames-flood": "inbound_empty_frames_flood",
	"priority-flood": "inbound_priority_frames_flood",
	"window-update-flood": "inbound_window_update_frames_flood",
	"outbound-control-flood": "outbound_control_flood",
	"outbound-flood": "outbound_flood",
	"stream-limit": "stream_refused_errors",
};

/** Counts what an HTTP/2 codec found wrong. */
export function countHttp2Fault(stats: Http2CodecStats, fault: Http2Fault): void {
	const name = counters[fault];
	if (name === undefined) return;
	const counter = stats[name];
	if ("value" in counter) counter.value++;
}
