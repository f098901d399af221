import { type HeaderList, PieceList } from "../../../../core/index.ts";
import type { Cluster } from "../../../cluster/index.ts";
import type { AttemptConnection, OutgoingRequest, UpstreamExchange } from "../../../connection-pool/index.ts";
import type { Attempt } from "./attempt.ts";

/** Where a request is written. */
export type RequestTarget = AttemptConnection & Pick<UpstreamExchange, "writeRequest">;

/** What {@link RequestBody} does to the client. */
export interface BodySource {
	pauseRequest(): void;
	resumeRequest(): void;
}

/** The body of a forwarded request: kept until there is a connection, and for as long as a retry may need it again. */
export class RequestBody {
	readonly #kept = new PieceList();
	trailers: HeaderList | undefined = undefined;
	isComplete: boolean;
	readonly #source: BodySource;
	readonly #limitBytes: number;
	readonly #stats: Cluster["stats"];
	#replayable: boolean;
	#totalBytes = 0;
	#paused = false;

	constructor(
		source: BodySource,
		limitBytes: number,
		replayable: boolean,
		isComplete: boolean,
		stats: Cluster["stats"],
	) {
		this.#source = source;
		this.#limitBytes = limitBytes;
		this.#replayable = replayable;
		this.isComplete = isComplete;
		this.#stats = stats;
	}

	/** Bytes that came so far. */
	get totalBytes(): number {
		return this.#totalBytes;
	}

	/** Whether nothing came so far. */
	get isEmpty(): boolean {
		return this.#totalBytes === 0 && this.trailers === undefined;
	}

	/** Whether a retry can send everything again. */
	get canReplay(): boolean {
		return this.#replayable;
	}

	/** Whether more than the limit is kept. */
	get isFull(): boolean {
		return this.#kept.bytes > this.#limitBytes;
	}

	/** Everything kept, in order. */
	get pieces(): readonly Buffer[] {
		return this.#kept.pieces;
	}

	/** Keeps bytes that cannot be sent yet. */
	keep(view: Buffer, last: boolean): void {
		if (last) this.isComplete = true;
		this.#totalBytes += view.length;
		this.#kept.push(view, true);
	}

	/** Bytes are being sent: keeps them when a retry may need them, within the limit. */
	remember(view: Buffer, last: boolean): void {
		if (last) this.isComplete = true;
		this.#totalBytes += view.length;
		if (!this.#replayable || view.length === 0) return;
		if (this.#kept.bytes + view.length > this.#limitBytes) {
			this.#giveUpReplay();
			return;
		}
		this.#kept.push(view, true);
	}

	/** Sends what is here of a request. */
	sendAll(attempt: Attempt, to: RequestTarget, request: OutgoingRequest, hasLength: boolean): void {
		const endStream = this.isEmpty && this.isComplete;
		if (endStream) attempt.requestSent = true;
		to.writeRequest(request, endStream, hasLength);
		if (!endStream) this.sendKept(attempt, to);
	}

	/** Sends what was kept. */
	sendKept(attempt: Attempt, connection: AttemptConnection): void {
		const { pieces } = this.#kept;
		for (let index = 0; index < pieces.length; index++) {
			const last = index === pieces.length - 1 && this.isComplete && this.trailers === undefined;
			if (last) attempt.requestSent = true;
			if (!connection.writeBody(pieces[index]!, last, true)) this.pause();
		}
		if (this.isComplete && !attempt.requestSent) {
			attempt.requestSent = true;
			if (this.trailers === undefined) connection.writeBody(Buffer.alloc(0), true, true);
			else connection.writeTrailers(this.trailers);
		}
		this.#onSent();
		connection.flush();
	}

	#onSent(): void {
		if (!this.#replayable) {
			this.#kept.take();
		} else if (this.isFull) {
			this.#giveUpReplay();
		}
		if (!this.#paused) return;
		this.resume();
	}

	pause(): void {
		if (this.#paused || this.isComplete) return;
		this.#paused = true;
		this.#source.pauseRequest();
	}

	resume(): void {
		if (!this.#paused) return;
		this.#paused = false;
		this.#source.resumeRequest();
	}

	#giveUpReplay(): void {
		this.#replayable = false;
		this.#kept.take();
		this.#stats.retry_or_shadow_abandoned.value++;
	}
}
