import type { HeaderList } from "../../../../core/index.ts";
import type { AttemptConnection, OutgoingRequest, UpstreamExchange } from "../../../connection-pool/index.ts";
import type { LocalReply } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";
import type { RequestPath } from "../request-path.ts";
import { refuseIncomplete } from "./missing-fields.ts";

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
	#kept: Buffer[] = [];
	#keptBytes = 0;
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
		return this.#keptBytes + (this.#real?.bufferedBytes ?? 0);
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
		const request = this.#request;
		if (this.#real === undefined) return;
		const refusal = refuseIncomplete(request);
		if (refusal === undefined) this.#real.writeRequest(request, endStream, request.hasContentLength);
		else this.#refuse(refusal);
	}

	sendBody(view: Buffer, last: boolean): void {
		if (this.#real !== undefined) {
			this.#isWritable = this.#real.writeBody(view, last, true);
			return;
		}
		this.#isComplete = last;
		this.#kept.push(view);
		this.#keptBytes += view.length;
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
		this.sendHead(this.#headEnds);
		if (refuseIncomplete(this.#request) !== undefined) return;
		const kept = this.#kept;
		this.#kept = [];
		this.#keptBytes = 0;
		for (const [index, view] of kept.entries()) this.sendBody(view, this.#isComplete && index === kept.length - 1);
		if (this.#trailers !== undefined) real.writeTrailers(this.#trailers);
		real.flush();
		this.#tellDrain();
	}

	/** The connection takes more again. */
	onDrain(): void {
		this.#isWritable = true;
		this.#tellDrain();
	}

	get #takesMore(): boolean {
		return this.#waits === 0 && this.#isWritable && this.#keptBytes <= this.#limitBytes;
	}

	#tellDrain(): void {
		if (this.#takesMore) this.#onDrain();
	}
}
