import type { Clock, Log, Timer } from "../../core/index.ts";
import type { ConnectionFacts, StreamInfo, TlsSession } from "../../engine/format/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import { type DrainDecision, PeerBounds, revokedReason } from "../drain/index.ts";
import type {
	ConnectionGates,
	DownstreamConnection,
	GateRefusal,
	NetworkGate,
	TerminalFilter,
} from "../filter/network/network-filter.ts";
import type { ScaledTimeouts } from "../overload/index.ts";
import type { FilterChainConfig } from "../runtime-config/index.ts";
import type { PeerTrust } from "../secret/index.ts";
import type { DownstreamTls } from "../transport/index.ts";
import { type Admission, admitConnection } from "./admit-connection.ts";
import { ByteGates } from "./byte-gates.ts";

/** What builds the parts of a chain. */
export interface FilterChainParts {
	/** Undefined for plain connections. */
	readonly tls: DownstreamTls | undefined;
	readonly gates: readonly NetworkGate[];
	readonly terminal: TerminalFilter;
	/** Whether network filters write filter state, or dynamic metadata, of connections. */
	readonly writesFilterState?: boolean;
	readonly writesMetadata?: boolean;
	/** Whether a filter waits for its configuration: the chain takes no connections then. */
	readonly isMissing?: boolean;
	/** Timers of handshakes, which may get shorter. */
	readonly timeouts: ScaledTimeouts;
	/** What connections must not outlive; absent where they may. */
	readonly peerTrust?: PeerTrust;
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
	/** Whether somebody is asked about new connections. */
	readonly #asksFirst: boolean;
	readonly #bounds: PeerBounds<DownstreamConnection> | undefined;

