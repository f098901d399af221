import type { HeaderList } from "../../core/index.ts";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import type { HeaderBlock } from "../../wire/http1/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import type { PoolFailure, ResetReason } from "./reset-reason.ts";

/** A request's head on its way to an upstream. */
export interface OutgoingRequest {
	readonly method: string;
	readonly path: string;
	readonly authority: string;
	/** The upstream gets no host at all. */
	readonly isHostRemoved?: boolean;
	readonly scheme: string;
	/** What the client wants the connection to become, `CONNECT` for tunnels. */
	readonly upgrade: string | undefined;
	readonly headers: HeaderList;
	/** The fields as lines, without the empty one. */
	format(properCase: boolean): string;
}

/** The head of an upstream's answer; valid during the call that hands it over. */
export interface UpstreamResponse {
	readonly status: number;
	/** A block of HTTP/1, or a list that becomes the receiver's own. */
	readonly headers: HeaderBlock | HeaderList;
	/** Bytes of the body when the head says so, -1 otherwise. */
	readonly contentLength: number;
	/** Value of Upgrade. */
	readonly upgrade: string | undefined;
}

/** Where an attempt's bytes go: an exchange of a pool, or a tunnel. */
export interface AttemptConnection {
	readonly id: number;
	/** As formats print it. */
	readonly protocol: string;
	readonly localAddress: SocketAddress | undefined;
	readonly remoteAddress: SocketAddress | undefined;
	readonly tlsSession: TlsSession | undefined;
	/** Bytes that were written and have not left. */
	readonly bufferedBytes: number;
	/** `owned`: nobody else changes the buffer.
	 *  @returns false when the caller should wait for the drain */
	writeBody(view: Buffer, last: boolean, owned: boolean): boolean;
	writeTrailers(trailers: HeaderList): void;
	/** Sends what was held back for coalescing. */
	flush(): void;
	/** Stops and starts the response. */
	pause(): void;
	resume(): void;
	/** The response is of no interest any more. HTTP/1 ends its connection, HTTP/2 its stream. */
	abandon(): void;
}

/** One request and its response on a connection of a pool. */
export interface UpstreamExchange extends AttemptConnection {
	/** Whether the last byte of the response came. */
	readonly isResponseComplete: boolean;
	/** Takes the exchange over; the response is told to `receiver`. */
	begin(receiver: ResponseReceiver, request: OutgoingRequest): void;
	/** Sends the head. `hasLength`: a Content-Length is among its fields. */
	writeRequest(request: OutgoingRequest, endStream: boolean, hasLength: boolean): void;
}

/** Who sent a request and gets its response. Views are valid during the call. */
export interface ResponseReceiver {
	/** A 1xx head. */
	onUpstreamInformational(response: UpstreamResponse): void;
	onUpstreamResponse(response: UpstreamResponse, endStream: boolean): void;
	onUpstreamBody(view: Buffer, last: boolean): void;
	onUpstreamTrailers(trailers: HeaderList): void;
	/** Everything that came with one read was handed on. */
	onUpstreamTurnEnd(): void;
	/** The response will not be completed; the exchange is gone. */
	onUpstreamReset(reason: ResetReason, detail: string): void;
	/** The exchange takes more again. */
	onUpstreamDrain(): void;
}

/** Who waits for an exchange. */
export interface PoolWaiter {
	/** Called once; the exchange is the waiter's: it calls {@link UpstreamExchange.begin} at once. */
	onPoolReady(exchange: UpstreamExchange): void;
	onPoolFailure(failure: PoolFailure, detail: string): void;
}

/** The connections to one host for one priority. */
export interface UpstreamPool {
	readonly cluster: Cluster;
	readonly host: Host;
	/** Whether its connections are TLS. */
	readonly isSecure: boolean;
	/** Whether there is neither a connection nor a waiter. */
	readonly isEmpty: boolean;
	/** Whether a request is under way on a connection or waits for one. */
	readonly isBusy: boolean;
	/** Gives `waiter` an exchange: at once when a connection has room for it, else as soon as one has. */
	acquire(waiter: PoolWaiter): void;
	/** Takes back a waiter that has not got an exchange yet. */
	cancel(waiter: PoolWaiter): void;
	/** Closes idle connections, and the others after their requests. */
	drain(): void;
	/** Closes everything. */
	close(): void;
}
