import type { HeaderList, Millis, Random } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { type ForwardAction, type RouteEntry, resolveClusterName } from "../../../../engine/router/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type {
	AttemptConnection,
	UpstreamCluster,
	UpstreamExchange,
	UpstreamResponse,
} from "../../../connection-pool/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";
import type { LocalReply } from "../filter.ts";
import { type PassRequestHead, PassResponseHead } from "../pass-head.ts";
import type { Attempt } from "./attempt.ts";
import { withClusterPolicies } from "./cluster-policies.ts";
import { createAttempt } from "./create-attempt.ts";
import { announcedTimeouts, Hedges } from "./hedges.ts";
import { HostSelection, refuseWithoutPool } from "./host-selection.ts";
import { countAnswer, countGrpcEnd, reportAnswer } from "./host-verdict.ts";
import { passInformational } from "./informational.ts";
import { redirectInside } from "./internal-redirect.ts";
import { answerLocally } from "./local-answer.ts";
import { refuseUnsendable } from "./missing-fields.ts";
import { RequestBody, type RequestTarget } from "./request-body.ts";
import type { ResponseAccounting } from "./response-accounting.ts";
import { decorateResponse } from "./response-decoration.ts";
import { type AttemptFailure, formatResetBody, formatResetDetails, resetOutcomes } from "./response-details.ts";
import { RetryController } from "./retry-controller.ts";
import type { RouterFilter } from "./router-filter.ts";
import { Shadows } from "./shadows.ts";
import { refuseForHeaders } from "./strict-headers.ts";
import {
	announceTimeout,
	applyLimits,
	type RequestTimeouts,
	resolveTimeouts,
	startTry,
	timeoutStatusOf,
	updateExpectedTimeout,
} from "./timeouts.ts";
import type { UpstreamAttempt } from "./upstream-attempt.ts";
import { noteCluster, prepareForHost, reportReset, reportTimeout } from "./upstream-facts.ts";

const never = Number.POSITIVE_INFINITY;

/** The router's part of one request: picks cluster and host, sends, retries, times out, and hands the response back. */
export class RouterStream {
	readonly stream: HttpStream;
	readonly filter: RouterFilter;
	#hosts: HostSelection | undefined;
	#action: ForwardAction | undefined;
	upstream: UpstreamCluster | undefined;
	#attempt: Attempt | undefined;
	body: RequestBody | undefined;
	#retries: RetryController | undefined;
	timeouts: RequestTimeouts | undefined;
	#hasLength = false;
	/** When the route's timeout strikes; runs from the end of the request. */
	#endsAt: Millis = never;
	#requestEndedAt: Millis = never;
	#pausedUpstream = false;
	/** The trailers say how the host did. */
	#awaitsGrpcStatus = false;
	#accounting: ResponseAccounting | undefined;
	#shadows: Shadows | undefined;
	#hedges: Hedges | undefined;
	#isInformed = false; // An interim answer came: as in Envoy no other try follows.
	#isOver = false;

	constructor(stream: HttpStream, filter: RouterFilter) {
		this.stream = stream;
		this.filter = filter;
	}

	get request(): PassRequestHead {
		return this.stream.request;
	}

	// --- the request

	start(endStream: boolean): void {
		const action = answerLocally(this.stream, this.filter);
		if (action !== undefined) this.#forward(this.stream.route!, action, endStream);
	}

