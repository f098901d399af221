import type { HeaderList } from "../../../../core/index.ts";
import type { Cluster } from "../../../cluster/index.ts";
import type { AttemptConnection } from "../../../connection-pool/index.ts";
import type { Attempt } from "./attempt.ts";

/** What {@link RequestBody} does to the client. */
export interface BodySource {
	pauseRequest(): void;
	resumeRequest(): void;
}

/** The body of a forwarded request: kept until there is a connection, and for as long as a retry may need it again. */
export class RequestBody {
	/** Everything kept, in order. */
	chunks: Buffer[] = [];
	trailers: HeaderList | undefined = undefined;
	isComplete: boolean;
	readonly #source: BodySource;
	readonly #limitBytes: number;
	readonly #stats: Cluster["stats"];
	#replayable: boolean;
	#keptBytes = 0;
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
		return this.#keptBytes > this.#limitBytes;
	}

	/** Keeps bytes that cannot be sent yet. */
	keep(view: Buffer, last: boolean): void {
		if (last) this.isComplete = true;
		this.#totalBytes += view.length;
		if (view.length === 0) return;
		this.chunks.push(view);
		this.#keptBytes += view.length;
	}

	/** Bytes are being sent: keeps them when a retry may need them, within the limit. */
	remember(view: Buffer, last: boolean): void {
		if (last) this.isComplete = true;
		this.#totalBytes += view.length;
		if (!this.#replayable || view.length === 0) return;
		if (this.#keptBytes + view.length > this.#limitBytes) {
			this.#giveUpReplay();
			return;
		}
		this.chunks.push(view);
		this.#keptBytes += view.length;
	}

	/** Sends what was kept. */
	sendKept(attempt: Attempt, connection: AttemptConnection): void {
		const { chunks } = this;
		for (let index = 0; index < chunks.length; index++) {
			const last = index === chunks.length - 1 && this.isComplete && this.trailers === undefined;
			if (last) attempt.requestSent = true;
			if (!connection.writeBody(chunks[index]!, last, true)) this.pause();
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
			this.chunks = [];
			this.#keptBytes = 0;
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
		this.chunks = [];
		this.#keptBytes = 0;
		this.#stats.retry_or_shadow_abandoned.value++;
	}
}
