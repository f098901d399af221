import { type HeaderList, PieceList } from "../../../../core/index.ts";
import type { AttemptConnection, OutgoingRequest, UpstreamExchange } from "../../../connection-pool/index.ts";
import type { LocalReply } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";
import type { RequestPath } from "../request-path.ts";
import { refuseUnsendable } from "./missing-fields.ts";

const nothing = Buffer.alloc(0);

/** Where the router writes a request that passes its upstream's filters: what leaves the last of them waits here for the connection. */
export class FilteredExchange
	implements AttemptConnection, Pick<UpstreamExchange, "isResponseComplete" | "writeRequest">
{
	readonly #request: PassRequestHead;
	readonly #path: RequestPath;
	readonly #limitBytes: number;
	/** The sender may go on. */
	readonly #onDrain: () => void;
	/** The request cannot be sent. */
	readonly #refuse: (reply: LocalReply) => void;
	#real: UpstreamExchange | undefined;
	/** Undefined: the head has not left the filters; else whether it is the whole request. */
	#headEnds: boolean | undefined;
	readonly #kept = new PieceList();
	#isComplete = false;
	#trailers: HeaderList | undefined;
	/** Filters that want the sender to wait. */
	#waits = 0;
	#isWritable = true;
	/** Those that want the response to wait. */
	#responsePauses = 0;

	constructor(
		request: PassRequestHead,
		path: RequestPath,
		limitBytes: number,
		onDrain: () => void,
		refuse: (reply: LocalReply) => void,
	) {
		this.#refuse = refuse;
		this.#request = request;
		this.#path = path;
		this.#limitBytes = limitBytes;
		this.#onDrain = onDrain;
	}

	get id(): number {
		return this.#real?.id ?? 0;
	}

	get protocol(): string {
		return this.#real?.protocol ?? "";
	}

	get localAddress(): UpstreamExchange["localAddress"] {
		return this.#real?.localAddress;
	}

	get remoteAddress(): UpstreamExchange["remoteAddress"] {
		return this.#real?.remoteAddress;
	}

	get tlsSession(): UpstreamExchange["tlsSession"] {
		return this.#real?.tlsSession;
	}

	get bufferedBytes(): number {
		return this.#kept.bytes + (this.#real?.bufferedBytes ?? 0);
	}

	get isResponseComplete(): boolean {
		return this.#real?.isResponseComplete === true;
	}

	// --- from the router

	writeRequest(_request: OutgoingRequest, endStream: boolean): void {
		this.#path.start(endStream);
	}

	writeBody(view: Buffer, last: boolean, owned: boolean): boolean {
		this.#path.push(view, last, owned);
		return this.#takesMore;
	}

	writeTrailers(trailers: HeaderList): void {
		this.#path.pushTrailers(trailers);
	}

	flush(): void {
		this.#real?.flush();
	}

	pause(): void {
		if (this.#responsePauses++ === 0) this.#real?.pause();
	}

	resume(): void {
		if (--this.#responsePauses === 0) this.#real?.resume();
	}

	abandon(): void {
		this.#real?.abandon();
	}

	// --- from the filters

	wait(): void {
		this.#waits++;
	}

	endWait(): void {
		this.#waits--;
		this.#tellDrain();
	}

	sendHead(endStream: boolean): void {
		this.#headEnds = endStream;
		if (this.#real !== undefined) this.#writeHead(this.#real, endStream);
	}

	sendBody(view: Buffer, last: boolean): void {
		if (this.#real !== undefined) {
			this.#isWritable = this.#real.writeBody(view, last, true);
			return;
		}
		this.#isComplete = last;
		this.#kept.push(view, true);
	}

	sendTrailers(trailers: HeaderList): void {
		this.#trailers = trailers;
		this.#real?.writeTrailers(trailers);
	}

	// --- from the connection

	/** The connection is there. */
	attach(real: UpstreamExchange): void {
		this.#real = real;
		if (this.#headEnds === undefined) return;
		if (!this.#writeHead(real, this.#headEnds)) return;
		const kept = this.#kept.take();
		for (const [index, view] of kept.entries()) this.sendBody(view, this.#isComplete && index === kept.length - 1);
		if (this.#isComplete && kept.length === 0) this.sendBody(nothing, true);
		if (this.#trailers !== undefined) real.writeTrailers(this.#trailers);
		real.flush();
		this.#tellDrain();
	}

	/** The connection takes more again. */
	onDrain(): void {
		this.#isWritable = true;
		this.#tellDrain();
	}

	/** @returns whether the request can be sent */
	#writeHead(real: UpstreamExchange, endStream: boolean): boolean {
		const request = this.#request;
		const refusal = refuseUnsendable(request);
		if (refusal === undefined) real.writeRequest(request, endStream, request.hasContentLength);
		else this.#refuse(refusal);
		return refusal === undefined;
	}

	get #takesMore(): boolean {
		return this.#waits === 0 && this.#isWritable && this.#kept.bytes <= this.#limitBytes;
	}

	#tellDrain(): void {
		if (this.#takesMore) this.#onDrain();
	}
}
