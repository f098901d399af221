import { getHeader, type Millis } from "../../core/index.ts";
import { formatResponseFlags, type StreamInfo } from "../../engine/format/index.ts";
import type { TracingConfig } from "../runtime-config/index.ts";
import type { Span } from "./span.ts";
import type { TraceCarrier, Tracer } from "./tracer.ts";

/** What the spans of a connection manager have in common. */
export interface TraceTerms {
	readonly tracer: Tracer;
	readonly config: TracingConfig;
	/** Requests that leave the workload are `egress`. */
	readonly isEgress: boolean;
	readonly nodeId: string;
	readonly zone: string;
	/** Whether the router makes a span of each attempt. */
	readonly spawnsUpstreamSpans: boolean;
}

/** The spans of one request. */
export class RequestTrace {
	readonly span: Span;
	/** The name that the other side asked for; it wins over the route's. */
	overrideName: string | undefined = undefined;
	readonly #terms: TraceTerms;
	#attempt: Span | undefined;

	private constructor(terms: TraceTerms, span: Span) {
		this.#terms = terms;
		this.span = span;
	}

	/** Begins the request's span and tells the next hop; undefined when the caller's headers are broken. */
	static begin(
		terms: TraceTerms,
		record: StreamInfo,
		carrier: TraceCarrier,
		authority: string,
		isTraced: boolean,
	): RequestTrace | undefined {
		const { tracer, isEgress } = terms;
		const isZipkin = terms.config.provider?.kind === "zipkin";
		const span = tracer.start(carrier, {
			name: isZipkin ? authority : isEgress ? `egress ${authority}` : "ingress",
			kind: isEgress ? "client" : "server",
			startWallMs: record.startWallMs,
			isTraced,
		});
		if (span === undefined) return undefined;
		if (span.isSampled) span.tags.push(["node_id", terms.nodeId], ["zone", terms.zone]);
		tracer.inject(span, carrier);
		return new RequestTrace(terms, span);
	}

	get isEgress(): boolean {
		return this.#terms.isEgress;
	}

