import type { HeaderList, Millis } from "../../../../core/index.ts";
import type { ConnectionFacts } from "../../../../engine/format/index.ts";
import type { RouteEntry } from "../../../../engine/router/index.ts";
import type { UpstreamExchange, UpstreamResponse } from "../../../connection-pool/index.ts";
import { largeRequestReply, largeResponseReply } from "../../network/http-connection-manager/limit-replies.ts";
import type { FilterPath, LocalReply } from "../filter.ts";
import type { ActiveFilters } from "../filter-chain.ts";
import type { LiveFilterChain } from "../live-filter-chain.ts";
import { type PassRequestHead, PassResponseHead } from "../pass-head.ts";
import { RequestPath, type RequestPathEnd } from "../request-path.ts";
import { ResponsePath, type ResponsePathEnd } from "../response-path.ts";
import type { StreamRecord } from "../stream-record.ts";
import { FilteredExchange } from "./filtered-exchange.ts";
import type { AttemptFailure } from "./response-details.ts";
import type { RouterStream } from "./router-stream.ts";
import type { AttemptOwner, UpstreamAttempt } from "./upstream-attempt.ts";

const noFilters: ActiveFilters = Object.freeze({
	request: [],
	response: [],
	end: [],
	seesRequestBody: false,
	seesResponseBody: false,
});

/** One attempt's way through the HTTP filters of its upstream. They see the request behind the router, each attempt again, and the
 *  answer before the router judges it. They run while the connection is being made; what they answer themselves is the answer. Spec:
 *  Envoy "Upstream HTTP filters". */
export class AttemptFilters implements AttemptOwner, RequestPathEnd, ResponsePathEnd {
	readonly requestPath: RequestPath;
	/** Whether the answer began its way through these filters. */
	responseStarted = false;
	readonly #router: RouterStream;
	readonly #attempt: UpstreamAttempt;
	readonly #active: ActiveFilters;
	readonly #states: unknown[] = [];
	/** Where the router writes. */
	readonly exchange: FilteredExchange;
	#responsePath: ResponsePath | undefined;
	#upgrade: string | undefined;
	#isResponsePaused = false;
	#isOver = false;

	constructor(router: RouterStream, attempt: UpstreamAttempt, filters: LiveFilterChain) {
		const { bufferLimitBytes } = router.filter;
		this.#router = router;
		this.#attempt = attempt;
		const active = filters.current.select(router.stream.route) ?? noFilters;
		this.#active = active;
		this.requestPath = new RequestPath(this, active, bufferLimitBytes);
		this.exchange = new FilteredExchange(
			router.request,
			this.requestPath,
			bufferLimitBytes,
			() => router.onUpstreamDrain(),
			(reply) => this.sendLocalReply(reply),
		);
	}

