import { MemberList } from "../../../../core/index.ts";
import type { ConnectionFacts } from "../../../../engine/format/index.ts";
import type { StreamSocket } from "../../../../os/index.ts";
import type { AccessLog, SamplingConfig, StatsScope } from "../../../../telemetry/index.ts";
import type { Http1RequestParserConfig } from "../../../../wire/http1/index.ts";
import { createHttp2Shared, type Http2Config, type Http2Shared } from "../../../../wire/http2/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { DrainDecision } from "../../../drain/index.ts";
import type { ScaledTimeout } from "../../../overload/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import {
	createHttp1CodecStats,
	createHttp2CodecStats,
	createHttpConnectionManagerStats,
	createListenerHttpStats,
	type DownstreamHttpStats,
	type Http1CodecStats,
	type Http2CodecStats,
	type ListenerHttpStats,
	type RouterStats,
	type TracingStats,
} from "../../../stats/index.ts";
import type { TraceTerms } from "../../../tracing/index.ts";
import { PassRequestHead } from "../../http/pass-head.ts";
import { RouterFilter } from "../../http/router/router-filter.ts";
import type { DownstreamConnection, TerminalFilter } from "../network-filter.ts";
import type { DownstreamHttpConnection } from "./downstream-stream.ts";
import { createEarlyLogs, type EarlyLogs } from "./early-logs.ts";
import { FilterChains } from "./filter-chains.ts";
import type { HttpStream } from "./http-stream.ts";
import { createDownstreamHttp2Config } from "./http2-config.ts";
import { Http2ServerConnection } from "./http2-server-connection.ts";
import { createLocalReplyRewriter, type LocalReplyRewriter } from "./local-reply-rewriter.ts";
import { RequestIds } from "./request-ids.ts";
import { createSamplingConfig } from "./request-trace.ts";
import { createRouteSource, type RouteSource } from "./route-source.ts";
import { Http1ServerConnection } from "./server-connection.ts";

/** The HTTP connection manager of one filter chain: what all its connections and streams share. */
export class HttpConnectionManager implements TerminalFilter {
	readonly config: HttpConnectionManagerConfig;
	readonly context: DataPathContext;
	readonly stats: DownstreamHttpStats;
	readonly routerStats: RouterStats;
	readonly codecStats: Http1CodecStats;
	readonly parserConfig: Http1RequestParserConfig;
	readonly http2Config: Http2Config;
	#http2Shared: Http2Shared | undefined;
	#http2Stats: Http2CodecStats | undefined;
	readonly bufferLimitBytes: number;
	/** Whether clients come by TLS. */
	readonly isTls: boolean;
	readonly connections = new MemberList<DownstreamHttpConnection>();
	/** The router is not among them. */
	readonly filters: FilterChains;
	readonly router: RouterFilter;
	/** Upgrade type in lower case to whether it is allowed. */
	readonly upgrades: ReadonlyMap<string, boolean>;
	/** Whether some option changes paths. */
	readonly touchesPaths: boolean;
	/** Whether nothing but x-forwarded-proto and x-request-id is added to a request without x- headers. */
	readonly hasPlainHeaders: boolean;
	/** How requests get a trace context; undefined leaves theirs alone. Without a provider a stock proxy does the latter, so Istio's
	 *  metrics filter, which only our own mesh sends, asks for it. */
	readonly sampling: SamplingConfig | undefined;
	/** What spans of requests have in common; undefined without a tracing provider. */
	readonly trace: TraceTerms | undefined;
	readonly tracingStats: TracingStats;
	/** Of connections without requests, and of requests that do not move. */
	readonly idleTimeout: ScaledTimeout;
	readonly streamIdleTimeout: ScaledTimeout;
	readonly #stopScaling: () => void;
	readonly requestIds = new RequestIds();
	readonly rewriteLocalReply: LocalReplyRewriter | undefined;
	/** Stands in for the request of a stream that never had one. */
	readonly noRequest = new PassRequestHead([], "", "", "", "", undefined);
	readonly #accessLogs: readonly AccessLog[];
	/** Entries before the end of a stream; undefined where none are asked for. */
	readonly earlyLogs: EarlyLogs | undefined;
	readonly #listenerStats: ListenerHttpStats;
	#drain: DrainDecision | undefined;
	readonly #drainsWhenFailing: boolean;
	readonly routes: RouteSource;

