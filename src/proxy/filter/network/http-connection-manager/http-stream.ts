import type { HeaderList, Millis } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { FilterPath, LocalReply } from "../../http/filter.ts";
import type { ActiveFilters } from "../../http/filter-chain.ts";
import type { PassRequestHead, PassResponseHead } from "../../http/pass-head.ts";
import { RequestPath, type RequestPathEnd } from "../../http/request-path.ts";
import { ResponsePath, type ResponsePathEnd } from "../../http/response-path.ts";
import type { RequestBody } from "../../http/router/request-body.ts";
import { RouterStream } from "../../http/router/router-stream.ts";
import type { HttpConnectionManager } from "./connection-manager.ts";
import type { DownstreamStream } from "./downstream-stream.ts";
import {
	durationReply,
	headerTimeoutReply,
	idleReply,
	largeRequestReply,
	largeResponseReply,
	requestTimeoutReply,
	upgradeRefusedReply,
} from "./limit-replies.ts";
import { createLocalReplyHead } from "./local-reply.ts";
import type { ProtocolError } from "./protocol-errors.ts";
import { checkRequest, isUpgradeAllowed } from "./request-checks.ts";
import { finishResponseHead } from "./response-head.ts";
import { StreamCore } from "./stream-core.ts";
import { StreamDeadlines } from "./stream-deadlines.ts";

const noRedirects = Object.freeze({ count: 0, routes: [] });

/** One request and its response, from the head to the access log. Calls come from the connection (downstream), from filters and
 *  from the router (upstream). */
export class HttpStream extends StreamCore implements RequestPathEnd, ResponsePathEnd {
	/** An internal client asked for a trace: the answer names the request's id. */
	isTraceForced = false;
	/** The redirects that were followed to get here, and the names of the routes they left. */
	redirects: { readonly count: number; readonly routes: readonly string[] } = noRedirects;
	#router: RouterStream | undefined;
	/** The filters of this stream, once it has a route or an answer. */
	#filters: ActiveFilters | undefined;
	#requestPath: RequestPath | undefined;
	#responsePath: ResponsePath | undefined;
	#isAnsweredLocally = false;
	/** Of the request's body, at the filters that hold it. */
	#size: "fits" | "reading" | "too-large" = "fits";
	#isHeadWritten = false;
	#isHead = false;
	#isConnect = false;
	#isUpgraded = false;

	readonly #deadlines: StreamDeadlines;

	constructor(manager: HttpConnectionManager, downstream: DownstreamStream) {
		super(manager, downstream);
		this.#deadlines = new StreamDeadlines(manager.streamIdleTimeout);
		manager.stats.downstream_rq_total.value++;
		manager.stats.downstream_rq_active.value++;
		if (downstream.protocol === "HTTP/2") manager.stats.downstream_rq_http2_total.value++;
		else manager.stats.downstream_rq_http1_total.value++;
	}

	// --- downstream

	/** The head is here. */
	start(request: PassRequestHead, hasHost: boolean, endStream: boolean): void {
		const { manager, record } = this;
		const { config } = manager;
		this.request = request;
		record.request = request;
		record.originalPath = request.path;
		this.#isHead = request.method === "HEAD";
		this.#isConnect = request.upgrade === "CONNECT";
		record.protocol = this.downstream.protocol;
		const now = record.startedAt;
		if (endStream) this.#completeRequest();
		else if (config.requestTimeoutMs > 0) this.#deadlines.setRequestEnd(now + config.requestTimeoutMs);
		this.#deadlines.touch(now);
		const maxMs = config.common.maxStreamDurationMs;
		if (maxMs !== undefined && maxMs > 0) this.#deadlines.setDurationEnd(now + maxMs);
		manager.earlyLogs?.begin(record);
		if (!checkRequest(this, hasHost)) return;
		this.#process(request, this.isRequestComplete);
	}

	/** Ends this stream without an answer, and begins another one on the same connection with the request a redirect led to. */
	redirect(request: PassRequestHead, head: PassResponseHead, body: RequestBody | undefined): void {
		const { record, downstream } = this;
		record.responseHead = head;
		record.responseCode = head.status;
		record.responseCodeDetails = "internal_redirect";
		record.request = request;
		this.noteRoute();
		record.upstreamClusterName = "";
		this.noteCluster();
		this.#finish();
		const stream = downstream.createStream();
		stream.redirects = { count: this.redirects.count + 1, routes: [...this.redirects.routes, this.route!.name] };
		stream.#takeOver(this, request, body);
	}

