import type { Http1ParserConfig } from "../../wire/http1/index.ts";
import { ClientConnection } from "./client-connection.ts";
import { type ConnectionEnd, PoolCore, type PoolParts } from "./pool-core.ts";
import type { PoolFailure } from "./reset-reason.ts";
import type { PoolWaiter } from "./upstream-pool.ts";
import type { OpenedSocket } from "./upstream-socket.ts";

/** The keep-alive connections to one host for one priority: most recently used first. */
export class Http1Pool extends PoolCore<ClientConnection> {
	readonly parserConfig: Http1ParserConfig;
	readonly properCase: boolean;
	readonly #idle: ClientConnection[] = [];
	#connecting = 0;

	constructor(parts: PoolParts) {
		super(parts);
		const { http } = parts.cluster.config;
		this.properCase = http.http1.headerCase === "proper";
		this.parserConfig = {
			maxHeadBytes: 60 * 1024,
			maxHeaderCount: http.common.maxHeadersCount,
			keepTrailers: http.http1.enableTrailers,
		};
	}

	/** Gives `waiter` a connection: at once when one is idle, else when one is connected or freed. */
	acquire(waiter: PoolWaiter): void {
		for (;;) {
			const connection = this.#idle.pop();
			if (connection === undefined) break;
			if (!connection.isIdle || connection.socket.destroyed || connection.socket.readableEnded) continue;
			this.#attach(waiter, connection);
			if (this.cluster.config.preconnectRatio > 1) this.connectIfNeeded();
			return;
		}
		this.wait(waiter);
	}

	onConnected(connection: ClientConnection): void {
		this.#connecting--;
		this.#idle.push(connection);
		this.#serve();
	}

	onIdle(connection: ClientConnection): void {
		if (this.isDraining) {
			connection.close();
			return;
		}
		this.#idle.push(connection);
		if (this.pending.length > 0) this.#serve();
	}

	onConnectFailed(connection: ClientConnection, failure: PoolFailure, detail: string): void {
		this.#connecting--;
		this.failConnect(connection, failure, detail);
	}

	onClosed(connection: ClientConnection, end: ConnectionEnd): void {
		if (end.wasConnecting) this.#connecting--;
		const index = this.#idle.indexOf(connection);
		if (index !== -1) this.#idle.splice(index, 1);
		this.countClosed(connection, end);
		if (this.pending.length > 0) this.connectIfNeeded();
	}

	/** Takes over a socket that ALPN made one of this protocol, with those who wait for it. */
	adoptSocket(opened: OpenedSocket, counted: boolean, waiters: readonly PoolWaiter[]): ClientConnection {
		this.cluster.stats.upstream_cx_http1_total.value++;
		this.#connecting++;
		this.pending.push(...waiters);
		const connection = new ClientConnection(this, this.context.clock.now(), opened);
		this.adopt(connection, counted);
		return connection;
	}

	protected openConnection(): ClientConnection {
		this.cluster.stats.upstream_cx_http1_total.value++;
		this.#connecting++;
		return new ClientConnection(this, this.context.clock.now(), undefined);
	}

	protected get freeCapacity(): number {
		return this.#connecting + this.#idle.length;
	}

	protected get activeRequests(): number {
		return this.all.size - this.#connecting - this.#idle.length;
	}

	#attach(waiter: PoolWaiter, connection: ClientConnection): void {
		if (!this.resources.tryAcquireRequest()) {
			this.cluster.stats.upstream_rq_active_overflow.value++;
			this.#idle.push(connection);
			waiter.onPoolFailure("overflow", "");
			return;
		}
		waiter.onPoolReady(connection);
	}

	#serve(): void {
		while (this.pending.length > 0 && this.#idle.length > 0) {
			const connection = this.#idle.pop()!;
			if (!connection.isIdle) continue;
			this.#attach(this.takeWaiter(), connection);
		}
		if (this.pending.length > 0) this.connectIfNeeded();
	}
}
