/** A number that is counted up. */
export interface Counter {
	value: number;
}

/** What a connection counts, by Envoy's names. */
export interface Http2Counters {
	readonly goaway_sent: Counter;
	/** Lists with more fields than may be, and with more bytes. */
	readonly header_overflow: Counter;
	readonly header_list_size_too_large: Counter;
	readonly headers_cb_no_stream: Counter;
	readonly inbound_empty_frames_flood: Counter;
	readonly inbound_priority_frames_flood: Counter;
	readonly inbound_window_update_frames_flood: Counter;
	readonly outbound_control_flood: Counter;
	readonly outbound_flood: Counter;
	readonly rx_messaging_error: Counter;
	readonly rx_reset: Counter;
	readonly stream_refused_errors: Counter;
	readonly trailers: Counter;
	readonly tx_reset: Counter;
	readonly streams_active: Counter;
	readonly pending_send_bytes: Counter;
}

/** Counters that nobody reads. */
export function createUnreadCounters(): Http2Counters {
	return {
		goaway_sent: { value: 0 },
		header_overflow: { value: 0 },
		header_list_size_too_large: { value: 0 },
		headers_cb_no_stream: { value: 0 },
		inbound_empty_frames_flood: { value: 0 },
		inbound_priority_frames_flood: { value: 0 },
		inbound_window_update_frames_flood: { value: 0 },
		outbound_control_flood: { value: 0 },
		outbound_flood: { value: 0 },
		rx_messaging_error: { value: 0 },
		rx_reset: { value: 0 },
		stream_refused_errors: { value: 0 },
		trailers: { value: 0 },
		tx_reset: { value: 0 },
		streams_active: { value: 0 },
		pending_send_bytes: { value: 0 },
	};
}
