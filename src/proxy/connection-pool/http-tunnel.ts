import type { HeaderList } from "../../core/index.ts";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import { formatFields } from "../../wire/http1/index.ts";
import type { RawStream, RawStreamOwner } from "./raw-stream.ts";
import type { PoolFailure, ResetReason } from "./reset-reason.ts";
import type {
	OutgoingRequest,
	PoolWaiter,
	ResponseReceiver,
	UpstreamExchange,
	UpstreamPool,
	UpstreamResponse,
} from "./upstream-pool.ts";

/** What the request of a tunnel says. */
export interface HttpTunnelOptions {
	/** Where the tunnel leads to: host and port. */
	readonly authority: string;
	/** Further fields. */
	readonly headers: HeaderList;
	/** `POST` needs a path. */
	readonly method: "CONNECT" | "POST";
	readonly path: string;
	/** Called with the head of an answer that opens the tunnel, and with the fields behind its last byte. */
	readonly onResponse?: (status: number, headers: HeaderList) => void;
	readonly onTrailers?: (trailers: HeaderList) => void;
}

const nothing = Buffer.alloc(0);

/** A byte stream within a request of HTTP. */
export class HttpTunnel implements RawStream, PoolWaiter, ResponseReceiver {
	readonly #pool: UpstreamPool;
	readonly #options: HttpTunnelOptions;
	readonly #owner: RawStreamOwner;
	readonly #request: OutgoingRequest;
	#exchange: UpstreamExchange | undefined;
	#isWaiting = true;
	#isReady = false;
	#isOver = false;
	/** Our end was sent. */
	#hasEnded = false;
	/** The upstream's end came. */
	#isRemoteDone = false;

	constructor(pool: UpstreamPool, options: HttpTunnelOptions, owner: RawStreamOwner) {
		this.#pool = pool;
		this.#options = options;
		this.#owner = owner;
		const { authority, headers, method, path } = options;
		this.#request = {
			method,
			path,
			authority,
			scheme: pool.isSecure ? "https" : "http",
			upgrade: method === "CONNECT" ? "CONNECT" : undefined,
			headers,
			format: () => formatFields(headers, 0),
		};
	}

	/** Asks the pool, after the caller has the tunnel. */
	start(): void {
		queueMicrotask(() => {
			if (!this.#isOver) this.#pool.acquire(this);
		});
	}

	get id(): number {
		return this.#exchange?.id ?? 0;
	}

	get localAddress(): SocketAddress | undefined {
		return this.#exchange?.localAddress;
	}

	get remoteAddress(): SocketAddress | undefined {
		return this.#exchange?.remoteAddress;
	}

	get tlsSession(): TlsSession | undefined {
		return this.#exchange?.tlsSession;
	}

	get bufferedBytes(): number {
		return this.#exchange?.bufferedBytes ?? 0;
	}

	// --- from the owner

	write(view: Buffer): boolean {
		if (this.#hasEnded || this.#isOver || this.#exchange === undefined) return true;
		return this.#exchange.writeBody(view, false, false);
	}

	end(): void {
		if (this.#hasEnded || this.#isOver) return;
		this.#hasEnded = true;
		if (this.#options.method === "CONNECT" && this.#exchange?.protocol === "HTTP/1.1") {
			// HTTP/1 has no end of one direction: the connection ends, as in Envoy.
			this.#exchange.abandon();
			this.#finish();
			queueMicrotask(() => this.#owner.onRawClosed(false));
			return;
		}
		this.#exchange?.writeBody(nothing, true, true);
		if (this.#isRemoteDone) this.#finish();
	}

	pause(): void {
		this.#exchange?.pause();
	}

	resume(): void {
		this.#exchange?.resume();
	}

	reset(): void {
		this.close();
	}

	close(): void {
		if (this.#isOver) return;
		if (this.#isWaiting) this.#pool.cancel(this);
		const exchange = this.#exchange;
		// An orderly end where the other side has said its own, a reset otherwise.
		if (this.#isRemoteDone && !this.#hasEnded) exchange?.writeBody(nothing, true, true);
		else if (!this.#isRemoteDone) exchange?.abandon();
		this.#finish();
	}

	// --- from the pool

	onPoolReady(exchange: UpstreamExchange): void {
		const { stats } = this.#pool.cluster;
		const { host } = this.#pool;
		this.#isWaiting = false;
		this.#exchange = exchange;
		stats.upstream_rq_total.value++;
		stats.upstream_rq_active.value++;
		host.stats.rq_total.value++;
		host.stats.rq_active.value++;
		host.activeRequests++;
		exchange.begin(this, this.#request);
		exchange.writeRequest(this.#request, false, false);
		exchange.flush();
	}

	onPoolFailure(failure: PoolFailure, detail: string): void {
		this.#isWaiting = false;
		this.#isOver = true;
		this.#owner.onRawFailed(this, failure === "connection timeout" ? failure : detail || failure);
	}

	onUpstreamInformational(): void {
		// Nothing to do with a 1xx answer to a tunnel.
	}

	onUpstreamResponse({ status, headers }: UpstreamResponse, endStream: boolean): void {
		const isOpen = status >= 200 && status < 300 && !endStream;
		if (!isOpen) {
			this.#exchange?.abandon();
			this.#finish();
			this.#owner.onRawFailed(this, `tunnel_response:${status}`);
			return;
		}
		this.#isReady = true;
		this.#options.onResponse?.(status, Array.isArray(headers) ? headers : headers.list);
		this.#owner.onRawReady(this);
	}

	onUpstreamBody(view: Buffer, last: boolean): void {
		if (this.#isOver) return;
		if (view.length > 0) this.#owner.onRawData(view);
		if (last) this.#onEnd();
	}

	onUpstreamTrailers(trailers: HeaderList): void {
		this.#options.onTrailers?.(trailers);
		this.#onEnd();
	}

	onUpstreamTurnEnd(): void {
		// Nothing is held back.
	}

	onUpstreamReset(reason: ResetReason, detail: string): void {
		if (this.#isOver) return;
		this.#finish();
		if (this.#isReady) this.#owner.onRawClosed(false);
		else this.#owner.onRawFailed(this, detail === "" ? reason : detail);
	}

	onUpstreamDrain(): void {
		if (!this.#isOver) this.#owner.onRawDrain();
	}

	#onEnd(): void {
		if (this.#isOver) return;
		this.#isRemoteDone = true;
		if (this.#hasEnded) this.#finish();
		this.#owner.onRawEnd();
	}

	#finish(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		if (this.#exchange === undefined) return;
		const { host } = this.#pool;
		this.#pool.cluster.stats.upstream_rq_active.value--;
		host.stats.rq_active.value--;
		host.activeRequests--;
	}
}