	/** Starts with a request that the connection manager had its say about already. */
	#takeOver(before: HttpStream, request: PassRequestHead, body: RequestBody | undefined): void {
		const { record } = this;
		this.request = request;
		record.request = request;
		record.originalPath = request.path;
		record.protocol = before.record.protocol;
		record.remote = before.record.remote;
		record.streamId = before.record.streamId;
		record.bytesReceived = before.record.bytesReceived;
		record.requestHeaderBytes = before.record.requestHeaderBytes;
		this.#isHead = request.method === "HEAD";
		this.shareRandom(before);
		this.#deadlines.touch(record.startedAt);
		const pieces = body?.pieces ?? [];
		const trailers = body?.trailers;
		// All of it is here, whatever answers before it has passed the filters.
		this.#completeRequest();
		this.#process(request, pieces.length === 0 && trailers === undefined);
		pieces.forEach((piece, index) => {
			this.onBody(piece, index === pieces.length - 1 && trailers === undefined);
		});
		if (trailers !== undefined) this.onTrailers(trailers);
		this.downstream.armDeadline();
	}

	/** Route, filters, router. */
	#process(request: PassRequestHead, endStream: boolean): void {
		const { manager } = this;
		this.routeTable = manager.routes.of(request);
		this.chooseRoute();
		if (request.upgrade !== undefined && !this.#acceptUpgrade(request.upgrade)) return;
		const filters = this.#chooseFilters();
		if (filters !== undefined) this.noteCluster();
		if (filters === undefined || filters.request.length === 0) {
			this.startRouter(endStream);
			return;
		}
		this.#requestPath = new RequestPath(this, filters, manager.bufferLimitBytes);
		this.#requestPath.start(endStream);
	}

	#chooseFilters(): ActiveFilters | undefined {
		const upgrade = this.#isUpgraded ? this.request.upgrade : undefined;
		this.#filters ??= this.manager.filters.of(upgrade).select(this.route);
		return this.#filters;
	}

	onBody(view: Buffer, last: boolean): void {
		if (this.isOver) return;
		this.record.bytesReceived += view.length;
		if (last) this.#completeRequest();
		this.#deadlines.touch(this.now());
		if (this.#requestPath === undefined) this.#router?.onRequestBody(view, last);
		else if (!this.isRequestCut) {
			this.#size = "reading";
			this.#requestPath.push(view, last, true);
			if (this.#size === "reading") this.#size = "fits";
		}
	}

	onTrailers(trailers: HeaderList): void {
		if (this.isOver) return;
		this.#completeRequest();
		this.record.requestTrailers = trailers;
		if (this.#requestPath === undefined) this.#router?.onRequestTrailers(trailers);
		else if (!this.isRequestCut) this.#requestPath.pushTrailers(trailers);
	}

	/** All bytes of one read were handed on. */
	onDownstreamTurnEnd(): void {
		if (this.#size === "too-large" && !this.isOver) this.#refuseLargeRequest();
		this.#router?.onRequestTurnEnd();
		this.downstream.armDeadline();
	}

	onDownstreamDrain(): void {
		if (this.#responsePath === undefined) this.#router?.onDownstreamDrain();
		else this.#responsePath.onDrain();
	}

	/** The client is gone. */
	onDownstreamGone(): void {
		if (this.isOver) return;
		this.record.responseFlags |= ResponseFlag.downstreamConnectionTermination;
		if (this.record.responseCodeDetails === "" || !this.#isAnswered) {
			this.record.responseCodeDetails = "downstream_remote_disconnect";
		}
		this.manager.stats.downstream_rq_rx_reset.value++;
		this.#finish();
	}

	/** The client reset the stream, or broke the protocol on it. */
	onDownstreamReset(details: string, flag: number): void {
		if (this.isOver) return;
		this.record.responseFlags |= flag;
		this.record.responseCodeDetails = details;
		this.manager.stats.downstream_rq_rx_reset.value++;
		this.#finish();
	}

	/** The bytes of the connection are no acceptable request (or its body went wrong). */
	failProtocol(error: ProtocolError): void {
		if (this.responseStarted) {
			this.record.responseFlags |= ResponseFlag.downstreamProtocolError;
			this.record.responseCodeDetails = error.details;
			this.#cut();
			return;
		}
		this.sendLocalReply({
			status: error.status,
			body: error.body,
			details: error.details,
			flags: ResponseFlag.downstreamProtocolError,
		});
	}

	/** The head did not come within the stream's idle timeout. */
	failIdle(): void {
		this.manager.stats.downstream_rq_idle_timeout.value++;
		this.sendLocalReply(idleReply(408));
	}

	/** The head did not come in time. */
	failRequestHeaders(): void {
		this.manager.stats.downstream_rq_header_timeout.value++;
		this.sendLocalReply(headerTimeoutReply);
	}

	// --- filters

	get requestPath(): FilterPath {
		return this.#requestPath!;
	}

	get responsePath(): FilterPath {
		return this.#responsePath!;
	}

	get isRequestCut(): boolean {
		return this.isOver || this.#isAnsweredLocally || this.#size === "too-large";
	}

	continueRequest(index: number): void {
		if (!this.isRequestCut) this.#requestPath?.continue(index);
	}

	continueResponse(index: number): void {
		if (!this.isOver) this.#responsePath?.continue(index);
	}

	/** While bytes come in, the answer waits for the last one of the turn: all that was read counts as received. */
	failLargeRequest(): void {
		if (this.#size === "reading") this.#size = "too-large";
		else this.#refuseLargeRequest();
	}

	#refuseLargeRequest(): void {
		this.#size = "fits";
		this.manager.stats.downstream_rq_too_large.value++;
		// Whatever came of it in the same read: the answer goes out before the request was taken.
		this.isRequestComplete = false;
		this.sendLocalReply(largeRequestReply);
	}

	failLargeResponse(): void {
		this.manager.stats.rs_too_large.value++;
		this.sendLocalReply(largeResponseReply);
	}

	sendLocalReply(reply: LocalReply): void {
		if (this.isOver) return;
		const { record } = this;
		record.responseFlags |= reply.flags;
		record.responseCodeDetails = /\s/.test(reply.details) ? reply.details.replace(/\s/g, "_") : reply.details;
		if (this.#isHeadWritten) {
			this.abort();
			return;
		}
		this.#isAnsweredLocally = true;
		this.#router?.abandon();
		const { head, body } = createLocalReplyHead(this, reply, this.#isHead);
		const endStream = body.length === 0;
		if (this.#responsePath !== undefined) {
			// A response waits in a filter: this answer goes past all of them.
			this.#responsePath.cut();
			this.#noteResponse(head);
			this.writeHead(head, endStream);
			if (!endStream && !this.isOver) this.writeBody(body, true, true);
			return;
		}
		this.sendHead(head, endStream);
		if (!endStream && !this.isOver) this.sendBody(body, true, true);
	}

	// --- router

	/** A 1xx answer of the upstream. */
	sendInformational(status: number, headers: HeaderList): void {
		this.manager.chargeResponse(status, this.record.healthCheck);
		this.downstream.writeInformational(status, headers);
	}

	sendHead(head: PassResponseHead, endStream: boolean): void {
		this.#noteResponse(head);
		const filters = this.#chooseFilters();
		if (filters === undefined || filters.response.length === 0) {
			this.writeHead(head, endStream);
			return;
		}
		this.#responsePath = new ResponsePath(this, head, filters, this.manager.bufferLimitBytes);
		this.#responsePath.start(endStream);
	}

	#noteResponse(head: PassResponseHead): void {
		this.responseStarted = true;
		this.record.responseHead = head;
		this.record.responseCode = head.status;
	}

	/** The head has passed the filters. */
	writeHead(head: PassResponseHead, endStream: boolean): void {
		const { manager, record } = this;
		this.#isHeadWritten = true;
		record.responseCode = head.status;
		if (!this.isRequestComplete) {
			manager.stats.downstream_rq_response_before_rq_complete.value++;
			this.downstream.closeAfterResponse();
		}
		finishResponseHead(this, head);
		manager.chargeResponse(head.status, record.healthCheck);
		this.downstream.writeHead(head, endStream, this.#isHead, this.#isConnect);
		record.downstreamFirstSentAt = this.now();
		if (endStream) this.#endResponse();
		else this.#deadlines.touch(record.downstreamFirstSentAt);
	}

	/** `owned`: nobody else changes the buffer.
	 *  @returns false when the router should wait for `onDownstreamDrain` */
	sendBody(view: Buffer, last: boolean, owned: boolean): boolean {
		const path = this.#responsePath;
		if (path === undefined) return this.writeBody(view, last, owned);
		path.push(view, last, owned);
		return path.takesMore;
	}

	writeBody(view: Buffer, last: boolean, owned: boolean): boolean {
		if (this.isOver) return true;
		this.record.bytesSent += view.length;
		const writable = this.downstream.writeBody(view, last, owned);
		if (last) this.#endResponse();
		else this.#deadlines.touch(this.now());
		return writable;
	}

	sendTrailers(trailers: HeaderList): void {
		if (this.#responsePath === undefined) this.writeTrailers(trailers);
		else this.#responsePath.pushTrailers(trailers);
	}

	writeTrailers(trailers: HeaderList): void {
		if (this.isOver) return;
		this.record.responseTrailers = trailers;
		this.downstream.writeTrailers(trailers);
		this.#endResponse();
	}

	onResponseDrain(): void {
		this.#router?.onDownstreamDrain();
	}

	/** What waits for more bytes of the turn goes out. */
	flushResponse(): void {
		if (!this.isOver) this.downstream.flush();
	}

	/** The response cannot be completed. */
	abort(): void {
		if (this.isOver) return;
		this.manager.stats.downstream_rq_tx_reset.value++;
		this.#cut();
	}

	#cut(): void {
		this.#finish();
		this.downstream.flush();
		this.downstream.closeAfterResponse();
		this.downstream.onStreamEnd(false);
	}

	pauseRequest(): void {
		if (!this.isOver) this.downstream.pauseReading();
	}

	resumeRequest(): void {
		if (!this.isOver) this.downstream.resumeReading();
	}

	/** The route's own limits, once known. */
	setLimits(idleTimeoutMs: number | undefined, maxDurationMs: number | undefined): void {
		if (idleTimeoutMs !== undefined) this.#deadlines.setIdleLimit(this.manager.limitIdle(idleTimeoutMs), this.now());
		if (maxDurationMs === undefined) return;
		this.#deadlines.setDurationEnd(
			maxDurationMs > 0 ? this.record.startedAt + maxDurationMs : Number.POSITIVE_INFINITY,
		);
	}

	// --- time

	nextDeadline(): Millis {
		const own = this.#deadlines.next;
		return this.#router === undefined ? own : Math.min(own, this.#router.nextDeadline());
	}

	onDeadline(now: Millis): void {
		const { stats } = this.manager;
		const status = this.isRequestComplete ? 504 : 408;
		switch (this.#deadlines.takeDue(now)) {
			case "duration":
				stats.downstream_rq_max_duration_reached.value++;
				this.sendLocalReply(durationReply(status));
				return;
			case "request":
				stats.downstream_rq_timeout.value++;
				this.sendLocalReply(requestTimeoutReply);
				return;
			case "idle":
				stats.downstream_rq_idle_timeout.value++;
				this.sendLocalReply(idleReply(status));
				return;
			default:
				this.#router?.onDeadline(now);
		}
	}

	// --- private

	get #isAnswered(): boolean {
		return this.record.responseFlags !== ResponseFlag.downstreamConnectionTermination;
	}

	#completeRequest(): void {
		this.isRequestComplete = true;
		this.#deadlines.setRequestEnd(Number.POSITIVE_INFINITY);
		this.record.requestReceivedAt = this.record.bytesReceived === 0 ? this.record.startedAt : this.now();
	}

	/** Upgrades need a yes of the manager or of the route. */
	#acceptUpgrade(upgrade: string): boolean {
		const { route, manager } = this;
		if (this.#isConnect && route === undefined) return true;
		if (isUpgradeAllowed(upgrade, route, manager.upgrades)) {
			this.#isUpgraded = true;
			manager.countUpgrade();
			return true;
		}
		manager.stats.downstream_rq_ws_on_non_ws_route.value++;
		this.noteCluster();
		this.sendLocalReply(upgradeRefusedReply);
		return false;
	}

	/** The filters are done with the head. */
	startRouter(endStream: boolean): void {
		this.#router = new RouterStream(this, this.manager.router);
		this.#router.start(endStream);
	}

	routeBody(view: Buffer, last: boolean): void {
		this.#router?.onRequestBody(view, last);
	}

	routeTrailers(trailers: HeaderList): void {
		this.#router?.onRequestTrailers(trailers);
	}

	flushRequest(): void {
		if (!this.isOver) this.#router?.onRequestTurnEnd();
	}

	#endResponse(): void {
		const requestComplete = this.isRequestComplete;
		if (!requestComplete && this.downstream.protocol !== "HTTP/2") this.manager.stats.downstream_rq_rx_reset.value++;
		this.#finish();
		this.downstream.onStreamEnd(requestComplete);
	}

	#finish(): void {
		if (this.isOver) return;
		this.isOver = true;
		const { manager, record } = this;
		record.endedAt = record.downstreamLastSentAt = this.now();
		this.#router?.onEnd();
		manager.stats.downstream_rq_active.value--;
		if (this.#isUpgraded) manager.stats.downstream_cx_upgrades_active.value--;
		const filters = this.#chooseFilters();
		if (filters !== undefined) for (const filter of filters.end) filter.onEnd!(this);
		manager.onStreamEnd(this);
	}
}
