import type { DeadlineHolder, Millis } from "../../core/index.ts";
import type { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";
import { PoolCore, type PooledConnection, type PoolParts } from "./pool-core.ts";
import type { PoolFailure } from "./reset-reason.ts";
import type { PoolWaiter, UpstreamPool } from "./upstream-pool.ts";
import {
	describeConnectFailure,
	isLocalFailure,
	openUpstreamSocket,
	tlsSessionOf,
	type UpstreamSocket,
	type UpstreamSocketOwner,
} from "./upstream-socket.ts";

const never = Number.POSITIVE_INFINITY;

/** How a host's pools are made once ALPN has chosen. */
export interface NegotiatedPools {
	createHttp1(parts: PoolParts): Http1Pool;
	createHttp2(parts: PoolParts): Http2Pool;
}

/** Connections whose protocol ALPN chooses: as long as nothing is connected, the handshake of the next connection decides which pool
 *  takes over. Spec: Envoy `HttpConnPoolImplMixed`. */
export class NegotiatingPool extends PoolCore<NegotiatingConnection> {
	readonly #parts: PoolParts;
	readonly #pools: NegotiatedPools;
	#chosen: Http1Pool | Http2Pool | undefined;

	constructor(parts: PoolParts, pools: NegotiatedPools) {
		super(parts);
		this.#parts = parts;
		this.#pools = pools;
	}

	override get isEmpty(): boolean {
		return super.isEmpty && this.#chosen?.isEmpty !== false;
	}

	override get isBusy(): boolean {
		return super.isBusy || this.#chosen?.isBusy === true;
	}

	acquire(waiter: PoolWaiter): void {
		if (this.#chosen?.isEmpty === true) this.#chosen = undefined;
		if (this.#chosen === undefined) this.wait(waiter);
		else this.#chosen.acquire(waiter);
	}

	override cancel(waiter: PoolWaiter): void {
		if (this.pending.includes(waiter)) super.cancel(waiter);
		else this.#chosen?.cancel(waiter);
	}

	override drain(): void {
		super.drain();
		this.#chosen?.drain();
	}

	override close(): void {
		super.close();
		this.#chosen?.close();
	}

	get hasWaiters(): boolean {
		return this.pending.length > 0;
	}

	onConnected(connection: NegotiatingConnection, protocol: string): UpstreamSocketOwner {
		const counted = this.giveUp(connection);
		// As in Envoy, what a connection is before it has a protocol and what it is afterwards count for one each.
		const { stats } = this.cluster;
		const tookMs = this.context.clock.now() - connection.startedAt;
		stats.upstream_cx_connect_ms.record(tookMs);
		stats.upstream_cx_length_ms.record(tookMs);
		stats.upstream_cx_total.value++;
		this.host.stats.cx_total.value++;
		const waiters = this.pending.splice(0);
		const isHttp2 = protocol === "h2";
		const current = this.#chosen;
		const fits: UpstreamPool | undefined = isHttp2 === current instanceof Http2Pool ? current : undefined;
		const pool = fits ?? (isHttp2 ? this.#pools.createHttp2(this.#parts) : this.#pools.createHttp1(this.#parts));
		this.#chosen = pool as Http1Pool | Http2Pool;
		if (current !== undefined && current !== pool) current.drain();
		return this.#chosen.adoptSocket(connection, counted, waiters);
	}

	onConnectFailed(connection: NegotiatingConnection, failure: PoolFailure, detail: string): void {
		this.failConnect(connection, failure, detail);
	}

	onClosed(connection: NegotiatingConnection): void {
		this.countClosed(connection, { wasConnecting: true, wasBusy: false, local: true });
	}

	protected openConnection(): NegotiatingConnection {
		return new NegotiatingConnection(this);
	}

	protected get freeCapacity(): number {
		return this.all.size;
	}

	protected get activeRequests(): number {
		return 0;
	}
}

/** A connection on its way to be one of HTTP/1 or HTTP/2. */
class NegotiatingConnection implements PooledConnection, UpstreamSocketOwner, DeadlineHolder {
	readonly connectionId: number;
	readonly startedAt: Millis;
	readonly socket: UpstreamSocket;
	queuedFor: Millis = never;
	readonly #pool: NegotiatingPool;
	/** Who has the socket afterwards. */
	#heir: UpstreamSocketOwner | undefined;
	#isOver = false;

	constructor(pool: NegotiatingPool) {
		this.#pool = pool;
		const { context, cluster } = pool;
		this.connectionId = context.nextConnectionId();
		this.startedAt = context.clock.now();
		this.socket = openUpstreamSocket(pool, pool.socketOptions, this);
		context.deadlines.schedule(this, this.startedAt + cluster.config.connectTimeoutMs);
	}

	close(): void {
		if (this.#isOver) return;
		this.#leave();
		this.socket.destroy();
		this.#pool.onClosed(this);
	}

	closeWhenIdle(): void {
		if (!this.#pool.hasWaiters) this.close();
	}

	onSocketReady(): void {
		if (this.#isOver) return;
		this.#leave();
		const session = tlsSessionOf(this.#pool.socketOptions, this.socket);
		this.#heir = this.#pool.onConnected(this, session?.alpn ?? "");
		this.#heir.onSocketReady();
	}

	onSocketBytes(bytes: number): void {
		this.#heir?.onSocketBytes(bytes);
	}

	onSocketEnd(): void {
		this.#heir?.onSocketEnd();
	}

	onSocketClose(error: Error | undefined): void {
		if (this.#heir !== undefined) {
			this.#heir.onSocketClose(error);
			return;
		}
		if (this.#isOver) return;
		this.#leave();
		const reason = isLocalFailure(error) ? "local connection failure" : "remote connection failure";
		this.#pool.onConnectFailed(this, reason, describeConnectFailure(error));
	}

	onSocketDrain(): void {
		this.#heir?.onSocketDrain();
	}

	onDeadline(): Millis {
		if (this.#isOver) return never;
		this.#leave();
		this.socket.destroy();
		this.#pool.onConnectFailed(this, "connection timeout", "");
		return never;
	}

	#leave(): void {
		this.#isOver = true;
		this.#pool.context.deadlines.cancel(this);
	}
}
