import type { HeaderList, ListMember } from "../../../../core/index.ts";
import type { ConnectionFacts, TlsSession } from "../../../../engine/format/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import type { PassResponseHead } from "../../http/pass-head.ts";
import type { HttpStream } from "./http-stream.ts";

/** Versions as access logs print them. */
export type HttpProtocol = "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

/** The client's side of one {@link HttpStream}: the connection itself in HTTP/1, a stream of it in HTTP/2.
 *
 *  Towards the stream it calls `start`, `onBody` (buffers that nobody changes afterwards), `onTrailers`, `onDownstreamTurnEnd` when all
 *  bytes of a read were handed on, `onDownstreamDrain`, `onDownstreamGone`, `failProtocol`, and `onDeadline` when `nextDeadline` is due. */
export interface DownstreamStream {
	/** Facts of the connection. */
	readonly facts: ConnectionFacts;
	readonly protocol: HttpProtocol;
	/** The text of the client's certificate for x-forwarded-client-cert, made once a connection. */
	describeClient(tls: TlsSession, describe: (tls: TlsSession, config: HttpConnectionManagerConfig) => string): string;
	/** Sends a 1xx head. */
	writeInformational(status: number, headers: HeaderList): void;
	/** Begins the response; what belongs to the protocol alone (framing, `connection`) is added here. */
	writeHead(head: PassResponseHead, endStream: boolean, isHead: boolean, isConnect: boolean): void;
	/** `owned`: nobody else changes the buffer.
	 *  @returns false when the caller should wait for `onDownstreamDrain` */
	writeBody(view: Buffer, last: boolean, owned: boolean): boolean;
	writeTrailers(trailers: HeaderList): void;
	/** Sends what was held back for coalescing. */
	flush(): void;
	/** The rest of the request is of no interest: HTTP/1 ends its connection behind the response, HTTP/2 its stream. Before
	 *  {@link writeHead}. */
	closeAfterResponse(): void;
	/** Stops the request's body until {@link resumeReading} was called as often. */
	pauseReading(): void;
	resumeReading(): void;
	/** The stream's deadlines changed. */
	armDeadline(): void;
	/** A stream that takes the place of the one that is over, for the same request (an internal redirect). */
	createStream(): HttpStream;
	/** The stream is over. `requestComplete` is false when the request was cut, or its response could not be completed: HTTP/1 then
	 *  ends its connection, HTTP/2 resets its stream. */
	onStreamEnd(requestComplete: boolean): void;
}

/** What the connection manager does to its connections. */
export interface DownstreamHttpConnection extends ListMember {
	readonly facts: ConnectionFacts;
	/** Its life is over: it drains. */
	endLife(): void;
	/** Cuts the connection. */
	abort(): void;
	/** Idle timeouts became shorter or longer. */
	onTimeoutsChanged(): void;
}
