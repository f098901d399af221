import type { Clock, DeadlineQueue, Millis, TurnQueue } from "../../core/index.ts";
import type { Cluster, ClusterResources, Host } from "../cluster/index.ts";
import type { PoolFailure } from "./reset-reason.ts";
import type { PoolWaiter, UpstreamPool } from "./upstream-pool.ts";
import {
	type BoundConnection,
	tlsSessionOf,
	type UpstreamSocket,
	type UpstreamSocketOptions,
} from "./upstream-socket.ts";

/** What all pools of a proxy share. */
export interface PoolContext {
	readonly clock: Clock;
	readonly deadlines: DeadlineQueue;
	readonly turns: TurnQueue;
	nextConnectionId(): number;
}

/** A connection of a pool. */
export interface PooledConnection extends BoundConnection {
	/** When its making began. */
	readonly startedAt: Millis;
}

/** What a pool is made from. */
export interface PoolParts {
	readonly context: PoolContext;
	readonly cluster: Cluster;
	readonly host: Host;
	readonly resources: ClusterResources;
	readonly socketOptions: UpstreamSocketOptions;
	/** Called whenever the pool may have got empty. */
	readonly onEmpty: () => void;
}

/** How a connection ended. */
export interface ConnectionEnd {
	readonly wasConnecting: boolean;
	/** With a request on it. */
	readonly wasBusy: boolean;
	/** We closed it. */
	readonly local: boolean;
}

/** Connections opened in one go at most. */
const maxOpenedAtOnce = 3;

/** What pools of every protocol have: the queue of waiters, the cluster's circuit breakers and counts, and the decision to connect.
 *  Spec: Envoy `ConnPoolImplBase`. */
export abstract class PoolCore<Connection extends PooledConnection> implements UpstreamPool {
	readonly context: PoolContext;
	readonly cluster: Cluster;
	readonly host: Host;
	readonly socketOptions: UpstreamSocketOptions;
	protected readonly resources: ClusterResources;
	protected readonly all = new Set<Connection>();
	protected pending: PoolWaiter[] = [];
	protected isDraining = false;
	readonly #onEmpty: () => void;
	/** Those that hold a place of the circuit breaker. */
	readonly #counted = new Set<Connection>();

	constructor({ context, cluster, host, resources, socketOptions, onEmpty }: PoolParts) {
		this.context = context;
		this.cluster = cluster;
		this.host = host;
		this.resources = resources;
		this.socketOptions = socketOptions;
		this.#onEmpty = onEmpty;
	}

	get isSecure(): boolean {
		return this.socketOptions.tls !== undefined;
	}

	get isEmpty(): boolean {
		return this.all.size === 0 && this.pending.length === 0;
	}

	get isBusy(): boolean {
		return this.pending.length > 0 || this.activeRequests > 0;
	}

	abstract acquire(waiter: PoolWaiter): void;

	/** Takes back a waiter that has not got an exchange yet. */
	cancel(waiter: PoolWaiter): void {
		const index = this.pending.indexOf(waiter);
		if (index === -1) return;
		this.pending.splice(index, 1);
		this.releasePending();
		this.cluster.stats.upstream_rq_cancelled.value++;
		if (this.all.size === 0) this.#onEmpty();
	}

	/** Closes idle connections, and the others after their requests. */
	drain(): void {
		this.isDraining = true;
		for (const connection of [...this.all]) connection.closeWhenIdle();
	}

	/** Closes everything. */
	close(): void {
		this.isDraining = true;
		for (const connection of [...this.all]) connection.close();
	}

	/** The exchange that began with {@link PoolWaiter.onPoolReady} is over. */
	releaseRequest(): void {
		this.resources.releaseRequest();
	}

	/** Opens a connection. */
	protected abstract openConnection(): Connection;
	/** Requests that connections under way and ready ones have room for. */
	protected abstract get freeCapacity(): number;
	/** Requests under way. */
	protected abstract get activeRequests(): number;

	/** Queues `waiter`, within the circuit breaker, and sees to it that there will be a connection. */
	protected wait(waiter: PoolWaiter): void {
		if (this.tryWait(waiter)) return;
		this.cluster.stats.upstream_rq_pending_overflow.value++;
		waiter.onPoolFailure("overflow", "");
	}

	/** As {@link wait}. @returns false when the circuit breaker does not let it wait */
	protected tryWait(waiter: PoolWaiter): boolean {
		if (!this.resources.tryAcquirePending()) return false;
		const { stats } = this.cluster;
		stats.upstream_rq_pending_total.value++;
		stats.upstream_rq_pending_active.value++;
		this.host.stats.rq_pending_active.value++;
		this.pending.push(waiter);
		this.connectIfNeeded();
		return true;
	}

