import type { HeaderList, Millis, Timer } from "../../../../core/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type {
	AttemptConnection,
	PoolFailure,
	PoolWaiter,
	ResetReason,
	ResponseReceiver,
	UpstreamExchange,
	UpstreamPool,
	UpstreamResponse,
} from "../../../connection-pool/index.ts";
import type { LiveFilterChain } from "../live-filter-chain.ts";
import type { Attempt } from "./attempt.ts";
import { AttemptFilters } from "./attempt-filters.ts";
import { AttemptMeasure } from "./attempt-measure.ts";
import { type AttemptFailure, resetOutcomes } from "./response-details.ts";
import type { RouterStream } from "./router-stream.ts";
import type { UpstreamLogEntry } from "./upstream-logs.ts";

const never = Number.POSITIVE_INFINITY;

/** Who is told how an attempt goes: the router, or the upstream's filters before it. */
export interface AttemptOwner {
	onAttemptReady(attempt: UpstreamAttempt, connection: UpstreamExchange): void;
	onAttemptFailed(attempt: UpstreamAttempt, reason: AttemptFailure, detail: string): void;
	onInformational(response: UpstreamResponse): void;
	onResponse(attempt: UpstreamAttempt, response: UpstreamResponse, endStream: boolean): void;
	onResponseBody(attempt: UpstreamAttempt, view: Buffer, last: boolean): void;
	onResponseTrailers(attempt: UpstreamAttempt, trailers: HeaderList): void;
	onResponseTurnEnd(): void;
	onUpstreamDrain(): void;
	/** Nobody is interested in the attempt any more. */
	end?(): void;
}

/** One try to get a response from one host. */
export class UpstreamAttempt implements Attempt, PoolWaiter, ResponseReceiver {
	readonly router: RouterStream;
	readonly host: Host;
	readonly pool: UpstreamPool;
	/** Where the request is written; undefined until that is there. */
	connection: (AttemptConnection & Pick<UpstreamExchange, "isResponseComplete">) | undefined;
	#owner: AttemptOwner;
	/** The final head came. */
	responded = false;
	isOver = false;
	/** The whole request is on its way. */
	requestSent = false;
	/** When the per-try limits strike. */
	tryEndsAt: Millis = never;
	tryIdleAt: Millis = never;
	/** Runs out when the exchange takes longer than the cluster allows. */
	#limit: Timer | undefined;
	#waiting = false;
	#counted = false;
	readonly #log: UpstreamLogEntry | undefined;
	#measure: AttemptMeasure | undefined;

	constructor(router: RouterStream, host: Host, pool: UpstreamPool) {
		this.router = router;
		this.host = host;
		this.pool = pool;
		this.#owner = router;
		this.#log = router.filter.upstreamLogs?.begin(router.stream, host);
	}

	/** Asks the pool for a connection. */
	start(filters: LiveFilterChain | undefined): void {
		this.#waiting = true;
		this.#measure = AttemptMeasure.begin(this.router);
		if (filters === undefined) this.pool.acquire(this);
		else this.#startFiltered(filters);
	}

	/** The filters run while the connection is being made. */
	#startFiltered(filters: LiveFilterChain): void {
		const { router } = this;
		const filtered = new AttemptFilters(router, this, filters);
		this.#owner = filtered;
		this.connection = filtered.exchange;
		this.pool.acquire(this);
		if (!filtered.isRequestCut) router.sendRequest(this, filtered.exchange);
	}

	get isConnected(): boolean {
		return this.#counted;
	}

	onPoolReady(connection: UpstreamExchange): void {
		this.#waiting = false;
		this.connection ??= connection;
		this.#counted = true;
		const { cluster } = this.pool;
		const { stats } = cluster;
		cluster.reportLocal(this.host, "connected");
		stats.upstream_rq_total.value++;
		stats.upstream_rq_active.value++;
		this.host.stats.rq_total.value++;
		this.host.stats.rq_active.value++;
		this.host.activeRequests++;
		this.#log?.onReady(connection);
		connection.begin(this, this.router.request);
		const { maxStreamDurationMs } = this.pool.cluster.config.http.common;
		if (maxStreamDurationMs !== undefined && maxStreamDurationMs > 0) {
			this.#limit = this.router.filter.context.clock.setTimer(maxStreamDurationMs, () => this.#onTooLong());
		}
		this.#owner.onAttemptReady(this, connection);
	}

	onPoolFailure(failure: PoolFailure, detail: string): void {
		this.#waiting = false;
		this.isOver = true;
		this.#endLog(failure, detail);
		this.#measure?.end(false);
		this.#owner.onAttemptFailed(this, failure, detail);
	}

	onUpstreamInformational(response: UpstreamResponse): void {
		this.#measure?.onHead(response);
		this.#owner.onInformational(response);
	}

	onUpstreamResponse(response: UpstreamResponse, endStream: boolean): void {
		this.responded = true;
		this.#log?.onResponse(response);
		this.#measure?.onHead(response);
		this.#owner.onResponse(this, response, endStream);
	}

	onUpstreamBody(view: Buffer, last: boolean): void {
		if (this.isOver) return;
		this.#log?.onBody(view.length);
		this.#measure?.onBody(view.length);
		if (last) this.finish();
		this.#owner.onResponseBody(this, view, last);
	}

	onUpstreamTrailers(trailers: HeaderList): void {
		this.#log?.onTrailers(trailers);
		this.finish();
		this.#owner.onResponseTrailers(this, trailers);
	}

	onUpstreamTurnEnd(): void {
		this.#owner.onResponseTurnEnd();
	}

	onUpstreamReset(reason: ResetReason, detail: string): void {
		this.#endLog(reason, detail);
		this.finish();
		this.#owner.onAttemptFailed(this, reason, detail);
	}

	noteFlag(flag: number): void {
		this.#log?.addFlag(flag);
	}

	#endLog(reason: ResetReason, detail: string): void {
		if (this.#log === undefined) return;
		this.#log.addFlag(resetOutcomes[reason].flag);
		this.#log.setFailureReason(detail);
		this.#log.end();
	}

	onUpstreamDrain(): void {
		this.#owner.onUpstreamDrain();
	}

	#onTooLong(): void {
		this.pool.cluster.stats.upstream_rq_max_duration_reached.value++;
		this.cancel();
		this.#owner.onAttemptFailed(this, "maximum duration", "");
	}

	/** Gives up: nothing more is told to the router. */
	cancel(): void {
		this.release();
		if (this.isOver) return;
		if (this.#waiting) {
			this.#waiting = false;
			this.isOver = true;
			this.pool.cancel(this);
			this.#log?.end();
			this.#measure?.end(false);
			return;
		}
		// No upstream_rq_tx_reset: as in Envoy, that counts resets of streams, and HTTP/1 ends its connection instead.
		this.finish();
		this.connection?.abandon();
	}

	/** As {@link cancel}, while the response may still be being read: a complete one leaves its connection usable. */
	drop(): void {
		this.release();
		const { connection } = this;
		if (this.isOver || connection === undefined || !this.responded || !connection.isResponseComplete) {
			this.cancel();
			return;
		}
		this.finish();
	}

	release(): void {
		this.#owner.end?.();
	}

	/** The exchange is complete or broken. */
	finish(): void {
		if (this.isOver) return;
		this.isOver = true;
		this.#limit?.cancel();
		this.#log?.end();
		this.#measure?.end(this.#counted);
		if (!this.#counted) return;
		this.pool.cluster.stats.upstream_rq_active.value--;
		this.host.stats.rq_active.value--;
		this.host.activeRequests--;
	}
}
