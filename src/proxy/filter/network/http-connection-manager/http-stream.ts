import type { HeaderList, Millis } from "../../../../core/index.ts";
import { type ConnectionFacts, ResponseFlag } from "../../../../engine/format/index.ts";
import type { RouteEntry, RouteTable } from "../../../../engine/router/index.ts";
import type { BodyGate, BodyOutlet, FilterStream, LocalReply } from "../../http/filter.ts";
import type { PassRequestHead, PassResponseHead } from "../../http/pass-head.ts";
import type { RequestBody } from "../../http/router/request-body.ts";
import { RouterStream } from "../../http/router/router-stream.ts";
import { StreamRecord } from "../../http/stream-record.ts";
import type { HttpConnectionManager } from "./connection-manager.ts";
import type { DownstreamStream } from "./downstream-stream.ts";
import { HeldBody } from "./held-body.ts";
import {
	durationReply,
	headerTimeoutReply,
	idleReply,
	requestTimeoutReply,
	upgradeRefusedReply,
} from "./limit-replies.ts";
import { createLocalReplyHead } from "./local-reply.ts";
import type { ProtocolError } from "./protocol-errors.ts";
import { checkRequest } from "./request-checks.ts";
import { finishResponseHead } from "./response-head.ts";
import { StreamDeadlines } from "./stream-deadlines.ts";

const noRedirects = Object.freeze({ count: 0, routes: [] });

/** One request and its response, from the head to the access log. Calls come from the connection (downstream), from filters and
 *  from the router (upstream). */
export class HttpStream implements FilterStream {
	readonly manager: HttpConnectionManager;
	readonly record: StreamRecord;
	readonly downstream: DownstreamStream;
	/** Replaced by the real one in {@link start}. */
	request: PassRequestHead;
	route: RouteEntry | undefined = undefined;
	routeTable: RouteTable | undefined = undefined;
	isRequestComplete = false;
	isOver = false;
	responseStarted = false;
	/** An internal client asked for a trace: the answer names the request's id. */
	isTraceForced = false;
	/** The redirects that were followed to get here, and the names of the routes they left. */
	redirects: { readonly count: number; readonly routes: readonly string[] } = noRedirects;
	#filterIndex = 0;
	#states: unknown[] | undefined;
	#router: RouterStream | undefined;
	/** Body that arrived while a filter held the head. */
	#held: HeldBody | undefined;
	#gate: BodyGate | undefined;
	#readPaused = false;
	#isHead = false;
	#isConnect = false;
	#randomValue = -1;

	readonly #deadlines: StreamDeadlines;

	constructor(manager: HttpConnectionManager, downstream: DownstreamStream) {
		this.manager = manager;
		this.downstream = downstream;
		const { clock } = manager.context;
		this.record = new StreamRecord(downstream.facts, clock.now(), clock.wall());
		this.request = manager.noRequest;
		this.#deadlines = new StreamDeadlines(manager.config.streamIdleTimeoutMs);
		manager.stats.downstream_rq_total.value++;
		manager.stats.downstream_rq_active.value++;
		if (downstream.protocol === "HTTP/2") manager.stats.downstream_rq_http2_total.value++;
		else manager.stats.downstream_rq_http1_total.value++;
	}

	get connection(): ConnectionFacts {
		return this.downstream.facts;
	}

	now(): Millis {
		return this.manager.context.clock.now();
	}