	constructor(config: FilterChainConfig, parts: FilterChainParts, clock: Clock, log: Log) {
		this.config = config;
		this.#parts = parts;
		this.#clock = clock;
		const { peerTrust: trust, terminal } = parts;
		if (trust !== undefined)
			this.#bounds = new PeerBounds({
				...{ trust, clock, log },
				graceMs: config.peerBounds?.graceMs ?? 0,
				retire: (connections) => terminal.retire?.(new Set([...connections].map(({ facts }) => facts))),
				cut: ({ socket }) => void socket.destroy(),
			});
		this.#asksFirst = parts.gates.some(({ admit }) => admit !== undefined);
		this.#opensEarly = this.#asksFirst || parts.terminal.open !== undefined || parts.gates.some(({ open }) => open);
	}

	/** Whether what clients send reaches a filter. */
	get readsBytes(): boolean {
		return this.#parts.terminal.ignoresBytes !== true;
	}

	/** Whether a filter waits for its configuration. */
	get isMissing(): boolean {
		return this.#parts.isMissing === true;
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
		const { gates, terminal } = this.#parts;
		const facts = this.#complete(given);
		if (record !== undefined) record.dynamicMetadata = facts.dynamicMetadata;
		if (!this.#opensEarly) {
			this.#shakeHands(socket, facts, record, undefined, outcome);
			return;
		}
		if (this.#asksFirst) this.#waiting.add(socket);
		admitConnection(gates, socket, facts, (admission) => {
			if (this.#asksFirst) this.#waiting.delete(socket);
			if (admission !== "admitted") {
				this.#turnAway({ socket, facts, record }, admission);
				return;
			}
			const opened = terminal.open?.(socket, facts, record);
			if (!socket.destroyed) this.#shakeHands(socket, facts, record, opened, outcome);
		});
	}

	/** Adds what network filters write into. */
	#complete(given: ConnectionFacts): ConnectionFacts {
		const { writesFilterState, writesMetadata } = this.#parts;
		if (writesFilterState !== true && writesMetadata !== true) return given;
		return {
			...given,
			...(writesFilterState === true ? { filterState: given.filterState ?? new Map<string, unknown>() } : {}),
			...(writesMetadata === true ? { dynamicMetadata: given.dynamicMetadata ?? new Map<string, unknown>() } : {}),
		};
	}

	#shakeHands(
		socket: StreamSocket,
		facts: ConnectionFacts,
		record: StreamInfo | undefined,
		opened: unknown,
		outcome: TransportOutcome,
	): void {
		const { tls, terminal } = this.#parts;
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
		const refuse = (reason: string, session: TlsSession | undefined): void => {
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
		};
		tls.accept(socket, {
			onSecure: (secured, session) => {
				if (session.peer !== undefined && this.#bounds?.refuses(session.peer)) {
					refuse(revokedReason, session);
					secured.destroy();
					return;
				}
				settle();
				const connection = { socket: secured, facts: { ...facts, tls: session }, record, opened };
				this.#bind(connection);
				this.#pass(connection);
			},
			onRefused: refuse,
		});
	}

	/** Sees to it that the connection ends with what vouches for its peer. */
	#bind(connection: DownstreamConnection): void {
		const { facts, socket } = connection;
		const bounds = this.#bounds;
		if (bounds === undefined || facts.tls?.peer === undefined) return;
		bounds.follow(connection, facts.tls.peer);
		socket.once("close", () => bounds.forget(connection));
	}

	drain(decision: DrainDecision): void {
		this.#parts.terminal.drain(decision);
	}

	close(): void {
		for (const socket of this.#waiting) socket.destroy();
		this.#parts.tls?.close();
		this.#parts.terminal.close();
		this.#bounds?.close();
	}

	#turnAway(connection: DownstreamConnection, admission: Exclude<Admission, "admitted">): void {
		if (admission !== "gone") {
			this.#refuse(connection, admission, this.#asksFirst);
			return;
		}
		connection.socket.destroy();
		this.#parts.terminal.onRefused(connection);
	}

	#pass(connection: DownstreamConnection): void {
		const { gates: all, terminal } = this.#parts;
		const gates = all.length === 0 ? undefined : new ByteGates(all, connection);
		if (gates === undefined || !gates.isListening) {
			connection.socket.resume();
			terminal.accept(connection);
		} else if (terminal.acceptsDenied === true) {
			terminal.accept({ ...connection, gates });
		} else if (gates.denial === undefined && (!gates.asks || terminal.ignoresBytes === true)) {
			// Where the client speaks first, its first byte is not far.
			gates.onBytes(() => undefined);
			connection.socket.resume();
			terminal.accept(connection);
		} else {
			this.#holdToFirstByte(connection, gates);
		}
	}

	/** Waits for the first byte, and for what somebody who is asked says of it, before the terminal filter or the end. */
	#holdToFirstByte(connection: DownstreamConnection, gates: ConnectionGates): void {
		const { socket } = connection;
		const { terminal } = this.#parts;
		let first: Buffer | undefined;
		this.#waiting.add(socket);
		const onGone = (): void => {
			gates.close();
			if (this.#waiting.delete(socket)) terminal.onRefused(connection);
		};
		const settle = (): void => {
			if (!this.#waiting.delete(socket)) return;
			socket.off("close", onGone);
			if (gates.denial !== undefined) {
				this.#refuse(connection, gates.denial);
				return;
			}
			if (first === undefined) {
				socket.destroy();
				terminal.onRefused(connection);
				return;
			}
			socket.unshift(first);
			socket.resume();
			terminal.accept(connection);
		};
		const onBytes = (bytes?: Buffer): void => {
			socket.off("data", onBytes);
			socket.off("end", onEnd);
			socket.pause();
			first = bytes;
			if (gates.onBytes(settle) !== "wait") settle();
		};
		const onEnd = (): void => onBytes();
		socket.on("error", () => socket.destroy());
		socket.on("data", onBytes);
		socket.on("end", onEnd);
		socket.on("close", onGone);
		socket.resume();
	}

	/** @param waited whether the client had time to speak before the refusal */
	#refuse(connection: DownstreamConnection, refusal: GateRefusal, waited = false): void {
		const { terminationDetails, delayMs, flags, codeDetails, closeReason: localCloseReason } = refusal;
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
			if (codeDetails !== undefined) record.responseCodeDetails = codeDetails;
		}
		this.#parts.terminal.onRefused({ socket, facts: refused, record }, flags);
		if (delayMs === 0) {
			// What the client said meanwhile is read, so that it sees an end and no reset.
			socket.resume();
			const end = (): void => void socket.destroy();
			setImmediate(waited ? () => setImmediate(end) : end);
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

/** A client that never finishes its handshake must not hold a socket for ever, whatever the configuration says. */
const defaultHandshakeTimeoutMs = 30_000;
