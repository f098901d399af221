import type { Clock } from "../../core/index.ts";
import type { Runtime } from "../../engine/runtime/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { OtlpContext } from "../access-log/index.ts";
import { callHttp } from "../http-client/index.ts";
import type { OpenTelemetryProvider, TracingConfig, ZipkinProvider } from "../runtime-config/index.ts";
import { createOpenTelemetryTracer, exportSpans } from "./open-telemetry-tracer.ts";
import { SpanBuffer } from "./reporter.ts";
import type { Tracer } from "./tracer.ts";
import { createZipkinTracer, formatZipkinSpans } from "./zipkin-tracer.ts";

/** The tracers of a proxy. */
export interface Tracers {
	/** The tracer of a connection manager; undefined without a provider. */
	of(config: TracingConfig): Tracer | undefined;
	/** Sends what is kept; says whether there are tracers at all. */
	flush(): boolean;
}

/** Options of {@link createTracers}. */
export interface TracersOptions {
	readonly context: OtlpContext & { readonly clock: Clock; readonly runtime: Runtime };
	/** The root scope. */
	readonly stats: StatsScope;
	/** Zipkin's name for this process. */
	readonly serviceName: string;
}

const defaultMaxSpans = 1024;

/** Creates the set of tracers, empty. */
export function createTracers(options: TracersOptions): Tracers {
	const { context } = options;
	const known = new WeakMap<TracingConfig, Tracer>();
	const buffers = new Set<SpanBuffer>();

	function create(config: TracingConfig): Tracer | undefined {
		const { provider } = config;
		if (provider === undefined) return undefined;
		const buffer =
			provider.kind === "open-telemetry"
				? createOpenTelemetryBuffer(provider, options)
				: createZipkinBuffer(provider, options);
		buffers.add(buffer);
		return provider.kind === "open-telemetry"
			? createOpenTelemetryTracer(provider, context.random, buffer)
			: createZipkinTracer(provider, context.random, config.spawnUpstreamSpan, buffer);
	}

	return {
		of(config) {
			const tracer = known.get(config) ?? create(config);
			if (tracer !== undefined) known.set(config, tracer);
			return tracer;
		},
		flush() {
			for (const buffer of buffers) buffer.flush();
			return buffers.size > 0;
		},
	};
}

function createOpenTelemetryBuffer(provider: OpenTelemetryProvider, options: TracersOptions): SpanBuffer {
	const scope = options.stats.scope("tracing.opentelemetry");
	const sent = scope.counter("spans_sent");
	const dropped = scope.counter("spans_dropped");
	return new SpanBuffer({
		clock: options.context.clock,
		runtime: options.context.runtime,
		name: "opentelemetry",
		maxSpans: provider.maxSpans || defaultMaxSpans,
		timerFlushed: scope.counter("timer_flushed"),
		dropped,
		send(spans) {
			sent.value += spans.length;
			exportSpans(options.context, provider, spans, () => undefined);
		},
	});
}

function createZipkinBuffer(provider: ZipkinProvider, options: TracersOptions): SpanBuffer {
	const { context, serviceName } = options;
	const scope = options.stats.scope("tracing.zipkin");
	const stats = {
		reports_dropped: scope.counter("reports_dropped"),
		reports_failed: scope.counter("reports_failed"),
		reports_sent: scope.counter("reports_sent"),
		reports_skipped_no_cluster: scope.counter("reports_skipped_no_cluster"),
		spans_sent: scope.counter("spans_sent"),
	};
	return new SpanBuffer({
		clock: context.clock,
		runtime: context.runtime,
		name: "zipkin",
		maxSpans: defaultMaxSpans,
		timerFlushed: scope.counter("timer_flushed"),
		dropped: stats.reports_dropped,
		send(spans) {
			stats.spans_sent.value += spans.length;
			if (context.getCluster(provider.cluster) === undefined) {
				stats.reports_skipped_no_cluster.value++;
				return;
			}
			callHttp(
				context,
				{
					cluster: provider.cluster,
					method: "POST",
					path: provider.path,
					authority: provider.authority,
					headers: ["content-type", "application/json", ...provider.headers],
					sendsAddress: true,
					body: Buffer.from(formatZipkinSpans(spans, serviceName, context.localAddress)),
					timeoutMs: provider.timeoutMs,
					maxBodyBytes: 64 * 1024,
				},
				({ status, failure }) => {
					if (failure !== undefined) stats.reports_failed.value++;
					else if (status === 202 || status === 200) stats.reports_sent.value++;
					else stats.reports_dropped.value++;
				},
			);
		},
	});
}