	/** The number in [0, 1) of this request: the same for every decision about it. */
	get random(): number {
		if (this.#randomValue === -1) this.#randomValue = this.manager.context.random.next();
		return this.#randomValue;
	}

	routeConfig(name: string): unknown {
		return this.route?.filterConfigs.get(name);
	}

	getState(index: number): unknown {
		return this.#states?.[index];
	}

	setState(index: number, state: unknown): void {
		this.#states ??= [];
		this.#states[index] = state;
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
		if (!checkRequest(this, hasHost)) return;
		this.#process(request);
	}

	/** Ends this stream without an answer, and begins another one on the same connection with the request a redirect led to. */
	redirect(request: PassRequestHead, head: PassResponseHead, body: RequestBody | undefined): void {
		const { record, downstream } = this;
		record.responseHead = head;
		record.responseCode = head.status;
		record.responseCodeDetails = "internal_redirect";
		record.request = request;
		this.#noteRoute();
		record.upstreamClusterName = "";
		this.#noteCluster();
		this.#finish();
		const stream = downstream.createStreamAgain();
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
		this.#randomValue = before.random;
		this.#deadlines.touch(record.startedAt);
		const chunks = body?.chunks ?? [];
		const trailers = body?.trailers;
		if (chunks.length === 0 && trailers === undefined) this.#completeRequest();
		this.#process(request);
		chunks.forEach((chunk, index) => {
			this.onBody(chunk, index === chunks.length - 1 && trailers === undefined);
		});
		if (trailers !== undefined) this.onTrailers(trailers);
		this.downstream.armDeadline();
	}

	/** Route, filters, router. */
	#process(request: PassRequestHead): void {
		const { manager, record } = this;
		this.routeTable = manager.currentRoutes();
		this.route = this.routeTable?.match(request, record, this.random);
		this.#noteRoute();
		if (request.upgrade !== undefined && !this.#acceptUpgrade(request.upgrade)) return;
		const { headFilters } = manager;
		if (headFilters.length > 0) {
			this.#noteCluster();
			if (!this.#runFilters()) return;
		}
		this.#startRouter();
	}

	onBody(view: Buffer, last: boolean): void {
		if (this.isOver) return;
		this.record.bytesReceived += view.length;
		if (last) this.#completeRequest();
		this.#deadlines.touch(this.now());
		if (this.#router !== undefined) {
			this.#router.onRequestBody(view, last);
			return;
		}
		this.#held ??= new HeldBody(this.manager.bufferLimitBytes);
		this.#held.keep(view);
		if (this.#held.isFull && !this.#readPaused) {
			this.#readPaused = true;
			this.downstream.pauseReading();
		}
	}

	onTrailers(trailers: HeaderList): void {
		if (this.isOver) return;
		this.#completeRequest();
		this.record.requestTrailers = trailers;
		if (this.#router !== undefined) {
			this.#router.onRequestTrailers(trailers);
			return;
		}
		this.#held ??= new HeldBody(this.manager.bufferLimitBytes);
		this.#held.trailers = trailers;
	}

	/** All bytes of one read were handed on. */
	onDownstreamTurnEnd(): void {
		this.#router?.onRequestTurnEnd();
		this.downstream.armDeadline();
	}

	onDownstreamDrain(): void {
		this.#router?.onDownstreamDrain();
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

	/** The bytes of the connection are no acceptable request (or its body went wrong). */
	failProtocol(error: ProtocolError): void {
		if (this.responseStarted) {
			this.record.responseFlags |= ResponseFlag.downstreamProtocolError;
			this.record.responseCodeDetails = error.details;
			this.abort();
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

	continueRequest(): void {
		if (this.isOver || this.responseStarted) return;
		this.#filterIndex++;
		if (this.#runFilters()) {
			this.#startRouter();
			this.#router?.onRequestTurnEnd();
		}
	}

	gateResponse(create: (outlet: BodyOutlet) => BodyGate): void {
		this.#gate = create({
			write: (view, last) => void this.#writeBody(view, last, false),
			writeTrailers: (trailers) => this.#writeTrailers(trailers),
			onDrain: () => this.#router?.onDownstreamDrain(),
		});
	}

	sendLocalReply(reply: LocalReply): void {
		if (this.isOver) return;
		const { record } = this;
		record.responseFlags |= reply.flags;
		record.responseCodeDetails = reply.details.includes(" ") ? reply.details.replaceAll(" ", "_") : reply.details;
		if (this.responseStarted) {
			this.abort();
			return;
		}
		this.#router?.abandon();
		const { head, body } = createLocalReplyHead(this, reply, this.#isHead);
		const endStream = body === "";
		this.sendHead(head, endStream);
		if (!endStream && !this.isOver) this.sendBody(Buffer.from(body), true, true);
	}

	// --- router

	/** A 1xx answer of the upstream. */
	sendInformational(status: number, headers: HeaderList): void {
		this.manager.chargeResponse(status);
		this.downstream.writeInformational(status, headers);
	}

	sendHead(head: PassResponseHead, endStream: boolean): void {
		const { manager, record } = this;
		this.responseStarted = true;
		record.responseHead = head;
		record.responseCode = head.status;
		for (const filter of manager.responseFilters) filter.onResponseHead!(this, head, endStream);
		if (!this.isRequestComplete) {
			manager.stats.downstream_rq_response_before_rq_complete.value++;
			this.downstream.closeAfterResponse();
		}
		finishResponseHead(this, head);
		manager.chargeResponse(head.status);
		this.downstream.writeHead(head, endStream, this.#isHead, this.#isConnect);
		record.downstreamFirstSentAt = this.now();
		if (endStream) this.#endResponse();
		else this.#deadlines.touch(record.downstreamFirstSentAt);
	}

	/** `owned`: nobody else changes the buffer.
	 *  @returns false when the router should wait for `onDownstreamDrain` */
	sendBody(view: Buffer, last: boolean, owned: boolean): boolean {
		return this.#gate === undefined ? this.#writeBody(view, last, owned) : this.#gate.push(view, last);
	}

	#writeBody(view: Buffer, last: boolean, owned: boolean): boolean {
		if (this.isOver) return true;
		this.record.bytesSent += view.length;
		const writable = this.downstream.writeBody(view, last, owned);
		if (last) this.#endResponse();
		else this.#deadlines.touch(this.now());
		return writable;
	}

	sendTrailers(trailers: HeaderList): void {
		if (this.#gate === undefined) this.#writeTrailers(trailers);
		else this.#gate.pushTrailers(trailers);
	}

	#writeTrailers(trailers: HeaderList): void {
		if (this.isOver) return;
		this.record.responseTrailers = trailers;
		this.downstream.writeTrailers(trailers);
		this.#endResponse();
	}

	/** What waits for more bytes of the turn goes out. */
	flushResponse(): void {
		if (!this.isOver) this.downstream.flush();
	}

	/** The response cannot be completed. */
	abort(): void {
		if (this.isOver) return;
		this.#finish();
		this.downstream.flush();
		this.downstream.closeAfterResponse();
		this.downstream.onStreamEnd(false);
	}

	pauseRequest(): void {
		this.downstream.pauseReading();
	}

	resumeRequest(): void {
		this.downstream.resumeReading();
	}

	/** The route's own limits, once known. */
	setLimits(idleTimeoutMs: number | undefined, maxDurationMs: number | undefined): void {
		if (idleTimeoutMs !== undefined) this.#deadlines.setIdleLimit(idleTimeoutMs, this.now());
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

	#noteRoute(): void {
		const { route, record } = this;
		if (route === undefined) return;
		record.routeName = route.name;
		record.routeMetadata = route.metadata;
		record.virtualHostName = route.virtualHostName;
	}

	/** Upgrades need a yes of the manager or of the route. */
	#acceptUpgrade(upgrade: string): boolean {
		const type = upgrade.toLowerCase();
		const { route, manager } = this;
		const onRoute = route?.action.kind === "forward" ? route.action.upgrades.get(type) : undefined;
		const accepted = onRoute?.enabled ?? manager.upgrades.get(type) ?? false;
		if (accepted || (this.#isConnect && route === undefined)) return true;
		manager.stats.downstream_rq_ws_on_non_ws_route.value++;
		this.#noteCluster();
		this.sendLocalReply(upgradeRefusedReply);
		return false;
	}

	/** Answers of filters are logged with the cluster that the request would have gone to. */
	#noteCluster(): void {
		const action = this.route?.action;
		if (action?.kind !== "forward" || action.cluster.kind !== "name") return;
		const upstream = this.manager.context.getCluster(action.cluster.name);
		if (upstream !== undefined) this.record.upstreamClusterName = upstream.shownName;
	}

	/** @returns whether the request got through all filters */
	#runFilters(): boolean {
		const filters = this.manager.headFilters;
		for (; this.#filterIndex < filters.length; this.#filterIndex++) {
			const filter = filters[this.#filterIndex]!;
			if (!this.#isOn(filter.name, filter.disabled)) continue;
			if (filter.onRequestHead!(this, this.isRequestComplete) === "stop") return false;
		}
		return !this.isOver;
	}

	#isOn(name: string, disabled: boolean): boolean {
		const override = this.route?.filterConfigs.get(name);
		if (override === undefined) return !disabled;
		return override.kind !== "disabled";
	}

	#startRouter(): void {
		const router = new RouterStream(this, this.manager.router);
		this.#router = router;
		const held = this.#held;
		this.#held = undefined;
		router.start(this.isRequestComplete && held?.hasContent !== true);
		if (this.isOver || this.responseStarted) return;
		held?.handOn(router, this.isRequestComplete, () => this.isOver);
		if (this.#readPaused) {
			this.#readPaused = false;
			this.downstream.resumeReading();
		}
	}

	#endResponse(): void {
		const requestComplete = this.isRequestComplete;
		this.#finish();
		this.downstream.onStreamEnd(requestComplete);
	}

	#finish(): void {
		if (this.isOver) return;
		this.isOver = true;
		const { manager, record } = this;
		record.endedAt = record.downstreamLastSentAt = this.now();
		this.#router?.onEnd();
		this.#gate?.close();
		manager.stats.downstream_rq_active.value--;
		manager.onStreamEnd(this);
	}
}
