import { type HeaderList, PieceList, type Timer } from "../../../../core/index.ts";
import { anyHost } from "../../../../engine/load-balancer/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type {
	PoolFailure,
	PoolWaiter,
	ResetReason,
	ResponseReceiver,
	UpstreamCluster,
	UpstreamExchange,
	UpstreamPool,
	UpstreamResponse,
} from "../../../connection-pool/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { ResponseAccounting } from "./response-accounting.ts";

/** What a shadow is sent with. */
export interface ShadowOptions {
	readonly context: DataPathContext;
	readonly upstream: UpstreamCluster;
	/** A head of its own. */
	readonly request: PassRequestHead;
	readonly hasLength: boolean;
	/** What the client of the request speaks. */
	readonly protocol: string;
	/** Whether the head is the whole request. */
	readonly endStream: boolean;
	/** 0 for no bound. */
	readonly timeoutMs: number;
	/** Bytes kept for a connection that is not there yet, or does not take more. */
	readonly bufferLimitBytes: number;
}

/** A copy of a request on its way to another cluster. Its answer is counted and thrown away; its failure is nobody's. */
export class ShadowRequest implements PoolWaiter, ResponseReceiver {
	readonly #options: ShadowOptions;
	readonly #accounting: ResponseAccounting;
	#host: Host | undefined;
	#pool: UpstreamPool | undefined;
	#connection: UpstreamExchange | undefined;
	#timer: Timer | undefined;
	/** Body that waits for the connection. */
	readonly #waiting = new PieceList();
	#trailers: HeaderList | undefined;
	#isComplete: boolean;
	#isCounted = false;
	#isOver = false;

	constructor(options: ShadowOptions) {
		this.#options = options;
		this.#isComplete = options.endStream;
		this.#accounting = new ResponseAccounting(options.upstream.cluster, options.request);
	}

	start(): void {
		const { upstream, request, timeoutMs, context } = this.#options;
		const host = upstream.cluster.chooseHost(anyHost);
		if (host === undefined) {
			upstream.cluster.stats.upstream_cx_none_healthy.value++;
			this.#end(503);
			return;
		}
		this.#host = host;
		if (timeoutMs > 0) this.#timer = context.clock.setTimer(timeoutMs, () => this.#onTimeout(), { unref: true });
		this.#pool = upstream.poolFor(host, "default", upstream.serverNameOf(request), this.#options.protocol);
		if (this.#pool === undefined) this.#end(503);
		else this.#pool.acquire(this);
	}

	onBody(view: Buffer, last: boolean): void {
		if (this.#isOver) return;
		if (last) this.#isComplete = true;
		if (this.#connection !== undefined) {
			this.#connection.writeBody(view, last, true);
			// A slow shadow must not slow the request down, nor be kept for without bound.
			if (this.#connection.bufferedBytes > this.#options.bufferLimitBytes) this.abandon();
			return;
		}
		this.#waiting.push(view, true);
		if (this.#waiting.bytes > this.#options.bufferLimitBytes) this.abandon();
	}

	onTrailers(trailers: HeaderList): void {
		if (this.#isOver) return;
		this.#isComplete = true;
		this.#trailers = trailers;
		this.#connection?.writeTrailers(trailers);
	}

	flush(): void {
		if (!this.#isOver) this.#connection?.flush();
	}

	/** The request itself will not be completed: neither is its shadow. */
	onRequestEnd(): void {
		if (!this.#isComplete) this.abandon();
	}

	abandon(): void {
		if (this.#isOver) return;
		this.#options.upstream.cluster.stats.retry_or_shadow_abandoned.value++;
		this.#giveUp();
	}

	onPoolReady(connection: UpstreamExchange): void {
		const { upstream, request, hasLength, endStream } = this.#options;
		const { stats } = upstream.cluster;
		const host = this.#host!;
		upstream.cluster.reportLocal(host, "connected");
		this.#connection = connection;
		this.#isCounted = true;
		stats.upstream_rq_total.value++;
		stats.upstream_rq_active.value++;
		host.stats.rq_total.value++;
		host.stats.rq_active.value++;
		host.activeRequests++;
		connection.begin(this, request);
		connection.writeRequest(request, endStream, hasLength);
		const waiting = this.#waiting.take();
		const endsWithBody = this.#isComplete && this.#trailers === undefined;
		waiting.forEach((view, index) => {
			connection.writeBody(view, endsWithBody && index === waiting.length - 1, true);
		});
		if (this.#trailers !== undefined) connection.writeTrailers(this.#trailers);
		connection.flush();
	}

	onPoolFailure(failure: PoolFailure): void {
		if (failure !== "overflow") this.#options.upstream.cluster.reportLocal(this.#host!, "connect-failure");
		this.#end(503);
	}

	onUpstreamInformational(): void {
		// Of no interest: nobody waits for it.
	}

	onUpstreamResponse({ status }: UpstreamResponse, endStream: boolean): void {
		this.#options.upstream.cluster.reportResponse(this.#host!, status);
		if (status >= 500) this.#host!.stats.rq_error.value++;
		else this.#host!.stats.rq_success.value++;
		this.#accounting.count(status, this.#host);
		if (endStream) this.#finish();
	}

	onUpstreamBody(_view: Buffer, last: boolean): void {
		if (last) this.#finish();
	}

	onUpstreamTrailers(): void {
		this.#finish();
	}

	onUpstreamTurnEnd(): void {
		// Nothing is held back.
	}

	onUpstreamReset(_reason: ResetReason): void {
		this.#end(503);
	}

	onUpstreamDrain(): void {
		// The client is never paused for a shadow.
	}

	#onTimeout(): void {
		this.#timer = undefined;
		if (this.#isOver) return;
		this.#options.upstream.cluster.stats.upstream_rq_timeout.value++;
		this.#accounting.count(504, this.#host);
		this.#giveUp();
	}

	#giveUp(): void {
		const connection = this.#connection;
		const isWaiting = connection === undefined;
		this.#finish();
		if (isWaiting) this.#pool?.cancel(this);
		else connection.abandon();
	}

	#end(status: number): void {
		if (this.#isOver) return;
		this.#accounting.count(status, this.#host);
		this.#finish();
	}

	#finish(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.#timer?.cancel();
		this.#waiting.take();
		if (!this.#isCounted) return;
		const host = this.#host!;
		this.#options.upstream.cluster.stats.upstream_rq_active.value--;
		host.stats.rq_active.value--;
		host.activeRequests--;
	}
}
