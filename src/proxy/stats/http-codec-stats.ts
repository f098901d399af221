import type { StatsScope } from "../../telemetry/index.ts";

/** What an HTTP/1 codec refused: scope `http1` or `cluster.<name>.http1`, made with the first such connection. */
export type Http1CodecStats = ReturnType<typeof createHttp1CodecStats>;

export function createHttp1CodecStats(scope: StatsScope) {
	return {
		dropped_headers_with_underscores: scope.counter("dropped_headers_with_underscores"),
		metadata_not_supported_error: scope.counter("metadata_not_supported_error"),
		requests_rejected_with_underscores_in_headers: scope.counter("requests_rejected_with_underscores_in_headers"),
		response_flood: scope.counter("response_flood"),
	};
}

/** What an HTTP/2 codec saw: scope `http2` or `cluster.<name>.http2`, made with the first such connection. */
export type Http2CodecStats = ReturnType<typeof createHttp2CodecStats>;

export function createHttp2CodecStats(scope: StatsScope) {
	return {
		cookies_total_bytes_too_large: scope.counter("cookies_total_bytes_too_large"),
		dropped_headers_with_underscores: scope.counter("dropped_headers_with_underscores"),
		goaway_sent: scope.counter("goaway_sent"),
		header_list_size_too_large: scope.counter("header_list_size_too_large"),
		header_overflow: scope.counter("header_overflow"),
		headers_cb_no_stream: scope.counter("headers_cb_no_stream"),
		inbound_empty_frames_flood: scope.counter("inbound_empty_frames_flood"),
		inbound_priority_frames_flood: scope.counter("inbound_priority_frames_flood"),
		inbound_window_update_frames_flood: scope.counter("inbound_window_update_frames_flood"),
		keepalive_timeout: scope.counter("keepalive_timeout"),
		metadata_empty_frames: scope.counter("metadata_empty_frames"),
		nghttp2_downstream_connections: scope.counter("nghttp2_downstream_connections"),
		nghttp2_upstream_connections: scope.counter("nghttp2_upstream_connections"),
		oghttp2_downstream_connections: scope.counter("oghttp2_downstream_connections"),
		oghttp2_upstream_connections: scope.counter("oghttp2_upstream_connections"),
		outbound_control_flood: scope.counter("outbound_control_flood"),
		outbound_flood: scope.counter("outbound_flood"),
		requests_rejected_with_underscores_in_headers: scope.counter("requests_rejected_with_underscores_in_headers"),
		rx_messaging_error: scope.counter("rx_messaging_error"),
		rx_reset: scope.counter("rx_reset"),
		stream_refused_errors: scope.counter("stream_refused_errors"),
		trailers: scope.counter("trailers"),
		tx_flush_timeout: scope.counter("tx_flush_timeout"),
		tx_reset: scope.counter("tx_reset"),
		deferred_stream_close: scope.gauge("deferred_stream_close"),
		outbound_control_frames_active: scope.gauge("outbound_control_frames_active"),
		outbound_frames_active: scope.gauge("outbound_frames_active"),
		pending_send_bytes: scope.gauge("pending_send_bytes"),
		streams_active: scope.gauge("streams_active"),
		cookie_count: scope.histogram("cookie_count"),
		cookie_size: scope.histogram("cookie_size"),
		header_count: scope.histogram("header_count"),
		header_list_size: scope.histogram("header_list_size"),
	};
}
