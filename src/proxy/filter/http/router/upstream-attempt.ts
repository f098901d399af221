import type { HeaderList, Millis, Timer } from "../../../../core/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type {
	PoolFailure,
	PoolWaiter,
	ResetReason,
	ResponseReceiver,
	UpstreamExchange,
	UpstreamPool,
	UpstreamResponse,
} from "../../../connection-pool/index.ts";
import type { Attempt } from "./attempt.ts";
import { resetOutcomes } from "./response-details.ts";
import type { RouterStream } from "./router-stream.ts";
import type { UpstreamLogEntry } from "./upstream-logs.ts";

const never = Number.POSITIVE_INFINITY;

/** One try to get a response from one host. */
export class UpstreamAttempt implements Attempt, PoolWaiter, ResponseReceiver {
	readonly router: RouterStream;
	readonly host: Host;
	readonly pool: UpstreamPool;
	connection: UpstreamExchange | undefined;
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

	constructor(router: RouterStream, host: Host, pool: UpstreamPool) {
		this.router = router;
		this.host = host;
		this.pool = pool;
		this.#log = router.filter.upstreamLogs?.begin(router.stream, host);
	}

	/** Asks the pool for a connection. */
	start(): void {
		this.#waiting = true;
		this.pool.acquire(this);
	}

	onPoolReady(connection: UpstreamExchange): void {
		this.#waiting = false;
		this.connection = connection;
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
		this.router.onAttemptReady(this, connection);
	}

	onPoolFailure(failure: PoolFailure, detail: string): void {
		this.#waiting = false;
		this.isOver = true;
		this.#endLog(failure, detail);
		this.router.onAttemptFailed(this, failure, detail);
	}

	onUpstreamInformational(response: UpstreamResponse): void {
		this.router.onInformational(response);
	}

	onUpstreamResponse(response: UpstreamResponse, endStream: boolean): void {
		this.responded = true;
		this.#log?.onResponse(response);
		this.router.onResponse(this, response, endStream);
	}

	onUpstreamBody(view: Buffer, last: boolean): void {
		if (this.isOver) return;
		this.#log?.onBody(view.length);
		if (last) this.finish();
		this.router.onResponseBody(this, view, last);
	}

	onUpstreamTrailers(trailers: HeaderList): void {
		this.#log?.onTrailers(trailers);
		this.finish();
		this.router.onResponseTrailers(this, trailers);
	}

	onUpstreamTurnEnd(): void {
		this.router.onResponseTurnEnd();
	}

	onUpstreamReset(reason: ResetReason, detail: string): void {
		this.#endLog(reason, detail);
		this.finish();
		this.router.onAttemptFailed(this, reason, detail);
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
		this.router.onUpstreamDrain();
	}

	#onTooLong(): void {
		this.pool.cluster.stats.upstream_rq_max_duration_reached.value++;
		this.cancel();
		this.router.onAttemptFailed(this, "maximum duration", "");
	}

	/** Gives up: nothing more is told to the router. */
	cancel(): void {
		if (this.isOver) return;
		if (this.#waiting) {
			this.#waiting = false;
			this.isOver = true;
			this.pool.cancel(this);
			this.#log?.end();
			return;
		}
		// No upstream_rq_tx_reset: as in Envoy, that counts resets of streams, and HTTP/1 ends its connection instead.
		this.finish();
		this.connection?.abandon();
	}

	/** As {@link cancel}, while the response may still be being read: a complete one leaves its connection usable. */
	drop(): void {
		const { connection } = this;
		if (this.isOver || connection === undefined || !this.responded || !connection.isResponseComplete) {
			this.cancel();
			return;
		}
		this.finish();
	}

	/** The exchange is complete or broken. */
	finish(): void {
		if (this.isOver) return;
		this.isOver = true;
		this.#limit?.cancel();
		this.#log?.end();
		if (!this.#counted) return;
		this.pool.cluster.stats.upstream_rq_active.value--;
		this.host.stats.rq_active.value--;
		this.host.activeRequests--;
	}
}