	onRequestBody(view: Buffer, last: boolean): void {
		const body = this.body;
		if (body === undefined || this.#isOver) return;
		if (last) this.#noteRequestEnd();
		this.#shadows?.onBody(view, last);
		const connection = this.#sendable();
		if (connection === undefined) {
			body.keep(view, last);
			if (body.isFull) body.pause();
			return;
		}
		body.remember(view, last);
		if (last) this.#noteRequestSent();
		if (!connection.writeBody(view, last, true)) body.pause();
	}

	onRequestTrailers(trailers: HeaderList): void {
		const body = this.body;
		if (body === undefined || this.#isOver) return;
		this.#noteRequestEnd();
		this.#shadows?.onTrailers(trailers);
		body.trailers = trailers;
		const connection = this.#sendable();
		if (connection === undefined) return;
		this.#noteRequestSent();
		connection.writeTrailers(trailers);
	}

	#noteRequestSent(): void {
		this.#attempt!.requestSent = true;
		this.stream.record.upstreamLastSentAt = this.stream.now();
	}

	onRequestTurnEnd(): void {
		this.#sendable()?.flush();
		this.#shadows?.flush();
	}

	onUpstreamDrain(): void {
		this.body?.resume();
	}

	// --- the attempt

	onAttemptReady(attempt: UpstreamAttempt, connection: UpstreamExchange): void {
		this.noteConnection(attempt, connection);
		const refusal = refuseUnsendable(this.request);
		if (refusal === undefined) this.sendRequest(attempt, connection);
		else this.stream.sendLocalReply(refusal);
	}

	/** An attempt has its connection. */
	noteConnection(attempt: UpstreamAttempt, connection: UpstreamExchange): void {
		this.#accounting!.countAttempt();
		const { record } = this.stream;
		const now = this.stream.now();
		record.upstreamConnectionId = connection.id;
		record.upstreamProtocol = connection.protocol;
		record.noteConnection(connection, attempt.host);
		record.upstreamFirstSentAt = now;
		if (this.body!.isComplete && startTry(attempt, this.timeouts!, now)) this.stream.downstream.armDeadline();
	}

	/** Sends what is here of the request. */
	sendRequest(attempt: UpstreamAttempt, to: RequestTarget): void {
		this.body!.sendAll(attempt, to, this.request, this.#hasLength);
		if (attempt.requestSent) this.stream.record.upstreamLastSentAt = this.stream.now();
	}

	/** The tunnel of a CONNECT is there: the answer is ours. */
	onTunnelReady(attempt: Attempt, connection: AttemptConnection): void {
		this.#accounting!.countAttempt();
		const { record, route } = this.stream;
		record.upstreamConnectionId = connection.id;
		record.noteConnection(connection, attempt.host);
		record.responseCodeDetails = "via_upstream";
		this.#endsAt = never;
		const head = new PassResponseHead([], 200, -1);
		this.#accounting!.count(200, attempt.host);
		if (route !== undefined) route.responseHeaders.apply(head.headers, record);
		this.stream.sendHead(head, false);
		this.body!.sendKept(attempt, connection);
		this.onResponseTurnEnd();
	}

	onAttemptFailed(attempt: Attempt, reason: AttemptFailure, detail: string): void {
		if (this.#isOver || (this.#attempt !== attempt && this.#hedges?.includes(attempt) !== true)) return;
		const { record } = this.stream;
		record.upstreamTransportFailureReason = detail;
		record.trace?.endAttempt(record, reason, this.stream.now());
		reportReset(this.upstream!.cluster, attempt.host, reason, this.stream);
		if (this.#takeOut(attempt)) return;
		const started = this.stream.responseStarted;
		if (!started && this.#canRetry() && this.#retries!.retriesReset(reason, attempt.isConnected)) {
			this.#retry(attempt, undefined);
			return;
		}
		const outcome = resetOutcomes[reason];
		const details = formatResetDetails(reason, detail, started || this.#isInformed);
		if (started) {
			this.filter.stats.rq_reset_after_downstream_response_started.value++;
			record.responseFlags |= outcome.flag;
			record.responseCodeDetails = details;
			this.stream.abort();
			return;
		}
		if (!this.#isInformed) this.#accounting!.count(outcome.status, attempt.host);
		const headers = reason === "overflow" && this.filter.sendsEnvoyHeaders ? ["x-envoy-overloaded", "true"] : undefined;
		const body = formatResetBody(reason, this.#retries?.hasRetried === true);
		this.#reply(outcome.status, body, details, outcome.flag, headers);
	}

	onInformational(response: UpstreamResponse): void {
		this.#isInformed = passInformational(this.stream, this.upstream!, response, this.#isInformed);
		if (this.#isInformed && this.#attempt !== undefined) this.#attempt.tryEndsAt = never;
	}

	onResponse(attempt: Attempt, response: UpstreamResponse, endStream: boolean): void {
		const { stream } = this;
		const { record } = stream;
		const now = stream.now();
		const { status } = response;
		record.upstreamFirstReceivedAt = now;
		if (attempt.tryIdleAt !== never) attempt.tryIdleAt = now + this.timeouts!.perTryIdleMs;
		const head = new PassResponseHead(response.headers, status, response.contentLength);
		const { cluster } = this.upstream!;
		reportAnswer(cluster, attempt.host, this.request, head, record.upstreamFirstSentAt, now);
		if (status >= 500 && this.#takeOut(attempt)) {
			attempt.host.stats.rq_error.value++;
			attempt.drop();
			return;
		}
		this.#win(attempt);
		if (this.#canRetry() && this.#retries!.retriesResponse(status, head)) {
			cluster.responses.retry.count(status);
			attempt.host.stats.rq_error.value++;
			this.#retry(attempt, head);
			return;
		}
		this.#awaitsGrpcStatus = countAnswer(attempt.host, this.request, head, endStream);
		if (this.#redirect(attempt, head)) return;
		attempt.tryEndsAt = never;
		const elapsed = this.#requestEndedAt === never ? undefined : now - this.#requestEndedAt;
		this.#accounting!.count(status, attempt.host);
		const serviceTimeMs = this.filter.sendsEnvoyHeaders ? elapsed : undefined;
		record.responseCodeDetails = "via_upstream";
		decorateResponse(stream, head, { serviceTimeMs, cookies: this.#hosts!.cookies });
		if (status === 101 && this.request.upgrade !== undefined) {
			head.upgrade = response.upgrade ?? this.request.upgrade;
			this.#endsAt = never;
		} else if (this.request.upgrade === "CONNECT" && status < 300) {
			this.#endsAt = never;
		}
		if (endStream) this.#complete(attempt);
		stream.sendHead(head, endStream);
	}

	onResponseBody(attempt: Attempt, view: Buffer, last: boolean): void {
		if (this.#attempt !== attempt || this.#isOver) return;
		if (attempt.tryIdleAt !== never) attempt.tryIdleAt = this.stream.now() + this.timeouts!.perTryIdleMs;
		if (last) {
			this.stream.record.upstreamLastReceivedAt = this.stream.now();
			this.#complete(attempt);
			if (this.#awaitsGrpcStatus) countGrpcEnd(attempt.host, undefined);
		}
		if (!this.stream.sendBody(view, last, false) && !last && !this.#pausedUpstream) {
			this.#pausedUpstream = true;
			attempt.connection!.pause();
			this.upstream!.cluster.stats.upstream_flow_control_paused_reading_total.value++;
		}
	}

	onResponseTrailers(attempt: Attempt, trailers: HeaderList): void {
		if (this.#attempt !== attempt || this.#isOver) return;
		if (this.#awaitsGrpcStatus) countGrpcEnd(attempt.host, trailers);
		this.#complete(attempt);
		this.stream.sendTrailers(trailers);
	}

	#complete(attempt: Attempt): void {
		attempt.finish();
		this.#accounting!.complete(this.stream.now(), this.#requestEndedAt, this.timeouts!.globalMs, attempt.host);
	}

	onResponseTurnEnd(): void {
		if (!this.#isOver) this.stream.flushResponse();
	}

	onDownstreamDrain(): void {
		if (!this.#pausedUpstream) return;
		this.#pausedUpstream = false;
		this.#attempt?.connection?.resume();
		this.upstream!.cluster.stats.upstream_flow_control_resumed_reading_total.value++;
	}

	// --- time

	nextDeadline(): Millis {
		const attempt = this.#attempt;
		return attempt === undefined ? this.#endsAt : Math.min(this.#endsAt, attempt.tryEndsAt, attempt.tryIdleAt);
	}

	onDeadline(now: Millis): void {
		const attempt = this.#attempt;
		const { stats } = this.upstream!.cluster;
		if (now >= this.#endsAt) {
			this.#endsAt = never;
			this.#accounting!.countTimeout();
			const status = timeoutStatusOf(this.request);
			this.#failTimeout(attempt, "response_timeout", ResponseFlag.upstreamRequestTimeout, status);
		} else if (attempt !== undefined && now >= attempt.tryEndsAt) {
			stats.upstream_rq_per_try_timeout.value++;
			this.#failTry(attempt, "upstream_per_try_timeout", ResponseFlag.upstreamRequestTimeout);
		} else if (attempt !== undefined && now >= attempt.tryIdleAt) {
			stats.upstream_rq_per_try_idle_timeout.value++;
			this.#failTry(attempt, "upstream_per_try_idle_timeout", ResponseFlag.upstreamRequestTimeout);
		}
	}

	// --- the end

	/** The stream answered otherwise: what is on its way is dropped. */
	abandon(): void {
		this.#attempt?.cancel();
		this.#hedges?.cancel(undefined);
	}

	/** The stream is over. */
	onEnd(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.#shadows?.onRequestEnd();
		this.#retries?.close();
		this.#hedges?.cancel(undefined);
		const attempt = this.#attempt;
		if (attempt === undefined) return;
		attempt.release?.();
		if (!attempt.isOver) attempt.cancel();
		else if (!attempt.requestSent) attempt.connection?.abandon();
		if (this.#pausedUpstream) attempt.connection?.resume();
	}

	// --- private

	#forward(route: RouteEntry, ofRoute: ForwardAction, endStream: boolean): void {
		const { stream } = this;
		const { record, request } = stream;
		const { context } = this.filter;
		const clusterName = resolveClusterName(ofRoute, request);
		const upstream = context.getCluster(clusterName);
		if (upstream === undefined) {
			this.filter.stats.no_cluster.value++;
			stream.setDynamicMetadata("amime", { missing_cluster: clusterName });
			this.#reply(ofRoute.clusterNotFoundStatus, "", "cluster_not_found", ResponseFlag.noClusterFound);
			return;
		}
		this.upstream = upstream;
		const { cluster } = upstream;
		const action = withClusterPolicies(ofRoute, cluster);
		this.#action = action;
		noteCluster(record, upstream);
		const refusal = refuseForHeaders(this.filter.strictHeaders, request);
		if (refusal !== undefined) {
			stream.sendLocalReply(refusal);
			return;
		}
		const routes = context.routeStatistics.select(stream.routeTable, route, request, record);
		this.#accounting = this.filter.account(cluster, request, record, routes);
		this.timeouts = resolveTimeouts(action, request, this.filter.respectsExpectedTimeout);
		this.#hedges = Hedges.create(action, request);
		if (this.filter.sendsEnvoyHeaders) announceTimeout(request, announcedTimeouts(this.timeouts, this.#hedges));
		applyLimits(this.stream, action, request);
		const limit = route.requestBufferLimitBytes >= 0 ? route.requestBufferLimitBytes : this.filter.bufferLimitBytes;
		this.#retries = RetryController.create(this.filter, action, upstream, request, record, routes);
		this.#hosts = new HostSelection(action, request, record, this.#retries);
		const replayable = this.#retries !== undefined || action.internalRedirect !== undefined;
		this.body = new RequestBody(stream, limit, replayable, endStream, upstream.cluster.stats);
		if (endStream) this.#noteRequestEnd();
		this.#hasLength = request.hasContentLength;
		const host = this.#chooseHost(context.random);
		if (host === undefined) return;
		prepareForHost(stream, action, host, this.filter);
		this.#begin(host);
		if (action.mirrorPolicies.length > 0) {
			const terms = {
				hasLength: this.#hasLength,
				protocol: record.protocol,
				endStream,
				timeoutMs: this.timeouts.globalMs,
				bufferLimitBytes: limit,
			};
			this.#shadows = Shadows.start(action.mirrorPolicies, request, record, this.filter, terms);
		}
	}

	/** @param drawDrop given for first attempts, of which the assignment may want some dropped */
	#chooseHost(drawDrop?: Random): Host | undefined {
		const chosen = this.#hosts!.select(this.upstream!, this.#accounting!, drawDrop);
		return "details" in chosen ? this.#refuse(chosen) : chosen;
	}

	/** There is nowhere to send it. */
	#refuse(reply: LocalReply): undefined {
		this.stream.record.attemptCount ||= 1;
		this.stream.sendLocalReply(reply);
	}

	#begin(host: Host): void {
		const { record, route, request } = this.stream;
		const upstream = this.upstream!;
		const attempt =
			createAttempt(this, host, upstream, this.#action!) ?? this.#refuse(refuseWithoutPool(this.#accounting!));
		if (attempt === undefined) return;
		this.#attempt = attempt;
		this.#retries?.noteHost(host);
		record.attemptCount++;
		record.upstreamHost = host;
		if (route!.includeRequestAttemptCount) request.set("x-envoy-attempt-count", String(record.attemptCount));
		record.trace?.startAttempt(record, request, upstream.cluster.name, this.stream.now());
		attempt.start(this.filter.upstreamFiltersOf(upstream.cluster));
	}

	/** Whether the whole request is here to be sent again. */
	#canRetry(): boolean {
		return this.#retries !== undefined && !this.#isInformed && this.body!.isComplete && this.body!.canReplay;
	}

	/** With other attempts under way, one that came to nothing is only taken out. */
	#takeOut(attempt: Attempt): boolean {
		if (this.#hedges === undefined) return false;
		if (this.#hedges.remove(attempt)) return true;
		const other = this.#hedges.pop();
		if (other !== undefined) this.#attempt = other;
		return other !== undefined;
	}

	/** The first attempt that answers ends the others, and the wait for a further one. */
	#win(attempt: Attempt): void {
		if (this.#hedges === undefined || (this.#attempt === attempt && !this.#hedges.isUsed)) return;
		if (this.#attempt !== attempt) this.#attempt?.cancel();
		this.#retries?.close();
		this.#hedges.cancel(attempt);
		this.#attempt = attempt;
	}

	/** Tries once more, after the back-off. `head` is the response that is dropped. */
	#retry(failed: Attempt, head: PassResponseHead | undefined): void {
		this.#attempt = undefined;
		if (this.#hedges?.includes(failed) !== true) failed.drop();
		this.#retries!.schedule(head, () => {
			if (this.#isOver) return;
			this.#hosts!.attemptedPriorities = this.#retries!.attemptedPriorities;
			if (this.filter.sendsEnvoyHeaders) {
				const elapsed = this.stream.now() - this.#requestEndedAt;
				updateExpectedTimeout(this.request, announcedTimeouts(this.timeouts!, this.#hedges), elapsed);
			}
			const host = this.#chooseHost();
			if (host !== undefined) this.#begin(host);
		});
	}

	/** Follows the upstream's redirect where the route wants that. */
	#redirect(attempt: Attempt, head: PassResponseHead): boolean {
		const body = this.body!;
		const { cluster } = this.upstream!;
		const redirected = redirectInside(this.stream, this.#action!.internalRedirect, head, body, cluster, this.filter);
		if (redirected === undefined) return false;
		attempt.drop();
		this.stream.redirect(redirected.request, head, redirected.keepsBody ? body : undefined);
		return true;
	}

	#sendable(): AttemptConnection | undefined {
		const attempt = this.#attempt;
		return attempt === undefined || attempt.isOver ? undefined : attempt.connection;
	}

	#noteRequestEnd(): void {
		const now = this.stream.now();
		this.body!.isComplete = true;
		this.#requestEndedAt = now;
		const { globalMs } = this.timeouts!;
		const isLimited = startTry(this.#attempt, this.timeouts!, now);
		if (globalMs > 0) this.#endsAt = now + globalMs;
		if (globalMs > 0 || isLimited) this.stream.downstream.armDeadline();
	}

	#failTry(attempt: Attempt, details: string, flag: number): void {
		attempt.tryEndsAt = attempt.tryIdleAt = never;
		attempt.noteFlag?.(details.includes("idle") ? ResponseFlag.streamIdleTimeout : flag);
		if (!this.stream.responseStarted && this.#canRetry() && this.#retries!.retriesTimeout()) {
			reportTimeout(this.upstream!.cluster, attempt.host);
			this.#hedges?.keep(attempt);
			this.#retry(attempt, undefined);
		} else if (this.#hedges === undefined || this.stream.responseStarted) {
			this.#failTimeout(attempt, details, flag, 504);
		}
	}

	#failTimeout(attempt: Attempt | undefined, details: string, flag: number, status: number): void {
		if (attempt !== undefined && !attempt.responded) {
			reportTimeout(this.upstream!.cluster, attempt.host);
			attempt.host.stats.rq_error.value++;
		}
		if (!this.stream.responseStarted && !this.#isInformed) this.#accounting!.count(status, attempt?.host);
		this.#accounting!.recordBudget(this.stream.now() - this.#requestEndedAt, this.timeouts!.globalMs);
		this.#reply(status, status === 504 ? "upstream request timeout" : "", details, flag);
	}

	#reply(status: number, body: string, details: string, flags: number, headers?: HeaderList): void {
		const reply = { status, body, details, flags, byRouter: true };
		this.stream.sendLocalReply(headers === undefined ? reply : { ...reply, headers });
	}
}