	/** The next waiter, out of the queue. */
	protected takeWaiter(): PoolWaiter {
		const waiter = this.pending.shift()!;
		this.releasePending();
		return waiter;
	}

	protected releasePending(): void {
		this.resources.releasePending();
		this.cluster.stats.upstream_rq_pending_active.value--;
		this.host.stats.rq_pending_active.value--;
	}

	protected connectIfNeeded(): void {
		for (let opened = 0; opened < maxOpenedAtOnce && this.#wantsConnection(); opened++) {
			const isFirst = this.all.size === 0;
			if (!this.#mayConnect() || !this.resources.tryAcquireConnection()) {
				this.cluster.stats.upstream_cx_overflow.value++;
				// One connection a host is always allowed, or nothing would ever be sent.
				if (isFirst) this.#open(false);
				return;
			}
			this.#open(true);
		}
	}

	/** Whether what waits (and what the preconnect policy expects) needs a further connection. */
	#wantsConnection(): boolean {
		if (this.isDraining) return false;
		const waiting = this.pending.length;
		const ratio = this.host.health === "healthy" ? this.cluster.config.preconnectRatio : 1;
		if (ratio <= 1) return waiting > this.freeCapacity;
		const active = this.activeRequests;
		return (waiting + active) * ratio > this.freeCapacity + active;
	}

	/** Whether the host may have one more connection. */
	#mayConnect(): boolean {
		const limit = this.cluster.config.circuitBreakers.maxConnectionsPerHost;
		return limit < 0 || this.host.activeConnections < limit;
	}

	#open(counted: boolean): void {
		const { stats } = this.cluster;
		stats.upstream_cx_total.value++;
		stats.upstream_cx_active.value++;
		this.host.stats.cx_total.value++;
		this.host.stats.cx_active.value++;
		this.host.activeConnections++;
		const connection = this.openConnection();
		this.all.add(connection);
		if (counted) this.#counted.add(connection);
	}

	/** Takes a connection over that another pool opened and counted.
	 *  @param counted whether it holds a place of the circuit breaker */
	protected adopt(connection: Connection, counted: boolean): void {
		this.all.add(connection);
		if (counted) this.#counted.add(connection);
	}

	/** Gives a connection up to another pool, with its counts.
	 *  @returns whether it holds a place of the circuit breaker */
	protected giveUp(connection: Connection): boolean {
		this.all.delete(connection);
		return this.#counted.delete(connection);
	}

	/** A connection could not be made: whoever waits fails with it, as in Envoy. */
	protected failConnect(connection: Connection, failure: PoolFailure, detail: string): void {
		this.forget(connection);
		const { stats } = this.cluster;
		const isTimeout = failure === "connection timeout";
		stats.upstream_cx_connect_fail.value++;
		this.host.stats.cx_connect_fail.value++;
		if (isTimeout) stats.upstream_cx_connect_timeout.value++;
		stats.upstream_cx_destroy.value++;
		stats.upstream_cx_length_ms.record(this.context.clock.now() - connection.startedAt);
		if (isTimeout) stats.upstream_cx_destroy_local.value++;
		else stats.upstream_cx_destroy_remote.value++;
		for (const waiter of this.pending.splice(0)) {
			this.releasePending();
			stats.upstream_rq_pending_failure_eject.value++;
			waiter.onPoolFailure(failure, detail);
		}
		if (this.all.size === 0) this.#onEmpty();
	}

	/** A connection is gone. */
	protected countClosed(connection: Connection, { wasBusy, local }: ConnectionEnd): void {
		const { stats } = this.cluster;
		stats.upstream_cx_destroy.value++;
		if (local) stats.upstream_cx_destroy_local.value++;
		else stats.upstream_cx_destroy_remote.value++;
		if (wasBusy) {
			stats.upstream_cx_destroy_with_active_rq.value++;
			if (local) stats.upstream_cx_destroy_local_with_active_rq.value++;
			else stats.upstream_cx_destroy_remote_with_active_rq.value++;
		}
		this.forget(connection);
	}

	/** A connection's handshake is done: it ends with what vouches for its peer, where the cluster wants that. */
	bindPeer(connection: Connection, socket: UpstreamSocket): void {
		const { bounds } = this.socketOptions;
		const peer = bounds === undefined ? undefined : tlsSessionOf(this.socketOptions, socket)?.peer;
		if (peer !== undefined) bounds?.follow(connection, peer);
	}

	protected forget(connection: Connection): void {
		if (!this.all.delete(connection)) return;
		this.socketOptions.bounds?.forget(connection);
		this.cluster.stats.upstream_cx_active.value--;
		this.host.stats.cx_active.value--;
		this.host.activeConnections--;
		if (this.#counted.delete(connection)) this.resources.releaseConnection();
		if (this.all.size === 0) this.#onEmpty();
	}
}
