import { createHttp2Shared, defaultHttp2Config, type Http2Config } from "../../wire/http2/index.ts";
import type { Http2CodecStats } from "../stats/index.ts";
import { Http2ClientConnection } from "./http2-client-connection.ts";
import { type ConnectionEnd, PoolCore, type PoolParts } from "./pool-core.ts";
import type { PoolFailure } from "./reset-reason.ts";
import type { PoolWaiter } from "./upstream-pool.ts";
import type { OpenedSocket } from "./upstream-socket.ts";

/** The multiplexed connections to one host for one priority: the newest with room takes the next request. */
export class Http2Pool extends PoolCore<Http2ClientConnection> {
	readonly codecConfig: Http2Config;
	readonly codecStats: Http2CodecStats;
	/** What its connections have in common. */
	readonly shared = createHttp2Shared();
	/** Connected, with room at last sight. */
	readonly #ready: Http2ClientConnection[] = [];

	constructor(parts: PoolParts, codecStats: Http2CodecStats) {
		super(parts);
		this.codecStats = codecStats;
		const { http2, common } = parts.cluster.config.http;
		this.codecConfig = {
			...defaultHttp2Config,
			headerTableBytes: http2.hpackTableSize,
			maxConcurrentStreams: http2.maxConcurrentStreams,
			streamWindowBytes: http2.initialStreamWindowBytes,
			connectionWindowBytes: http2.initialConnectionWindowBytes,
			maxHeaderCount: common.maxHeadersCount,
			streamErrorOnInvalidMessage: http2.overrideStreamErrorOnInvalidMessage ?? false,
			maxOutboundFrames: http2.maxOutboundFrames,
			maxOutboundControlFrames: http2.maxOutboundControlFrames,
			maxConsecutiveEmptyFrames: http2.maxConsecutiveEmptyFrames,
			maxPriorityFramesPerStream: http2.maxPriorityFramesPerStream,
			maxWindowUpdatesPerDataFrame: http2.maxWindowUpdatesPerDataFrame,
		};
	}

	/** Whether somebody waits for a connection. */
	get hasWaiters(): boolean {
		return this.pending.length > 0;
	}

	/** Whether its connections end behind their requests. */
	get isClosing(): boolean {
		return this.isDraining && this.pending.length === 0;
	}

	acquire(waiter: PoolWaiter): void {
		const connection = this.#findRoom();
		if (connection === undefined) {
			this.wait(waiter);
			return;
		}
		this.#attach(waiter, connection);
		if (this.cluster.config.preconnectRatio > 1) this.connectIfNeeded();
	}

	onConnected(connection: Http2ClientConnection): void {
		this.#ready.push(connection);
		this.#serve();
	}

	/** A connection has room again. */
	onRoom(connection: Http2ClientConnection): void {
		if (connection.isReady && connection.capacity > 0 && !this.#ready.includes(connection)) {
			this.#ready.push(connection);
		}
		if (this.pending.length > 0) this.#serve();
	}

	onConnectFailed(connection: Http2ClientConnection, failure: PoolFailure, detail: string): void {
		this.failConnect(connection, failure, detail);
	}

	onClosed(connection: Http2ClientConnection, end: ConnectionEnd): void {
		const index = this.#ready.indexOf(connection);
		if (index !== -1) this.#ready.splice(index, 1);
		this.countClosed(connection, end);
		if (this.pending.length > 0) this.connectIfNeeded();
	}

	/** Takes over a socket that ALPN made one of this protocol, with those who wait for it. */
	adoptSocket(opened: OpenedSocket, counted: boolean, waiters: readonly PoolWaiter[]): Http2ClientConnection {
		this.#countOpened();
		this.pending.push(...waiters);
		const connection = new Http2ClientConnection(this, this.context.clock.now(), opened);
		this.adopt(connection, counted);
		return connection;
	}

	protected openConnection(): Http2ClientConnection {
		this.#countOpened();
		return new Http2ClientConnection(this, this.context.clock.now(), undefined);
	}

	protected get freeCapacity(): number {
		let capacity = 0;
		for (const connection of this.all) capacity += connection.capacity;
		return capacity;
	}

	protected get activeRequests(): number {
		let active = 0;
		for (const connection of this.all) active += connection.active;
		return active;
	}

	#countOpened(): void {
		this.cluster.stats.upstream_cx_http2_total.value++;
	}

	/** The newest ready connection with room; those without leave the list until they have some. */
	#findRoom(): Http2ClientConnection | undefined {
		const ready = this.#ready;
		for (let index = ready.length - 1; index >= 0; index--) {
			const connection = ready[index]!;
			if (connection.isReady && connection.capacity > 0 && connection.codec.canOpenStream) return connection;
			ready.splice(index, 1);
		}
		return undefined;
	}

	#attach(waiter: PoolWaiter, connection: Http2ClientConnection): void {
		if (!this.resources.tryAcquireRequest()) {
			this.cluster.stats.upstream_rq_active_overflow.value++;
			waiter.onPoolFailure("overflow", "");
			return;
		}
		waiter.onPoolReady(connection.createExchange());
	}

	#serve(): void {
		while (this.pending.length > 0) {
			const connection = this.#findRoom();
			if (connection === undefined) {
				this.connectIfNeeded();
				return;
			}
			this.#attach(this.takeWaiter(), connection);
		}
	}
}
