import type { ConnectionFacts, StreamInfo } from "../../../engine/format/index.ts";
import type { StreamSocket } from "../../../os/index.ts";
import type { DrainDecision } from "../../drain/index.ts";

/** An accepted connection whose transport handshake is done. */
export interface DownstreamConnection {
	readonly socket: StreamSocket;
	readonly facts: ConnectionFacts;
	/** The record of the connection, where the listener writes one itself. */
	readonly record?: StreamInfo | undefined;
	/** What {@link TerminalFilter.open} made of the connection. */
	readonly opened?: unknown;
	/** How the chain's gates stand to it; absent where no gate waits for its bytes. */
	readonly gates?: ConnectionGates | undefined;
}

/** What becomes of bytes that a client has sent. `wait`: somebody is asked, and nothing goes on before the answer. `watch`: they go on,
 *  and the gates want to hear of the next ones too. `pass`: they go on, and the gates have heard enough. */
export type ByteVerdict = "pass" | "watch" | "wait" | "deny";

/** How the gates of a chain stand to a connection whose handshake is done. */
export interface ConnectionGates {
	/** Why they turn it away. When it is there before the first byte, the connection ends with that byte, and nothing is sent to it
	 *  until then. */
	readonly denial: GateRefusal | undefined;
	/** To be called when the client has sent bytes or its end, until the answer is `pass`.
	 *  @param onSettled called once behind a `wait`: look at `denial` then */
	onBytes(onSettled: () => void): ByteVerdict;
	/** The connection is over: nobody waits for an answer any more. */
	close(): void;
}

/** Somebody is asked about a connection. */
export interface GateQuestion {
	/** Takes it back: no answer comes any more. */
	cancel(): void;
}

/** Why a gate turned a connection away. */
export interface GateRefusal {
	/** For `%CONNECTION_TERMINATION_DETAILS%`. */
	readonly terminationDetails: string;
	/** For `%DOWNSTREAM_LOCAL_CLOSE_REASON%`. */
	readonly closeReason?: string;
	/** Wait before the connection is closed; 0 closes at once. */
	readonly delayMs: number;
	/** Response flags for the access log. */
	readonly flags?: number;
	/** For `%RESPONSE_CODE_DETAILS%`. */
	readonly codeDetails?: string;
	/** What the connection lacks, for `amime why`. */
	readonly lacks?: string;
}

/** A network filter that lets connections pass or not. */
export interface NetworkGate {
	/** Asks somebody about a connection that has come, behind `open`; gates behind it see the connection after the answer. `done` is called
	 *  once, never before `admit` has returned. Undefined lets it pass. */
	admit?(facts: ConnectionFacts, done: (refusal: GateRefusal | undefined) => void): GateQuestion | undefined;
	/** Asks somebody about a connection whose first byte or end has come; nothing that the client sends goes on, and gates behind it do not
	 *  see the connection, before the answer. `done` is called once, never before `ask` has returned. Undefined lets it pass. */
	ask?(connection: DownstreamConnection, done: (refusal: GateRefusal | undefined) => void): GateQuestion | undefined;
	/** Asked when a connection has come, before its handshake. Undefined lets it pass. */
	open?(socket: StreamSocket, facts: ConnectionFacts): GateRefusal | undefined;
	/** Asked once the handshake is done; a denied connection is closed with its first byte. Undefined lets it pass. */
	judge?(connection: DownstreamConnection): GateRefusal | undefined;
	/** The connection's first byte (or its end) came, after `judge`. */
	onFirstByte?(connection: DownstreamConnection): void;
	/** Whether `onFirstByte` is called for all further bytes as well. */
	readonly watchesBytes?: boolean;
}

/** The last network filter of a chain: it takes connections over and owns their sockets from then on. */
export interface TerminalFilter {
	/** A connection has come and its handshake begins: what is returned is handed to `accept` or `onRefused`. The filter may destroy
	 *  the socket, and does nothing else with it. */
	open?(socket: StreamSocket, facts: ConnectionFacts, record: StreamInfo | undefined): unknown;
	/** Whether it never reads what clients send. */
	readonly ignoresBytes?: boolean;
	/** Whether `accept` takes connections that a gate denies, and closes them with their first byte. */
	readonly acceptsDenied?: boolean;
	accept(connection: DownstreamConnection): void;
	/** A gate turned the connection away, or its handshake failed; its socket is closed by the chain. For the access log. */
	onRefused(connection: DownstreamConnection, flags?: number): void;
	/** Connections end gracefully, each when `decision` says so and its work allows; new ones may still arrive. */
	drain(decision: DrainDecision): void;
	/** Connections with these facts end gracefully: nobody vouches for their peers any more. What has no natural end goes on without it. */
	retire?(facts: ReadonlySet<ConnectionFacts>): void;
	/** Ends everything. */
	close(): void;
	/** Connections that it holds. */
	readonly activeConnections: number;
}
