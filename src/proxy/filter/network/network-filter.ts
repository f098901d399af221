import type { Socket } from "node:net";
import type { ConnectionFacts } from "../../../engine/format/index.ts";
import type { DrainDecision } from "../../drain/index.ts";

/** An accepted connection whose transport handshake is done. */
export interface DownstreamConnection {
	readonly socket: Socket;
	readonly facts: ConnectionFacts;
}

/** Why a gate turned a connection away. */
export interface GateRefusal {
	/** For `%CONNECTION_TERMINATION_DETAILS%`. */
	readonly terminationDetails: string;
	/** Wait before the connection is closed; 0 closes at once. */
	readonly delayMs: number;
}

/** A network filter that lets connections pass or not. */
export interface NetworkGate {
	/** Undefined lets the connection pass. */
	judge(connection: DownstreamConnection): GateRefusal | undefined;
}

/** The last network filter of a chain: it takes connections over and owns their sockets from then on. */
export interface TerminalFilter {
	accept(connection: DownstreamConnection): void;
	/** A gate turned the connection away; its socket is closed by the chain. For the access log. */
	onRefused(connection: DownstreamConnection): void;
	/** Connections end gracefully, each when `decision` says so and its work allows; new ones may still arrive. */
	drain(decision: DrainDecision): void;
	/** Ends everything. */
	close(): void;
	/** Connections that it holds. */
	readonly activeConnections: number;
}
