import { getHeader, type HeaderList } from "../../../../core/index.ts";
import {
	continueTrace,
	decideSampling,
	formatTraceParent,
	injectTrace,
	type SamplingConfig,
	type TraceReason,
} from "../../../../telemetry/index.ts";
import type { TracingConfig } from "../../../runtime-config/index.ts";
import type { TracingStats } from "../../../stats/index.ts";
import type { HttpStream } from "./http-stream.ts";

const noHeaders: HeaderList = [];
const noFacts = Object.freeze({ forced: false, clientTraceId: false, healthCheck: false });

/** Shares of a connection manager's tracing config. */
export function createSamplingConfig(config: TracingConfig): SamplingConfig {
	return {
		clientSampling: config.clientSampling / 100,
		randomSampling: config.randomSampling / 100,
		overallSampling: config.overallSampling / 100,
	};
}

/** Gives the request a W3C trace context: that of its client, continued, or a new one. */
export function traceRequest(stream: HttpStream, sampling: SamplingConfig, stats: TracingStats): void {
	const { request, record } = stream;
	const { random } = stream.manager.context;
	const isNew = request.source !== undefined && !request.source.hasTraceParent;
	const decide = (): boolean => {
		const { sampled, reason } = decideSampling(sampling, isNew ? noFacts : readFacts(request.headers), random);
		stats[counterNames[reason]].value++;
		return sampled;
	};
	const trace = continueTrace(isNew ? noHeaders : request.headers, random, decide);
	record.traceId = trace.traceId;
	record.spanId = trace.spanId;
	record.traceSampled = trace.sampled;
	if (isNew) request.add("traceparent", formatTraceParent(trace));
	else injectTrace(request.headers, trace);
}

function readFacts(headers: HeaderList) {
	const isInternal = getHeader(headers, "x-envoy-internal") === "true";
	return {
		forced: isInternal && getHeader(headers, "x-envoy-force-trace") !== undefined,
		clientTraceId: getHeader(headers, "x-client-trace-id") !== undefined,
		healthCheck: false,
	};
}

const counterNames: Readonly<Record<TraceReason, keyof TracingStats>> = {
	"service-forced": "service_forced",
	"client-enabled": "client_enabled",
	"random-sampling": "random_sampling",
	"health-check": "health_check",
	"not-traceable": "not_traceable",
};