	/** An attempt begins. */
	startAttempt(record: StreamInfo, carrier: TraceCarrier, clusterName: string, now: Millis): void {
		if (!this.#terms.spawnsUpstreamSpans) return;
		this.endAttempt(record, undefined, now);
		const { tracer } = this.#terms;
		const startWallMs = toWall(record, now);
		this.#attempt = tracer.child(this.span, { name: `router ${clusterName} egress`, startWallMs });
		tracer.inject(this.#attempt, carrier);
	}

	/** The attempt is over; `failure` says why there was no answer. */
	endAttempt(record: StreamInfo, failure: string | undefined, now: Millis): void {
		const span = this.#attempt;
		if (span === undefined) return;
		this.#attempt = undefined;
		span.endWallMs = toWall(record, now);
		const { tags } = span;
		if (failure !== undefined) tags.push(["error", "true"], ["error.reason", failure]);
		if (record.attemptCount > 1) tags.push(["retry.count", String(record.attemptCount - 1)]);
		tags.push(["http.protocol", record.upstreamProtocol || "-"]);
		const address = record.upstreamHost?.address ?? "";
		if (address !== "") tags.push(["upstream_address", address], ["peer.address", address]);
		this.#addCommonTags(span, record, failure === undefined ? record.responseCode : 0);
		if (failure === undefined && record.responseCode >= 500) tags.push(["error", "true"]);
		if (this.#terms.config.verbose && failure === undefined) this.#addUpstreamEvents(span, record);
		this.#terms.tracer.report(span);
	}

	/** The stream is over: its span leaves. */
	finish(record: StreamInfo, routeOperation: string): void {
		const { span } = this;
		const { config, tracer } = this.#terms;
		this.endAttempt(record, undefined, record.endedAt);
		span.endWallMs = toWall(record, record.endedAt);
		const name = this.overrideName ?? routeOperation;
		if (name !== "") span.name = name;
		if (!span.isSampled) return;
		this.#addRequestTags(record);
		this.#addCommonTags(span, record, record.responseCode);
		if (record.responseCode >= 500 || record.responseCode === 0) {
			span.isError = true;
			span.tags.push(["error", "true"]);
		}
		for (const { tag, read } of config.customTags) {
			const value = read(record);
			if (value !== undefined) span.tags.push([tag, value]);
		}
		if (config.verbose) this.#addEvents(record);
		tracer.report(span);
	}

	#addRequestTags(record: StreamInfo): void {
		const { tags } = this.span;
		const { request } = record;
		const add = (name: string, value: string | undefined): void => {
			if (value !== undefined && value !== "") tags.push([name, value]);
		};
		if (request !== undefined) {
			const { headers } = request;
			const isGrpc = /^application\/grpc($|\+)/.test(getHeader(headers, "content-type") ?? "");
			const path = (getHeader(headers, "x-envoy-original-path") ?? request.path).slice(
				0,
				this.#terms.config.maxPathTagLength,
			);
			const scheme = getHeader(headers, "x-forwarded-proto") ?? request.scheme;
			add("guid:x-request-id", getHeader(headers, "x-request-id"));
			tags.push(
				["http.url", `${scheme}://${request.authority}${path}`],
				["http.method", request.method],
				["downstream_cluster", getHeader(headers, "x-envoy-downstream-service-cluster") || "-"],
				["user_agent", getHeader(headers, "user-agent") || "-"],
				["http.protocol", record.protocol],
				["peer.address", record.connection.directRemote.ip],
			);
			if (isGrpc) {
				add("grpc.path", request.path);
				add("grpc.authority", request.authority);
				add("grpc.content_type", getHeader(headers, "content-type"));
				add("grpc.timeout", getHeader(headers, "grpc-timeout"));
			}
			add("guid:x-client-trace-id", getHeader(headers, "x-client-trace-id"));
		}
		tags.push(["request_size", String(record.bytesReceived)], ["response_size", String(record.bytesSent)]);
	}

	#addCommonTags({ tags }: Span, record: StreamInfo, status: number): void {
		tags.push(["component", "proxy"]);
		if (record.upstreamClusterRawName !== "") {
			tags.push(
				["upstream_cluster", record.upstreamClusterRawName],
				["upstream_cluster.name", record.upstreamClusterName],
			);
		}
		tags.push(
			["http.status_code", String(status)],
			["response_flags", formatResponseFlags(record.responseFlags) || "-"],
		);
	}

	#addEvents(record: StreamInfo): void {
		const { span } = this;
		this.#addEvent(span, record, "last_downstream_rx_byte_received", record.requestReceivedAt);
		this.#addUpstreamEvents(span, record);
		this.#addEvent(span, record, "first_downstream_tx_byte_sent", record.downstreamFirstSentAt);
		this.#addEvent(span, record, "last_downstream_tx_byte_sent", record.downstreamLastSentAt);
	}

	#addUpstreamEvents(span: Span, record: StreamInfo): void {
		this.#addEvent(span, record, "first_upstream_tx_byte_sent", record.upstreamFirstSentAt);
		this.#addEvent(span, record, "last_upstream_tx_byte_sent", record.upstreamLastSentAt);
		this.#addEvent(span, record, "first_upstream_rx_byte_received", record.upstreamFirstReceivedAt);
		this.#addEvent(span, record, "last_upstream_rx_byte_received", record.upstreamLastReceivedAt);
	}

	#addEvent(span: Span, record: StreamInfo, name: string, at: Millis): void {
		if (at >= 0) span.events.push({ name, wallMs: toWall(record, at) });
	}
}

function toWall({ startWallMs, startedAt }: StreamInfo, at: Millis): number {
	return startWallMs + (at - startedAt);
}
