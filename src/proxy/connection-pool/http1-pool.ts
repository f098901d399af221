import type { Clock, DeadlineQueue, Millis } from "../../core/index.ts";
import type { Http1ParserConfig } from "../../wire/http1/index.ts";
import type { Cluster, ClusterResources, Host } from "../cluster/index.ts";
import { ClientConnection } from "./client-connection.ts";
import type { PoolFailure, ResetReason } from "./reset-reason.ts";
import type { PoolWaiter, UpstreamPool } from "./upstream-pool.ts";
import type { UpstreamSocketOptions } from "./upstream-socket.ts";

/** What all pools of a proxy share. */
export interface PoolContext {
	readonly clock: Clock;
	readonly deadlines: DeadlineQueue;
	nextConnectionId(): number;
}

/** The keep-alive connections to one host for one priority: most recently used first, bounded by the cluster's circuit breakers. */
export class Http1Pool implements UpstreamPool {
	readonly context: PoolContext;
	readonly cluster: Cluster;
	readonly host: Host;
	readonly socketOptions: UpstreamSocketOptions;
	readonly parserConfig: Http1ParserConfig;
	readonly properCase: boolean;
	readonly #resources: ClusterResources;
	readonly #idle: ClientConnection[] = [];
	readonly #all = new Set<ClientConnection>();
	readonly #pending: PoolWaiter[] = [];
	#connecting = 0;
	#draining = false;

	constructor(
		context: PoolContext,
		cluster: Cluster,
		host: Host,
		resources: ClusterResources,
		socketOptions: UpstreamSocketOptions,
	) {
		this.context = context;
		this.cluster = cluster;
		this.host = host;
		this.socketOptions = socketOptions;
		this.#resources = resources;
		this.properCase = cluster.config.http.http1.headerCase === "proper";
		this.parserConfig = {
			maxHeadBytes: 60 * 1024,
			maxHeaderCount: cluster.config.http.common.maxHeadersCount,
			keepTrailers: cluster.config.http.http1.enableTrailers,
		};
	}

	get isEmpty(): boolean {
		return this.#all.size === 0 && this.#pending.length === 0;
	}

	/** Gives `waiter` a connection: at once when one is idle, else when one is connected or freed. */
	acquire(waiter: PoolWaiter): void {
		for (;;) {
			const connection = this.#idle.pop();
			if (connection === undefined) break;
			if (!connection.isIdle || connection.socket.destroyed || connection.socket.readableEnded) continue;
			this.#attach(waiter, connection);
			return;
		}
		const stats = this.cluster.stats;
		if (!this.#resources.tryAcquirePending()) {
			stats.upstream_rq_pending_overflow.value++;
			waiter.onPoolFailure("overflow", "");
			return;
		}
		stats.upstream_rq_pending_total.value++;
		stats.upstream_rq_pending_active.value++;
		this.#pending.push(waiter);
		this.#connectIfNeeded();
	}

	/** Takes back a waiter that has not got a connection yet. */
	cancel(waiter: PoolWaiter): void {
		const index = this.#pending.indexOf(waiter);
		if (index === -1) return;
		this.#pending.splice(index, 1);
		this.#releasePending();
		this.cluster.stats.upstream_rq_cancelled.value++;
	}

