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
	/** A gate turns the connection away with its first byte; until then nothing is sent to it. */
	readonly denial?: GateRefusal | undefined;
	/** To be called with the first byte or the end: some gates count then. Answers whether they want to know of all further bytes. */
	readonly onFirstByte?: (() => boolean) | undefined;
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
}

/** A network filter that lets connections pass or not. */
export interface NetworkGate {
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
	/** Ends everything. */
	close(): void;
	/** Connections that it holds. */
	readonly activeConnections: number;
}
