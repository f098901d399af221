import type { Clock, Timer } from "../../core/index.ts";
import type { ConnectionFacts, StreamInfo } from "../../engine/format/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import type { DrainDecision } from "../drain/index.ts";
import type {
	DownstreamConnection,
	GateRefusal,
	NetworkGate,
	TerminalFilter,
} from "../filter/network/network-filter.ts";
import type { ScaledTimeouts } from "../overload/index.ts";
import type { FilterChainConfig } from "../runtime-config/index.ts";
import type { DownstreamTls } from "../transport/index.ts";

/** What builds the parts of a chain. */
export interface FilterChainParts {
	/** Undefined for plain connections. */
	readonly tls: DownstreamTls | undefined;
	readonly gates: readonly NetworkGate[];
	readonly terminal: TerminalFilter;
	/** Whether network filters write filter state of connections. */
	readonly writesFilterState?: boolean;
	/** Timers of handshakes, which may get shorter. */
	readonly timeouts: ScaledTimeouts;
}

/** How a connection's handshake ended, for the listener's counts. */
export interface TransportOutcome {
	onTimeout(): void;
	onFailed(reason: string): void;
}

/** A filter chain at work: transport handshake, gates, and the terminal filter. */
export class FilterChain {
	readonly config: FilterChainConfig;
	readonly #parts: FilterChainParts;
	readonly #clock: Clock;
	/** Connections in their handshake, and such that wait for the end a gate gave them. */
	readonly #waiting = new Set<StreamSocket>();
	readonly #opensEarly: boolean;

	constructor(config: FilterChainConfig, parts: FilterChainParts, clock: Clock) {
		this.config = config;
		this.#parts = parts;
		this.#clock = clock;
		this.#opensEarly = parts.terminal.open !== undefined || parts.gates.some((gate) => gate.open !== undefined);
	}

	/** Whether what clients send reaches a filter. */
	get readsBytes(): boolean {
		return this.#parts.terminal.ignoresBytes !== true;
	}

	get activeConnections(): number {
		return this.#parts.terminal.activeConnections + this.#waiting.size;
	}

