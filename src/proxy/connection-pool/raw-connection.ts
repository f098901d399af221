import type { DeadlineHolder, Millis } from "../../core/index.ts";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import { TurnWriter } from "../transport/index.ts";
import type { PoolContext } from "./pool-core.ts";
import type { RawStream, RawStreamOwner } from "./raw-stream.ts";
import { formatSocketAddress } from "./socket-address.ts";
import {
	type BoundConnection,
	describeConnectFailure,
	noteConnected,
	openUpstreamSocket,
	readBuffer,
	remoteAddressOf,
	tlsSessionOf,
	type UpstreamSocket,
	type UpstreamSocketOptions,
	type UpstreamSocketOwner,
} from "./upstream-socket.ts";

const never = Number.POSITIVE_INFINITY;

/** So many bytes may be on their way to a host that reads slowly, at least the sockets' high-water mark. */
const maxUnsentBytes = 64 * 1024;

/** A connection of its own to a host, whose bytes nobody parses: for TCP proxying and CONNECT tunnels. */
export class RawConnection implements RawStream, UpstreamSocketOwner, DeadlineHolder {
	readonly id: number;
	queuedFor: Millis = never;
	readonly #context: PoolContext;
	readonly #cluster: Cluster;
	readonly #host: Host;
	readonly #owner: RawStreamOwner;
	readonly #options: UpstreamSocketOptions;
	readonly #release: () => void;
	readonly #socket: UpstreamSocket;
	readonly #out: TurnWriter;
	/** Where it ends with what vouches for its peer. Bytes have no natural end: they go on until they are cut. */
	#bound: BoundConnection | undefined;
	readonly #openedAt: Millis;
	#isReady = false;
	#isClosed = false;
	/** The upstream's end came before ours was sent. */
	#hasEndedFirst = false;

	/** @param release gives the circuit breaker's connection back */
	constructor(
		context: PoolContext,
		cluster: Cluster,
		host: Host,
		options: UpstreamSocketOptions,
		owner: RawStreamOwner,
		release: () => void,
	) {
		this.#context = context;
		this.#cluster = cluster;
		this.#host = host;
		this.#options = options;
		this.#owner = owner;
		this.#release = release;
		this.id = context.nextConnectionId();
		this.#openedAt = context.clock.now();
		cluster.stats.upstream_cx_total.value++;
		cluster.stats.upstream_cx_active.value++;
		host.stats.cx_total.value++;
		host.stats.cx_active.value++;
		host.activeConnections++;
		host.activeRequests++;
		this.#socket = openUpstreamSocket({ context, cluster, host }, options, this);
		this.#out = new TurnWriter(this.#socket, context.turns, maxUnsentBytes, options.tls !== undefined);
		context.deadlines.schedule(this, context.clock.now() + cluster.config.connectTimeoutMs);
	}

	get localAddress(): SocketAddress | undefined {
		return formatSocketAddress(this.#socket.localAddress, this.#socket.localPort);
	}

	get remoteAddress(): SocketAddress | undefined {
		return remoteAddressOf(this.#host, this.#socket);
	}

	get tlsSession(): TlsSession | undefined {
		return tlsSessionOf(this.#options, this.#socket);
	}

	/** Bytes that were written and have not left. */
	get bufferedBytes(): number {
		return this.#out.unsentBytes;
	}

	/** @returns false when the caller should wait for `onRawDrain` */
	write(view: Buffer): boolean {
		this.#cluster.stats.upstream_cx_tx_bytes_total.value += view.length;
		return this.#out.writeView(view);
	}

	/** Sends our end; the other direction goes on. */
	end(): void {
		this.#out.flush();
		this.#socket.end();
	}

	pause(): void {
		this.#socket.pause();
	}

	resume(): void {
		this.#socket.resume();
	}

	/** What was written still leaves. */
	close(byPeer = false): void {
		if (this.#isClosed) return;
		this.#leave(!byPeer);
		this.#out.flush();
		this.#socket.destroySoon();
	}

	/** Ends it in the middle, and says so to its owner. */
	cut(): void {
		if (this.#isClosed) return;
		const wasReady = this.#isReady;
		this.close();
		if (wasReady) this.#owner.onRawClosed(false);
		else this.#owner.onRawFailed(this, "");
	}

	reset(): void {
		if (this.#isClosed) return;
		this.#leave(true);
		this.#socket.resetAndDestroy();
	}

	onSocketReady(): void {
		if (this.#isClosed) return;
		this.#isReady = true;
		this.#context.deadlines.cancel(this);
		noteConnected(this.#cluster, this.#context.clock.now() - this.#openedAt);
		this.#bindPeer();
		this.#cluster.reportLocal(this.#host, "served");
		this.#owner.onRawReady(this);
	}

	onSocketBytes(bytes: number): void {
		if (this.#isClosed) return;
		this.#cluster.stats.upstream_cx_rx_bytes_total.value += bytes;
		this.#owner.onRawData(readBuffer.subarray(0, bytes));
	}

	onSocketEnd(): void {
		// An end within the handshake is told by the close that follows.
		if (this.#isClosed || !this.#isReady) return;
		this.#hasEndedFirst = !this.#socket.writableEnded;
		this.#owner.onRawEnd();
	}

	onSocketClose(error: Error | undefined): void {
		if (this.#isClosed) return;
		const wasReady = this.#isReady;
		// Whoever ends last closes the connection: we do when the upstream ended before us.
		this.#leave(error === undefined && this.#hasEndedFirst);
		if (wasReady) {
			this.#owner.onRawClosed((error as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET");
			return;
		}
		this.#countFailure();
		this.#cluster.reportLocal(this.#host, "connect-failure");
		this.#owner.onRawFailed(this, describeConnectFailure(error));
	}

	onSocketDrain(): void {
		if (!this.#isClosed) this.#owner.onRawDrain();
	}

	onDeadline(): Millis {
		if (this.#isReady || this.#isClosed) return never;
		this.#cluster.stats.upstream_cx_connect_timeout.value++;
		this.#countFailure();
		this.#leave(true);
		this.#socket.destroy();
		this.#cluster.reportLocal(this.#host, "connect-timeout");
		this.#owner.onRawFailed(this, "connection timeout");
		return never;
	}

	#countFailure(): void {
		this.#cluster.stats.upstream_cx_connect_fail.value++;
		this.#host.stats.cx_connect_fail.value++;
	}

	#bindPeer(): void {
		const { bounds } = this.#options;
		const peer = bounds === undefined ? undefined : this.tlsSession?.peer;
		if (peer === undefined) return;
		this.#bound = { closeWhenIdle: () => undefined, close: () => void this.#socket.destroy() };
		bounds?.follow(this.#bound, peer);
	}

	#leave(local: boolean): void {
		this.#isClosed = true;
		this.#context.deadlines.cancel(this);
		if (this.#bound !== undefined) this.#options.bounds?.forget(this.#bound);
		const { stats } = this.#cluster;
		stats.upstream_cx_active.value--;
		stats.upstream_cx_destroy.value++;
		stats.upstream_cx_length_ms.record(this.#context.clock.now() - this.#openedAt);
		if (local) stats.upstream_cx_destroy_local.value++;
		else stats.upstream_cx_destroy_remote.value++;
		if (this.#isReady) {
			stats.upstream_cx_destroy_with_active_rq.value++;
			if (local) stats.upstream_cx_destroy_local_with_active_rq.value++;
			else stats.upstream_cx_destroy_remote_with_active_rq.value++;
		}
		this.#host.stats.cx_active.value--;
		this.#host.activeConnections--;
		this.#host.activeRequests--;
		this.#release();
	}
}
