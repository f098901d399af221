/** Taps: which filters may be asked from outside to record what they see, what a trace looks like, and how it is written. The filter
 *  itself is filter/http/tap. Spec: envoy.config.tap.v3, envoy.data.tap.v3, Envoy's `/tap`. */
export { formatTrace, makeTrace, type TraceMessage } from "./format-trace.ts";
export { createTapBoard, createTapControl, type TapBoard, type TapControl, type TapReceiver } from "./tap-board.ts";
export { attachPacked, readTapRequest, type TapRequestConfig } from "./tap-request.ts";
export { openTraceFile, type TraceSink } from "./trace-file.ts";