	/** The attempt is over. May be called again. */
	end(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		for (const filter of this.#active.end) filter.onEnd!(this);
	}

	// --- from the attempt

	onAttemptReady(attempt: UpstreamAttempt, connection: UpstreamExchange): void {
		this.#router.noteConnection(attempt, connection);
		this.exchange.attach(connection);
	}

	onAttemptFailed(attempt: UpstreamAttempt, reason: AttemptFailure, detail: string): void {
		this.end();
		this.#router.onAttemptFailed(attempt, reason, detail);
	}

	onInformational(response: UpstreamResponse): void {
		this.#router.onInformational(response);
	}

	onResponse(attempt: UpstreamAttempt, response: UpstreamResponse, endStream: boolean): void {
		this.responseStarted = true;
		if (endStream) attempt.finish();
		this.#upgrade = response.upgrade;
		this.record.responseCodeDetails = "via_upstream";
		const head = new PassResponseHead(response.headers, response.status, response.contentLength);
		this.#responsePath = new ResponsePath(this, head, this.#active, this.#router.filter.bufferLimitBytes);
		this.#responsePath.start(endStream);
	}

	onResponseBody(_attempt: UpstreamAttempt, view: Buffer, last: boolean): void {
		const path = this.#responsePath!;
		path.push(view, last, false);
		if (last || path.takesMore || this.#isResponsePaused) return;
		this.#isResponsePaused = true;
		this.exchange.pause();
	}

	onResponseTrailers(_attempt: UpstreamAttempt, trailers: HeaderList): void {
		this.#responsePath!.pushTrailers(trailers);
	}

	onResponseTurnEnd(): void {
		this.#router.onResponseTurnEnd();
	}

	onUpstreamDrain(): void {
		this.exchange.onDrain();
	}

	// --- for the filters

	get request(): PassRequestHead {
		return this.#router.request;
	}

	get record(): StreamRecord {
		return this.#router.stream.record;
	}

	get connection(): ConnectionFacts {
		return this.#router.stream.connection;
	}

	get route(): RouteEntry | undefined {
		return this.#router.stream.route;
	}

	get isRequestComplete(): boolean {
		return this.#router.stream.isRequestComplete;
	}

	get isOver(): boolean {
		return this.#isOver || this.#router.stream.isOver;
	}

	get responsePath(): FilterPath {
		return this.#responsePath!;
	}

	get headLimits(): RequestPathEnd["headLimits"] {
		return this.#router.stream.headLimits;
	}

	now(): Millis {
		return this.#router.stream.now();
	}

	routeConfig(name: string): unknown {
		return this.#router.stream.routeConfig(name);
	}

	getState(index: number): unknown {
		return this.#states[index];
	}

	setState(index: number, state: unknown): void {
		this.#states[index] = state;
	}

	continueRequest(index: number): void {
		if (!this.isRequestCut) this.requestPath.continue(index);
	}

	continueResponse(index: number): void {
		if (!this.isOver) this.#responsePath?.continue(index);
	}

	sendLocalReply(reply: LocalReply): void {
		this.#router.stream.sendLocalReply(reply);
	}

	/** Behind the router there is no other route. */
	clearRouteCache(): void {
		return;
	}

	setDynamicMetadata(namespace: string, values: Readonly<Record<string, unknown>>): void {
		this.#router.stream.setDynamicMetadata(namespace, values);
	}

	// --- the end of the request's way

	get isRequestCut(): boolean {
		return this.isOver || this.#router.stream.isRequestCut;
	}

	refreshRoute(): void {
		return;
	}

	startRouter(endStream: boolean): void {
		this.exchange.sendHead(endStream);
	}

	routeBody(view: Buffer, last: boolean): void {
		this.exchange.sendBody(view, last);
	}

	routeTrailers(trailers: HeaderList): void {
		this.exchange.sendTrailers(trailers);
	}

	flushRequest(): void {
		if (!this.isOver) this.exchange.flush();
	}

	pauseRequest(): void {
		this.exchange.wait();
	}

	resumeRequest(): void {
		this.exchange.endWait();
	}

	failLargeRequest(): void {
		this.sendLocalReply(largeRequestReply);
	}

	// --- the end of the response's way

	writeHead(head: PassResponseHead, endStream: boolean): void {
		const { status, headers, contentLength } = head;
		this.#router.onResponse(this.#attempt, { status, headers, contentLength, upgrade: this.#upgrade }, endStream);
		if (endStream) this.end();
	}

	writeBody(view: Buffer, last: boolean, _owned: boolean): boolean {
		this.#router.onResponseBody(this.#attempt, view, last);
		if (last) this.end();
		return true;
	}

	writeTrailers(trailers: HeaderList): void {
		this.#router.onResponseTrailers(this.#attempt, trailers);
		this.end();
	}

	flushResponse(): void {
		this.#router.onResponseTurnEnd();
	}

	onResponseDrain(): void {
		if (!this.#isResponsePaused) return;
		this.#isResponsePaused = false;
		this.exchange.resume();
	}

	failLargeResponse(): void {
		this.sendLocalReply(largeResponseReply);
	}
}
