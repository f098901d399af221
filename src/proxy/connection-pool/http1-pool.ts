import { type TurnEndHolder, truncate } from "../../core/index.ts";
import type { Http1ParserConfig } from "../../wire/http1/index.ts";
import { ClientConnection } from "./client-connection.ts";
import { type ConnectionEnd, PoolCore, type PoolParts } from "./pool-core.ts";
import type { PoolFailure } from "./reset-reason.ts";
import type { PoolWaiter } from "./upstream-pool.ts";
import type { OpenedSocket } from "./upstream-socket.ts";

/** The keep-alive connections to one host for one priority: most recently used first.
 *  Invariant: a connection is not used again in the turn of the event loop in which its response ended. An upstream may close right behind
 *  the response; its end is read in the next turn, before any request that arrives then. */
export class Http1Pool extends PoolCore<ClientConnection> implements TurnEndHolder {
	readonly parserConfig: Http1ParserConfig;
	readonly properCase: boolean;
	readonly #idle: ClientConnection[] = [];
	/** Those that became idle in the turn of this number. */
	readonly #fresh: ClientConnection[] = [];
	#freshTurn = -1;
	#isQueued = false;
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
		let connection = this.pending.length > 0 ? undefined : this.#take();
		if (connection === undefined && this.#fresh.length > 0) {
			if (this.tryWait(waiter)) {
				this.#serve();
				return;
			}
			// Where none may wait, the chance that it is closed is the better one.
			connection = takeUsable(this.#fresh);
		}
		if (connection === undefined) {
			this.wait(waiter);
			return;
		}
		this.#attach(waiter, connection);
		if (this.cluster.config.preconnectRatio > 1) this.connectIfNeeded();
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
		const { turn } = this.context.turns;
		if (turn !== this.#freshTurn) this.#startTurn(turn);
		this.#fresh.push(connection);
		if (this.pending.length > 0) this.#queue();
	}

	onTurnEnd(): void {
		this.#isQueued = false;
		if (this.pending.length > 0) this.#serve();
	}

	onConnectFailed(connection: ClientConnection, failure: PoolFailure, detail: string): void {
		this.#connecting--;
		this.failConnect(connection, failure, detail);
	}

	onClosed(connection: ClientConnection, end: ConnectionEnd): void {
		if (end.wasConnecting) this.#connecting--;
		if (!remove(this.#idle, connection)) remove(this.#fresh, connection);
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
		return this.#connecting + this.#idle.length + this.#fresh.length;
	}

	protected get activeRequests(): number {
		return this.all.size - this.freeCapacity;
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
		while (this.pending.length > 0) {
			const connection = this.#take();
			if (connection === undefined) break;
			this.#attach(this.takeWaiter(), connection);
		}
		if (this.pending.length === 0) return;
		this.connectIfNeeded();
		if (this.#fresh.length > 0) this.#queue();
	}

	#queue(): void {
		if (this.#isQueued) return;
		this.#isQueued = true;
		this.context.turns.add(this);
	}

	/** The newest that may be used. */
	#take(): ClientConnection | undefined {
		if (this.#fresh.length > 0) {
			const { turn } = this.context.turns;
			if (turn !== this.#freshTurn) this.#startTurn(turn);
		}
		return takeUsable(this.#idle);
	}

	#startTurn(turn: number): void {
		this.#freshTurn = turn;
		const fresh = this.#fresh;
		for (let index = 0; index < fresh.length; index++) this.#idle.push(fresh[index]!);
		truncate(fresh, 0);
	}
}

function takeUsable(connections: ClientConnection[]): ClientConnection | undefined {
	for (;;) {
		const connection = connections.pop();
		if (connection === undefined) return undefined;
		const { isIdle, socket } = connection;
		if (isIdle && !socket.destroyed && !socket.readableEnded) return connection;
	}
}

function remove(connections: ClientConnection[], connection: ClientConnection): boolean {
	const index = connections.indexOf(connection);
	if (index !== -1) connections.splice(index, 1);
	return index !== -1;
}