	/** @param listenerScope `listener.<address>` */
	constructor(
		config: HttpConnectionManagerConfig,
		context: DataPathContext,
		listenerScope: StatsScope,
		options: {
			readonly bufferLimitBytes: number;
			readonly isTls: boolean;
			readonly isEgress: boolean;
			/** Whether connections drain while the proxy's health check is made to fail. */
			readonly drainsWhenFailing: boolean;
		},
	) {
		this.config = config;
		this.context = context;
		this.isTls = options.isTls;
		this.#drainsWhenFailing = options.drainsWhenFailing;
		this.bufferLimitBytes = options.bufferLimitBytes;
		const stats = createHttpConnectionManagerStats(context.stats, config.statPrefix);
		this.stats = stats.downstream;
		this.routerStats = stats.router;
		this.codecStats = createHttp1CodecStats(context.stats.scope("http1"));
		this.#listenerStats = createListenerHttpStats(listenerScope.scope(`http.${config.statPrefix}`));
		const { timeouts } = context.overload;
		this.idleTimeout = timeouts.of("connection-idle", config.common.idleTimeoutMs);
		this.streamIdleTimeout = timeouts.of("stream-idle", config.streamIdleTimeoutMs);
		this.#stopScaling = timeouts.onChange(() => {
			for (const connection of this.connections.list()) connection.onTimeoutsChanged();
		});
		this.parserConfig = {
			maxHeadBytes: config.maxRequestHeadersBytes,
			maxHeaderCount: config.common.maxHeadersCount,
			keepTrailers: config.http1.enableTrailers,
			acceptHttp10: config.http1.acceptHttp10,
			allowAbsoluteTarget: config.http1.allowAbsoluteUrl,
			allowChunkedLength: config.http1.allowChunkedLength,
			underscores: underscoreActions[config.common.headersWithUnderscores],
		};
		this.http2Config = createDownstreamHttp2Config(config, options.bufferLimitBytes);
		this.filters = new FilterChains(config, context, stats.scope);
		const router = config.filters.find((filter) => filter.kind === "router");
		this.router = new RouterFilter(router?.kind === "router" ? router.config : undefined, this, stats.scope);
		this.upgrades = new Map(config.upgrades.map((upgrade) => [upgrade.type.toLowerCase(), upgrade.enabled]));
		this.touchesPaths = config.normalizePath || config.mergeSlashes || config.escapedSlashes !== "keep";
		this.hasPlainHeaders =
			!config.useRemoteAddress &&
			config.originalIpDetection.length === 0 &&
			config.via === "" &&
			!config.addUserAgent &&
			config.earlyHeaderMutations.length === 0 &&
			(config.forwardClientCert === "sanitize" || config.forwardClientCert === "forward-only" || !options.isTls);
		const traces = config.tracing?.provider !== undefined || config.filters.some(({ kind }) => kind === "istio-stats");
		this.sampling = config.tracing !== undefined && traces ? createSamplingConfig(config.tracing) : undefined;
		this.trace = this.#createTraceTerms(options.isEgress);
		this.tracingStats = stats.tracing;
		this.rewriteLocalReply = createLocalReplyRewriter(config.localReply, context);
		this.#accessLogs = config.accessLogs.map((log) => context.createAccessLog(log));
		this.earlyLogs = createEarlyLogs(config, this.#accessLogs, context.clock);
		this.routes = createRouteSource(config.routes, context);
	}

	#createTraceTerms(isEgress: boolean): TraceTerms | undefined {
		const { tracing: config, filters } = this.config;
		const tracer = config === undefined ? undefined : this.context.tracers.of(config);
		if (config === undefined || tracer === undefined) return undefined;
		const router = filters.find((filter) => filter.kind === "router");
		const spawnsUpstreamSpans =
			config.spawnUpstreamSpan || (router?.kind === "router" && router.config.startChildSpan === true);
		const { nodeId, zone } = this.context;
		return { tracer, config, isEgress, nodeId, zone, spawnsUpstreamSpans };
	}

	/** Serves a connection. AUTO: as ALPN says, else as its first bytes say. */
	accept({ socket, facts }: DownstreamConnection): void {
		this.countOpened();
		const { codec } = this.config;
		const alpn = facts.tls?.alpn ?? "";
		if (codec === "http2" || (codec === "auto" && alpn === "h2")) this.serveHttp2(socket, facts, undefined);
		else new Http1ServerConnection(this, socket, facts, codec === "auto" && alpn === "");
	}

	/** Serves a connection that speaks HTTP/2; `first` was read from it. */
	serveHttp2(socket: StreamSocket, facts: ConnectionFacts, first: Buffer | undefined): void {
		this.stats.downstream_cx_http2_total.value++;
		this.stats.downstream_cx_http2_active.value++;
		this.http2Stats.nghttp2_downstream_connections.value++;
		new Http2ServerConnection(this, socket, facts, first);
	}

	/** Made with the first HTTP/2 connection. */
	get http2Shared(): Http2Shared {
		this.#http2Shared ??= createHttp2Shared(this.http2Stats);
		return this.#http2Shared;
	}

	get http2Stats(): Http2CodecStats {
		this.#http2Stats ??= createHttp2CodecStats(this.context.stats.scope("http2"));
		return this.#http2Stats;
	}

	/** The idle limit of a route's requests. */
	limitIdle(ms: number): ScaledTimeout {
		return this.context.overload.timeouts.of("stream-idle", ms);
	}

	/** HTTP logs requests, and there was none. */
	onRefused(): void {
		this.stats.downstream_cx_total.value++;
	}

	/** Whether the connection that asks is to end with the response that it is about to send. */
	get isDraining(): boolean {
		return (this.#drainsWhenFailing && this.context.localHealth.isFailing) || (this.#drain?.isDue() ?? false);
	}

	/** Whether memory or whatever else runs out asks HTTP/1 connections to end with their response; counted. */
	endsKeepalive(): boolean {
		if (!this.context.overload.endsKeepalive()) return false;
		this.stats.downstream_cx_overload_disable_keepalive.value++;
		return true;
	}

	get activeConnections(): number {
		return this.connections.size;
	}

	/** A connection begins. */
	countOpened(): void {
		const { stats } = this;
		stats.downstream_cx_total.value++;
		stats.downstream_cx_active.value++;
		stats.downstream_cx_rx_bytes_buffered.value = 0;
		if (!this.isTls) return;
		stats.downstream_cx_ssl_total.value++;
		stats.downstream_cx_ssl_active.value++;
	}

	/** A connection turned out to speak HTTP/1. */
	countHttp1(): void {
		this.stats.downstream_cx_http1_total.value++;
		this.stats.downstream_cx_http1_active.value++;
	}

	/** A connection is over: cut by us, or left by its client. `version` is 0 when it never said which one it speaks. */
	countClosed(lifetimeMs: number, byUs: boolean, hadStream: boolean, version: 0 | 1 | 2): void {
		const { stats } = this;
		stats.downstream_cx_active.value--;
		if (version === 1) stats.downstream_cx_http1_active.value--;
		else if (version === 2) stats.downstream_cx_http2_active.value--;
		if (this.isTls) stats.downstream_cx_ssl_active.value--;
		stats.downstream_cx_length_ms.record(lifetimeMs);
		stats.downstream_cx_destroy.value++;
		(byUs ? stats.downstream_cx_destroy_local : stats.downstream_cx_destroy_remote).value++;
		if (!hadStream) return;
		stats.downstream_cx_destroy_active_rq.value++;
		(byUs ? stats.downstream_cx_destroy_local_active_rq : stats.downstream_cx_destroy_remote_active_rq).value++;
	}

	/** A request becomes something else, such as a WebSocket. */
	countUpgrade(): void {
		this.stats.downstream_cx_upgrades_total.value++;
		this.stats.downstream_cx_upgrades_active.value++;
	}

	/** Counts a response's head; health checks do not count. */
	chargeResponse(status: number, isHealthCheck: boolean): void {
		if (isHealthCheck) return;
		const { stats } = this;
		stats.downstream_rq_completed.value++;
		this.#listenerStats.downstream_rq_completed.value++;
		const key = classKeys[Math.floor(status / 100)];
		if (key === undefined) return;
		stats[key].value++;
		this.#listenerStats[key].value++;
	}

	/** A stream's record is complete. */
	onStreamEnd(stream: HttpStream): void {
		const { record } = stream;
		this.stats.downstream_rq_time.record(record.endedAt - record.startedAt);
		record.trace?.finish(record, stream.route?.decoratorOperation ?? "");
		this.earlyLogs?.end(record);
		for (const log of this.#accessLogs) log.log(record);
		this.context.failedRequests.see(record);
	}

	/** Lets requests finish and closes each connection behind an answer, when `decision` says so. */
	drain(decision: DrainDecision): void {
		this.#drain = decision;
	}

	/** Announces the end on these connections; requests under way are answered. */
	retire(facts: ReadonlySet<ConnectionFacts>): void {
		for (const connection of this.connections.list()) if (facts.has(connection.facts)) connection.endLife();
	}

	/** Ends every connection. */
	close(): void {
		for (const connection of this.connections.list()) connection.abort();
		this.routes.close();
		this.filters.close();
		this.router.close();
		this.#stopScaling();
	}
}

const underscoreActions = { allow: "allow", "reject-request": "reject", "drop-header": "drop" } as const;

const classKeys = [
	undefined,
	"downstream_rq_1xx",
	"downstream_rq_2xx",
	"downstream_rq_3xx",
	"downstream_rq_4xx",
	"downstream_rq_5xx",
] as const;
