import type { Millis } from "../../../../core/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { AttemptConnection, RawStream, RawStreamOwner, UpstreamCluster } from "../../../connection-pool/index.ts";
import type { Attempt } from "./attempt.ts";
import type { RouterStream } from "./router-stream.ts";

const never = Number.POSITIVE_INFINITY;
const nothing = Buffer.alloc(0);

/** A CONNECT that ends here: a connection of its own to the host, whose bytes are the tunnel's. */
export class TunnelAttempt implements Attempt, RawStreamOwner {
	readonly host: Host;
	connection: AttemptConnection | undefined;
	responded = false;
	isOver = false;
	requestSent = false;
	tryEndsAt: Millis = never;
	tryIdleAt: Millis = never;
	readonly #router: RouterStream;
	readonly #upstream: UpstreamCluster;
	#raw: RawStream | undefined;

	constructor(router: RouterStream, host: Host, upstream: UpstreamCluster) {
		this.#router = router;
		this.host = host;
		this.#upstream = upstream;
	}

	get isConnected(): boolean {
		return this.connection !== undefined;
	}

	start(): void {
		const raw = this.#upstream.openRaw(this.host, this);
		if (raw === undefined) {
			this.isOver = true;
			this.#router.onAttemptFailed(this, "overflow", "");
			return;
		}
		this.#raw = raw;
	}

	cancel(): void {
		this.finish();
		this.#raw?.close();
	}

	drop(): void {
		this.cancel();
	}

	finish(): void {
		if (this.isOver) return;
		this.isOver = true;
		if (this.connection === undefined) return;
		this.#upstream.cluster.stats.upstream_rq_active.value--;
		this.host.stats.rq_active.value--;
	}

	onRawReady(raw: RawStream): void {
		this.connection = new TunnelConnection(raw);
		this.responded = true;
		const { stats } = this.#upstream.cluster;
		stats.upstream_rq_total.value++;
		stats.upstream_rq_active.value++;
		this.host.stats.rq_total.value++;
		this.host.stats.rq_active.value++;
		this.#router.onTunnelReady(this, this.connection);
	}

	onRawFailed(_raw: RawStream, detail: string): void {
		this.isOver = true;
		this.#router.onAttemptFailed(
			this,
			detail === "connection timeout" ? "connection timeout" : "remote connection failure",
			detail === "connection timeout" ? "" : detail,
		);
	}

	onRawData(view: Buffer): void {
		this.#router.onResponseBody(this, view, false);
		this.#router.onResponseTurnEnd();
	}

	onRawEnd(): void {
		this.finish();
		this.#router.onResponseBody(this, nothing, true);
		this.#raw?.close();
	}

	onRawClosed(): void {
		if (this.isOver) return;
		this.finish();
		this.#router.onAttemptFailed(this, "connection termination", "");
	}

	onRawDrain(): void {
		this.#router.onUpstreamDrain();
	}
}

/** A raw connection with the face of an HTTP one: bytes go as they are. */
class TunnelConnection implements AttemptConnection {
	readonly protocol: string = "";
	readonly #raw: RawStream;

	constructor(raw: RawStream) {
		this.#raw = raw;
	}

	get id(): number {
		return this.#raw.id;
	}

	get bufferedBytes(): number {
		return this.#raw.bufferedBytes;
	}

	get localAddress(): RawStream["localAddress"] {
		return this.#raw.localAddress;
	}

	get remoteAddress(): RawStream["remoteAddress"] {
		return this.#raw.remoteAddress;
	}

	get tlsSession(): RawStream["tlsSession"] {
		return this.#raw.tlsSession;
	}

	writeBody(view: Buffer, last: boolean): boolean {
		const writable = view.length === 0 || this.#raw.write(view);
		if (last) this.#raw.end();
		return writable;
	}

	writeTrailers(): void {
		this.#raw.end();
	}

	flush(): void {
		return;
	}

	pause(): void {
		this.#raw.pause();
	}

	resume(): void {
		this.#raw.resume();
	}

	abandon(): void {
		this.#raw.close();
	}
}