	/** Closes idle connections, and the others after their request. */
	drain(): void {
		this.#draining = true;
		for (const connection of [...this.#all]) connection.closeWhenIdle();
	}

	/** Closes everything. */
	close(): void {
		this.#draining = true;
		for (const connection of [...this.#all]) connection.close();
	}

	onConnected(connection: ClientConnection): void {
		this.#connecting--;
		this.#idle.push(connection);
		this.#serve();
	}

	onIdle(connection: ClientConnection): void {
		if (this.#draining) {
			connection.close();
			return;
		}
		this.#idle.push(connection);
		if (this.#pending.length > 0) this.#serve();
	}

	onConnectFailed(connection: ClientConnection, failure: PoolFailure, detail: string): void {
		this.#connecting--;
		this.#forget(connection);
		const { stats } = this.cluster;
		stats.upstream_cx_connect_fail.value++;
		this.host.stats.cx_connect_fail.value++;
		if (failure === "connection timeout") stats.upstream_cx_connect_timeout.value++;
		stats.upstream_cx_destroy.value++;
		if (failure === "connection timeout") stats.upstream_cx_destroy_local.value++;
		else stats.upstream_cx_destroy_remote.value++;
		// Whoever waits beyond the connections that are still on their way fails with this one, as in Envoy.
		const failing = this.#pending.splice(0);
		for (const waiter of failing) {
			this.#releasePending();
			stats.upstream_rq_pending_failure_eject.value++;
			waiter.onPoolFailure(failure, detail);
		}
	}

	onClosed(
		connection: ClientConnection,
		how: { wasConnecting: boolean; wasBusy: boolean; local: boolean; reason: ResetReason | undefined },
	): void {
		const { stats } = this.cluster;
		stats.upstream_cx_destroy.value++;
		if (how.local) stats.upstream_cx_destroy_local.value++;
		else stats.upstream_cx_destroy_remote.value++;
		if (how.wasBusy) {
			stats.upstream_cx_destroy_with_active_rq.value++;
			if (how.local) stats.upstream_cx_destroy_local_with_active_rq.value++;
			else stats.upstream_cx_destroy_remote_with_active_rq.value++;
		}
		if (how.wasConnecting) this.#connecting--;
		const index = this.#idle.indexOf(connection);
		if (index !== -1) this.#idle.splice(index, 1);
		this.#forget(connection);
		this.#connectIfNeeded();
	}

	#attach(waiter: PoolWaiter, connection: ClientConnection): void {
		if (!this.#resources.tryAcquireRequest()) {
			this.#idle.push(connection);
			waiter.onPoolFailure("overflow", "");
			return;
		}
		waiter.onPoolReady(connection);
	}

	/** The exchange that {@link PoolWaiter.onPoolReady} began is over. */
	releaseRequest(): void {
		this.#resources.releaseRequest();
	}

	#serve(): void {
		while (this.#pending.length > 0 && this.#idle.length > 0) {
			const connection = this.#idle.pop()!;
			if (!connection.isIdle) continue;
			const waiter = this.#pending.shift()!;
			this.#releasePending();
			this.#attach(waiter, connection);
		}
	}

	#connectIfNeeded(): void {
		while (this.#pending.length > this.#connecting && !this.#draining) {
			const isFirst = this.#all.size === 0;
			if (!this.#mayConnect() || !this.#resources.tryAcquireConnection()) {
				this.cluster.stats.upstream_cx_overflow.value++;
				if (!isFirst) return;
				// One connection a host is always allowed, or nothing would ever be sent.
				this.#open(false);
			} else {
				this.#open(true);
			}
		}
	}

	/** Whether the host may have one more connection. */
	#mayConnect(): boolean {
		const limit = this.cluster.config.circuitBreakers.maxConnectionsPerHost;
		return limit < 0 || this.host.activeConnections < limit;
	}

	readonly #counted = new Set<ClientConnection>();

	#open(counted: boolean): void {
		const now: Millis = this.context.clock.now();
		const { stats } = this.cluster;
		stats.upstream_cx_total.value++;
		stats.upstream_cx_http1_total.value++;
		stats.upstream_cx_active.value++;
		this.host.stats.cx_total.value++;
		this.host.stats.cx_active.value++;
		this.host.activeConnections++;
		this.#connecting++;
		const connection = new ClientConnection(this, now);
		this.#all.add(connection);
		if (counted) this.#counted.add(connection);
	}

	#forget(connection: ClientConnection): void {
		if (!this.#all.delete(connection)) return;
		this.cluster.stats.upstream_cx_active.value--;
		this.host.stats.cx_active.value--;
		this.host.activeConnections--;
		if (this.#counted.delete(connection)) this.#resources.releaseConnection();
	}

	#releasePending(): void {
		this.#resources.releasePending();
		this.cluster.stats.upstream_rq_pending_active.value--;
	}
}
