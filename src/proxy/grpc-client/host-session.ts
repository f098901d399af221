import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import type { DeadlineHolder, Millis } from "../../core/index.ts";
import { findSystemPath } from "../../os/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import { describeConnectFailure, type UpstreamContext } from "../connection-pool/index.ts";
import { sendPassthrough } from "../transport/index.ts";

const never = Number.POSITIVE_INFINITY;

/** Who waits for a connection. */
export interface SessionWaiter {
	onSessionReady(session: ClientHttp2Session): void;
	/** @param detail why there is none */
	onSessionFailed(detail: string): void;
}

/** One HTTP/2 connection to a host of a cluster. */
export class HostSession implements DeadlineHolder {
	queuedFor: Millis = never;
	readonly #context: UpstreamContext;
	readonly #cluster: Cluster;
	readonly #host: Host;
	readonly #onGone: (session: HostSession) => void;
	readonly #startedAt: Millis;
	readonly #socket: Socket;
	#session: ClientHttp2Session | undefined;
	#waiters: SessionWaiter[] = [];
	#failure: Error | undefined;
	#timedOut = false;
	#local = false;
	#isGone = false;
	#streams = 0;
	#drains = false;
	#received = 0;
	#sent = 0;

	/** @param onGone it takes no more streams */
	constructor(
		context: UpstreamContext,
		cluster: Cluster,
		host: Host,
		serverName: string | undefined,
		onGone: (session: HostSession) => void,
	) {
		this.#context = context;
		this.#cluster = cluster;
		this.#host = host;
		this.#onGone = onGone;
		this.#startedAt = context.clock.now();
		const { stats } = cluster;
		stats.upstream_cx_total.value++;
		stats.upstream_cx_http2_total.value++;
		stats.upstream_cx_active.value++;
		host.stats.cx_total.value++;
		host.stats.cx_active.value++;
		host.activeConnections++;
		this.#socket = this.#open(serverName);
		context.deadlines.schedule(this, this.#startedAt + cluster.config.connectTimeoutMs);
	}

	/** Whether another stream fits. */
	get hasRoom(): boolean {
		if (this.#isGone || this.#drains) return false;
		const session = this.#session;
		if (session === undefined) return true;
		if (session.closed || session.destroyed) return false;
		return this.#streams < (session.remoteSettings?.maxConcurrentStreams ?? never);
	}

	/** Gives `waiter` the connection when it is there; never before the call has returned. */
	acquire(waiter: SessionWaiter): void {
		this.#waiters.push(waiter);
		const { stats } = this.#cluster;
		stats.upstream_rq_pending_active.value++;
		if (this.#session !== undefined) queueMicrotask(() => this.#serve());
		else stats.upstream_rq_pending_total.value++;
	}

	cancel(waiter: SessionWaiter): void {
		const index = this.#waiters.indexOf(waiter);
		if (index === -1) return;
		this.#waiters.splice(index, 1);
		this.#cluster.stats.upstream_rq_pending_active.value--;
		this.#cluster.stats.upstream_rq_cancelled.value++;
	}

	streamOpened(): void {
		this.#streams++;
	}

	streamClosed(): void {
		this.#streams--;
		this.countBytes();
		if (this.#drains && this.#streams === 0) this.close();
	}

	/** Adds what the socket moved since the last time to the cluster's statistics. */
	countBytes(): void {
		const { bytesRead, bytesWritten } = this.#socket;
		const { stats } = this.#cluster;
		stats.upstream_cx_rx_bytes_total.value += bytesRead - this.#received;
		stats.upstream_cx_tx_bytes_total.value += bytesWritten - this.#sent;
		this.#received = bytesRead;
		this.#sent = bytesWritten;
	}

	/** Closes when the streams on it are over. */
	drain(): void {
		if (this.#isGone) return;
		this.#drains = true;
		if (this.#streams === 0 && this.#waiters.length === 0) this.close();
	}

	/** Closes with what is on it. */
	close(): void {
		if (this.#isGone) return;
		this.#local = true;
		this.#session?.destroy();
		this.#socket.destroy();
	}

	onDeadline(): Millis {
		if (this.#session !== undefined || this.#isGone) return never;
		this.#timedOut = true;
		this.#local = true;
		this.#cluster.stats.upstream_cx_connect_timeout.value++;
		this.#socket.destroy();
		return never;
	}

	#open(serverName: string | undefined): Socket {
		const { endpoint } = this.#host;
		const target =
			endpoint.kind !== "socket"
				? { path: findSystemPath(endpoint) }
				: { host: endpoint.address, port: endpoint.port, noDelay: true };
		const tls = this.#context.upstreamTlsOf(this.#cluster, this.#host);
		const withdraw = sendPassthrough(endpoint);
		const socket =
			tls === undefined ? connectSocket(target) : tls.connect({ ...target, ALPNProtocols: ["h2"] }, serverName);
		socket.on("error", (error) => {
			this.#failure ??= error;
		});
		socket.once("close", () => {
			withdraw();
			this.#onClose();
		});
		if (tls === undefined) socket.once("connect", () => this.#onReady());
		else tls.onReady(socket, () => this.#onReady());
		return socket;
	}

	#onReady(): void {
		this.#context.deadlines.cancel(this);
		const { http } = this.#cluster.config;
		const session = connect("http://upstream", {
			createConnection: () => this.#socket,
			settings: { enablePush: false, initialWindowSize: windowBytes },
		});
		this.#session = session;
		this.#cluster.stats.upstream_cx_connect_ms.record(this.#context.clock.now() - this.#startedAt);
		session.on("error", (error) => {
			this.#failure ??= error;
		});
		session.on("goaway", () => {
			this.#drains = true;
			this.#onGone(this);
		});
		session.on("close", () => this.#socket.destroy());
		if (http.common.idleTimeoutMs > 0) {
			session.setTimeout(http.common.idleTimeoutMs, () => {
				if (this.#streams > 0) return;
				this.#cluster.stats.upstream_cx_idle_timeout.value++;
				this.close();
			});
		}
		// An idle connection does not keep the process; a call on it has its own reasons to.
		this.#serve();
	}

	#serve(): void {
		if (this.#isGone || this.#session === undefined) return;
		for (const waiter of this.#takeWaiters()) waiter.onSessionReady(this.#session);
	}

	#takeWaiters(): SessionWaiter[] {
		const waiters = this.#waiters;
		this.#waiters = [];
		this.#cluster.stats.upstream_rq_pending_active.value -= waiters.length;
		return waiters;
	}

	#onClose(): void {
		if (this.#isGone) return;
		this.#isGone = true;
		this.#context.deadlines.cancel(this);
		this.countBytes();
		const { stats } = this.#cluster;
		stats.upstream_cx_active.value--;
		stats.upstream_cx_destroy.value++;
		if (this.#local) stats.upstream_cx_destroy_local.value++;
		else stats.upstream_cx_destroy_remote.value++;
		this.#host.stats.cx_active.value--;
		this.#host.activeConnections--;
		stats.upstream_cx_length_ms.record(this.#context.clock.now() - this.#startedAt);
		this.#onGone(this);
		const waiters = this.#takeWaiters();
		if (this.#session === undefined) {
			stats.upstream_cx_connect_fail.value++;
			this.#host.stats.cx_connect_fail.value++;
			stats.upstream_rq_pending_failure_eject.value += waiters.length;
			this.#cluster.reportLocal(this.#host, this.#timedOut ? "connect-timeout" : "connect-failure");
		}
		const detail = this.#timedOut ? "connection timeout" : describeConnectFailure(this.#failure);
		for (const waiter of waiters) waiter.onSessionFailed(detail);
	}
}

const windowBytes = 1024 * 1024;
