/** Spans of requests: continued from and told to the next hop as W3C or B3 headers, sent to OpenTelemetry collectors and to Zipkin.
 *  The share of requests that is traced is telemetry's decision. Spec: Envoy "tracing", W3C Trace Context, B3, OTLP traces. */
export { RequestTrace, type TraceTerms } from "./request-trace.ts";
export type { Span } from "./span.ts";
export { createTracers, type Tracers, type TracersOptions } from "./tracers.ts";
