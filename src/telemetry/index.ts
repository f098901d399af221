/** What the mesh says about itself: statistics with Envoy's names and Prometheus metrics with labels, trace context, access-log
 *  sinks. The hot path changes plain objects (`counter.value++`, `histogram.record(ms)`); all text is made by a scrape.
 *  Not the formats of log entries (engine/format), not the names of the proxy's statistics (proxy/stats). */
export {
	type AccessLog,
	type AccessLogSpec,
	type AccessLogs,
	type AccessLogsOptions,
	createAccessLogs,
} from "./access-log/access-logs.ts";
export {
	type AccessLogSink,
	type AccessLogStats,
	createTextSink,
	defaultSinkLimits,
	type SinkLimits,
	type WriteBytes,
} from "./access-log/text-sink.ts";
export {
	type Bin,
	computeBuckets,
	computeQuantiles,
	computeSum,
	defaultBuckets,
	Histogram,
	quantiles,
} from "./metrics/histogram.ts";
export type { Counter, Gauge, Label, TextReadout } from "./metrics/metric.ts";
export {
	createPrometheusFormatter,
	formatLabelledMetrics,
	isSelected,
	type PrometheusFormatter,
	type StatsSelection,
} from "./metrics/prometheus.ts";
export {
	createMetricsRegistry,
	type MetricsRegistry,
	type MetricsRegistryOptions,
	type StatsScope,
	sanitizeStatName,
} from "./metrics/registry.ts";
export {
	createSeriesTable,
	type LabelledMetric,
	type LabelledSeries,
	overflowLabelValue,
	type Series,
	type SeriesTable,
	type SeriesTableOptions,
} from "./metrics/series.ts";
export type { LabelChanges } from "./metrics/series-variants.ts";
export {
	formatStatsJson,
	formatStatsText,
	type HistogramView,
	type StatsQuery,
	type StatsType,
} from "./metrics/stats-text.ts";
export {
	createTagExtractor,
	isDefaultTag,
	readRegexPrefix,
	type TagExtractorOptions,
	type TaggedName,
	type TagRule,
} from "./metrics/tag-extraction.ts";
export {
	decideSampling,
	type SamplingConfig,
	type SamplingFacts,
	type TraceDecision,
	type TraceReason,
} from "./trace/sampling.ts";
export {
	continueTrace,
	createChildContext,
	formatTraceParent,
	formatTraceState,
	injectTrace,
	parseTraceParent,
	parseTraceState,
	type TraceContext,
	type TraceParent,
} from "./trace/trace-context.ts";
