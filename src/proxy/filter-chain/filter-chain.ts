import type { Socket } from "node:net";
import type { ConnectionFacts } from "../../engine/format/index.ts";
import type { DrainDecision } from "../drain/index.ts";
import type { DownstreamConnection, NetworkGate, TerminalFilter } from "../filter/network/network-filter.ts";
import type { FilterChainConfig } from "../runtime-config/index.ts";
import type { DownstreamTls } from "../transport/index.ts";

/** What builds the parts of a chain. */
export interface FilterChainParts {
	/** Undefined for plain connections. */
	readonly tls: DownstreamTls | undefined;
	readonly gates: readonly NetworkGate[];
	readonly terminal: TerminalFilter;
}

/** How a connection's handshake ended, for the listener's counts. */
export interface TransportOutcome {
	onReady(): void;
	onFailed(reason: string): void;
}

/** A filter chain at work: transport handshake, gates, and the terminal filter. */
export class FilterChain {
	readonly config: FilterChainConfig;
	readonly #parts: FilterChainParts;
	readonly #handshaking = new Set<Socket>();

	constructor(config: FilterChainConfig, parts: FilterChainParts) {
		this.config = config;
		this.#parts = parts;
	}

	get activeConnections(): number {
		return this.#parts.terminal.activeConnections + this.#handshaking.size;
	}

	/** Takes a paused connection over; bytes read before have been unshifted. */
	accept(socket: Socket, facts: ConnectionFacts, outcome: TransportOutcome): void {
		const { tls } = this.#parts;
		if (tls === undefined) {
			outcome.onReady();
			socket.resume();
			this.#pass({ socket, facts });
			return;
		}
		this.#handshaking.add(socket);
		const timeoutMs = this.config.transportConnectTimeoutMs || defaultHandshakeTimeoutMs;
		const timer = setTimeout(() => socket.destroy(), timeoutMs);
		const settle = (): void => {
			clearTimeout(timer);
			this.#handshaking.delete(socket);
		};
		tls.accept(socket, {
			onSecure: (secured, session) => {
				settle();
				outcome.onReady();
				this.#pass({
					socket: secured,
					facts: { ...facts, tls: session, serverName: session.serverName || facts.serverName },
				});
			},
			onRefused: (reason) => {
				settle();
				outcome.onFailed(reason);
				this.#parts.terminal.onRefused({ socket, facts: { ...facts, transportFailureReason: reason } });
			},
		});
	}

	drain(decision: DrainDecision): void {
		this.#parts.terminal.drain(decision);
	}

	close(): void {
		for (const socket of this.#handshaking) socket.destroy();
		this.#parts.terminal.close();
	}

	#pass(connection: DownstreamConnection): void {
		for (const gate of this.#parts.gates) {
			const refusal = gate.judge(connection);
			if (refusal === undefined) continue;
			const { terminationDetails, delayMs } = refusal;
			const refused = { ...connection, facts: { ...connection.facts, terminationDetails } };
			const { socket } = connection;
			socket.on("error", () => socket.destroy());
			this.#parts.terminal.onRefused(refused);
			if (delayMs === 0) socket.destroy();
			else setTimeout(() => socket.destroy(), delayMs).unref();
			return;
		}
		this.#parts.terminal.accept(connection);
	}
}

/** A client that never finishes its handshake must not hold a socket for ever, whatever the configuration says. */
const defaultHandshakeTimeoutMs = 30_000;
