import { type Clock, type HeaderList, setHeader } from "../../core/index.ts";
import { anyHost } from "../../engine/load-balancer/index.ts";
import type { Host } from "../cluster/index.ts";
import type {
	PoolFailure,
	PoolWaiter,
	ResponseReceiver,
	UpstreamCluster,
	UpstreamExchange,
	UpstreamPool,
	UpstreamResponse,
} from "../connection-pool/index.ts";
import { type PassRequestHead, PassResponseHead } from "../filter/http/pass-head.ts";
import { ResponseAccounting } from "../filter/http/router/response-accounting.ts";

/** How a try ended. */
export interface TryOutcome {
	readonly status: number;
	readonly headers: HeaderList;
	readonly body: Buffer;
	readonly failure: "no-host" | "connect" | "reset" | "too-large" | undefined;
}

/** One try of a call: one request on one connection. */
export class HttpTry implements PoolWaiter, ResponseReceiver {
	readonly #upstream: UpstreamCluster;
	readonly #request: PassRequestHead;
	readonly #body: Buffer | undefined;
	readonly #maxBodyBytes: number;
	readonly #clock: Clock;
	readonly #onOutcome: (outcome: TryOutcome) => void;
	readonly #accounting: ResponseAccounting;
	#host: Host | undefined;
	#pool: UpstreamPool | undefined;
	#exchange: UpstreamExchange | undefined;
	#sentAt = 0;
	#status = 0;
	#headers: HeaderList = [];
	#chunks: Buffer[] = [];
	#bytes = 0;
	#isOver = false;

	constructor(
		upstream: UpstreamCluster,
		request: PassRequestHead,
		body: Buffer | undefined,
		maxBodyBytes: number,
		clock: Clock,
		onOutcome: (outcome: TryOutcome) => void,
	) {
		this.#upstream = upstream;
		this.#request = request;
		this.#body = body;
		this.#maxBodyBytes = maxBodyBytes;
		this.#clock = clock;
		this.#onOutcome = onOutcome;
		this.#accounting = new ResponseAccounting(upstream.cluster, request);
	}

	start(): void {
		const { cluster } = this.#upstream;
		const host = cluster.chooseHost(anyHost);
		if (host === undefined) {
			cluster.stats.upstream_cx_none_healthy.value++;
			this.#fail("no-host");
			return;
		}
		this.#host = host;
		this.#pool = this.#upstream.poolFor(host, "default", this.#upstream.serverNameOf(this.#request), "HTTP/1.1");
		if (this.#pool === undefined) this.#fail("no-host");
		else this.#pool.acquire(this);
	}

	/** Gives it up without an outcome. */
	cancel(): void {
		if (this.#isOver) return;
		const exchange = this.#exchange;
		this.#finish();
		if (exchange === undefined) this.#pool?.cancel(this);
		else exchange.abandon();
	}

	/** Gives it up because it took too long. */
	timeOut(): void {
		if (this.#isOver) return;
		this.#upstream.cluster.stats.upstream_rq_timeout.value++;
		this.#accounting.count(504, this.#host);
		this.cancel();
	}

	onPoolReady(exchange: UpstreamExchange): void {
		const { stats } = this.#upstream.cluster;
		const host = this.#host!;
		this.#upstream.cluster.reportLocal(host, "connected");
		this.#exchange = exchange;
		this.#sentAt = this.#clock.now();
		stats.upstream_rq_total.value++;
		stats.upstream_rq_active.value++;
		host.stats.rq_total.value++;
		host.stats.rq_active.value++;
		host.activeRequests++;
		exchange.begin(this, this.#request);
		exchange.writeRequest(this.#request, this.#body === undefined, this.#request.hasContentLength);
		if (this.#body !== undefined) exchange.writeBody(this.#body, true, true);
		exchange.flush();
	}

	onPoolFailure(failure: PoolFailure): void {
		if (failure !== "overflow") this.#upstream.cluster.reportLocal(this.#host!, "connect-failure");
		this.#fail("connect");
	}

	onUpstreamInformational(): void {
		// Of no interest: nobody waits for it.
	}

	onUpstreamResponse(response: UpstreamResponse, endStream: boolean): void {
		const { status } = response;
		this.#upstream.cluster.reportResponse(this.#host!, status);
		if (status >= 500) this.#host!.stats.rq_error.value++;
		else this.#host!.stats.rq_success.value++;
		this.#accounting.count(status, this.#host);
		this.#status = status;
		this.#headers = [...new PassResponseHead(response.headers, status, response.contentLength).headers];
		const elapsed = String(Math.floor(this.#clock.now() - this.#sentAt));
		setHeader(this.#headers, "x-envoy-upstream-service-time", elapsed);
		if (endStream) this.#complete();
	}

	onUpstreamBody(view: Buffer, last: boolean): void {
		this.#bytes += view.length;
		if (this.#bytes > this.#maxBodyBytes) {
			const exchange = this.#exchange!;
			this.#end({ status: 503, headers: [], body: Buffer.alloc(0), failure: "too-large" });
			exchange.abandon();
			return;
		}
		if (view.length > 0) this.#chunks.push(Buffer.from(view));
		if (last) this.#complete();
	}

	onUpstreamTrailers(): void {
		this.#complete();
	}

	onUpstreamTurnEnd(): void {
		// Nothing is held back.
	}

	onUpstreamReset(): void {
		this.#fail("reset");
	}

	onUpstreamDrain(): void {
		// The body was written whole.
	}

	#complete(): void {
		this.#end({
			status: this.#status,
			headers: this.#headers,
			body: Buffer.concat(this.#chunks),
			failure: undefined,
		});
	}

	#fail(failure: NonNullable<TryOutcome["failure"]>): void {
		if (this.#isOver) return;
		// An answer that breaks off was counted when it began.
		if (this.#status === 0) this.#accounting.count(503, this.#host);
		this.#end({ status: 503, headers: [], body: Buffer.alloc(0), failure });
	}

	#end(outcome: TryOutcome): void {
		if (this.#isOver) return;
		this.#finish();
		this.#onOutcome(outcome);
	}

	#finish(): void {
		this.#isOver = true;
		if (this.#exchange === undefined) return;
		const host = this.#host!;
		this.#upstream.cluster.stats.upstream_rq_active.value--;
		host.stats.rq_active.value--;
		host.activeRequests--;
	}
}
