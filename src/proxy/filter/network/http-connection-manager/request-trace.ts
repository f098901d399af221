import { getHeader, type HeaderList } from "../../../../core/index.ts";
import { getRuntimeNumber } from "../../../../engine/runtime/index.ts";
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
import { RequestTrace, type TraceTerms } from "../../../tracing/index.ts";
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

/** Begins the spans of a request: its share is drawn, its id says so, the next hop learns of it. */
export function startTrace(stream: HttpStream, terms: TraceTerms, stats: TracingStats): void {
	const { request, record, manager } = stream;
	const reason = chooseReason(stream, terms);
	stats[counterNames[reason]].value++;
	if (manager.config.packTraceReason) packReason(stream, reason);
	const isTraced = reason !== "not-traceable" && reason !== "health-check";
	const trace = RequestTrace.begin(terms, record, request, request.authority, isTraced);
	record.traceSampled = isTraced;
	if (trace === undefined) return;
	record.trace = trace;
	record.traceId = trace.span.traceId;
	record.spanId = trace.span.spanId;
	const override = terms.isEgress ? undefined : request.get("x-envoy-decorator-operation");
	if (override !== undefined) {
		trace.overrideName = override;
		request.remove("x-envoy-decorator-operation");
	}
}

/** Envoy's order: what the id says already, the client, an internal caller, chance; then all are cut to the overall share. */
function chooseReason({ request, record, manager, hasOwnId }: HttpStream, { config }: TraceTerms): TraceReason {
	const { runtime, random } = manager.context;
	const id = record.streamId;
	const isUuid = hasOwnId || uuidPattern.test(id);
	const known = isUuid && !hasOwnId ? reasonsOfDigit[id[reasonAt]!] : undefined;
	const isIn = (key: string, percent: number): boolean => {
		const share = getRuntimeNumber(runtime, key, Math.round(percent * 100)) / 10_000;
		if (share <= 0 || share >= 1) return share > 0;
		return isUuid && manager.config.samplesByRequestId
			? Number.parseInt(id.slice(0, 8), 16) % 10_000 < share * 10_000
			: random.next() < share;
	};
	let reason: TraceReason = known ?? "not-traceable";
	if (known === undefined) {
		if (request.get("x-client-trace-id") !== undefined && isIn("tracing.client_enabled", config.clientSampling)) {
			reason = "client-enabled";
		} else if (request.get("x-envoy-force-trace") !== undefined) {
			reason = "service-forced";
		} else if (isIn("tracing.random_sampling", config.randomSampling)) {
			reason = "random-sampling";
		}
	}
	return reason !== "not-traceable" && !isIn("tracing.global_enabled", config.overallSampling)
		? "not-traceable"
		: reason;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** The digit of a version 4 UUID that Envoy writes the reason over. */
const reasonAt = 14;
const reasonsOfDigit: Readonly<Record<string, TraceReason>> = {
	"9": "random-sampling",
	a: "service-forced",
	b: "client-enabled",
};
const digitsOfReason: Readonly<Record<TraceReason, string>> = {
	"random-sampling": "9",
	"service-forced": "a",
	"client-enabled": "b",
	"health-check": "4",
	"not-traceable": "4",
};

function packReason({ record, request }: HttpStream, reason: TraceReason): void {
	const id = record.streamId;
	const digit = digitsOfReason[reason];
	if (id[reasonAt] === digit || !uuidPattern.test(id)) return;
	const packed = id.slice(0, reasonAt) + digit + id.slice(reasonAt + 1);
	record.streamId = packed;
	request.set("x-request-id", packed);
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
