import type {
	Buffer as BufferMessage,
	BufferPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js";

/** `envoy.extensions.filters.http.buffer.v3.Buffer`. */
export interface BufferConfig {
	readonly maxRequestBytes: number;
}

export function readBuffer(message: BufferMessage): BufferConfig {
	return { maxRequestBytes: message.maxRequestBytes ?? 0 };
}

/** Undefined: off on this route. */
export function readBufferPerRoute(message: BufferPerRoute): BufferConfig | undefined {
	return message.override.case === "buffer" ? readBuffer(message.override.value) : undefined;
}