	/** Takes a paused connection over; bytes read before have been unshifted. */
	accept(
		socket: StreamSocket,
		given: ConnectionFacts,
		record: StreamInfo | undefined,
		outcome: TransportOutcome,
	): void {
		const { tls, terminal, writesFilterState } = this.#parts;
		const facts =
			writesFilterState === true && given.filterState === undefined
				? { ...given, filterState: new Map<string, unknown>() }
				: given;
		let opened: unknown;
		if (this.#opensEarly) {
			const refusal = this.#open(socket, facts);
			if (refusal !== undefined) {
				this.#refuse({ socket, facts, record }, refusal);
				return;
			}
			opened = terminal.open?.(socket, facts, record);
			if (socket.destroyed) return;
		}
		if (tls === undefined) {
			this.#pass({ socket, facts, record, opened });
			return;
		}
		this.#waiting.add(socket);
		let timeoutDetails = "";
		const timeoutMs = this.config.transportConnectTimeoutMs || defaultHandshakeTimeoutMs;
		const timer = this.#parts.timeouts.setTimer("transport-connect", timeoutMs, () => {
			outcome.onTimeout();
			timeoutDetails = "transport socket timeout was reached";
			socket.destroy();
		});
		const settle = (): void => {
			timer.cancel();
			this.#waiting.delete(socket);
		};
		tls.accept(socket, {
			onSecure: (secured, session) => {
				settle();
				this.#pass({
					socket: secured,
					facts: { ...facts, tls: session },
					record,
					opened,
				});
			},
			onRefused: (reason, session) => {
				settle();
				outcome.onFailed(reason);
				const refused = {
					...facts,
					tls: session,
					transportFailureReason: timeoutDetails === "" ? reason : "",
					terminationDetails: timeoutDetails,
					...(timeoutDetails === "" ? {} : { localCloseReason: "transport_socket_timeout" }),
				};
				terminal.onRefused({ socket, facts: refused, record, opened });
			},
		});
	}

	drain(decision: DrainDecision): void {
		this.#parts.terminal.drain(decision);
	}

	close(): void {
		for (const socket of this.#waiting) socket.destroy();
		this.#parts.tls?.close();
		this.#parts.terminal.close();
	}

	#open(socket: StreamSocket, facts: ConnectionFacts): GateRefusal | undefined {
		for (const gate of this.#parts.gates) {
			const refusal = gate.open?.(socket, facts);
			if (refusal !== undefined) return refusal;
		}
		return undefined;
	}

	#pass(connection: DownstreamConnection): void {
		const { gates, terminal } = this.#parts;
		const denial = this.#judge(connection);
		const onFirstByte = gates.some((gate) => gate.onFirstByte !== undefined)
			? createByteWatch(gates, connection)
			: undefined;
		if (terminal.acceptsDenied === true) {
			terminal.accept(gates.length === 0 ? connection : { ...connection, denial, onFirstByte });
		} else if (denial === undefined) {
			// Where the client speaks first, its first byte is not far.
			onFirstByte?.();
			connection.socket.resume();
			terminal.accept(connection);
		} else {
			this.#refuseAtFirstByte(connection, denial, onFirstByte);
		}
	}

	#judge(connection: DownstreamConnection): GateRefusal | undefined {
		for (const gate of this.#parts.gates) {
			const refusal = gate.judge?.(connection);
			if (refusal !== undefined) return refusal;
		}
		return undefined;
	}

	#refuseAtFirstByte(
		connection: DownstreamConnection,
		denial: GateRefusal,
		onFirstByte: (() => boolean) | undefined,
	): void {
		const { socket } = connection;
		this.#waiting.add(socket);
		const refuse = (): void => {
			if (!this.#waiting.delete(socket)) return;
			onFirstByte?.();
			this.#refuse(connection, denial);
		};
		socket.on("error", () => socket.destroy());
		socket.once("data", refuse);
		socket.once("end", refuse);
		socket.once("close", () => this.#waiting.delete(socket));
		socket.resume();
	}

	#refuse(connection: DownstreamConnection, refusal: GateRefusal): void {
		const { terminationDetails, delayMs, flags, closeReason: localCloseReason } = refusal;
		const { socket, facts, record } = connection;
		const refused = {
			...facts,
			terminationDetails,
			...(localCloseReason === undefined ? {} : { localCloseReason }),
		};
		socket.on("error", () => socket.destroy());
		if (record !== undefined) {
			record.connectionTerminationDetails = terminationDetails;
			record.responseFlags |= flags ?? 0;
			if (localCloseReason !== undefined) record.downstreamLocalCloseReason = localCloseReason;
		}
		this.#parts.terminal.onRefused({ socket, facts: refused, record }, flags);
		if (delayMs === 0) {
			// What the client said meanwhile is read, so that it sees an end and no reset.
			socket.resume();
			setImmediate(() => socket.destroy());
			return;
		}
		socket.pause();
		this.#waiting.add(socket);
		const timer: Timer = this.#clock.setTimer(delayMs, () => socket.destroy(), { unref: true });
		socket.once("close", () => {
			timer.cancel();
			this.#waiting.delete(socket);
		});
	}
}

/** Tells gates of the first byte, and those that want to know of all others. */
function createByteWatch(gates: readonly NetworkGate[], connection: DownstreamConnection): () => boolean {
	let told = gates;
	return () => {
		for (const gate of told) gate.onFirstByte?.(connection);
		told = told.filter(({ watchesBytes }) => watchesBytes === true);
		return told.length > 0;
	};
}

/** A client that never finishes its handshake must not hold a socket for ever, whatever the configuration says. */
const defaultHandshakeTimeoutMs = 30_000;
