import type { DeadlineHolder, Millis } from "../../core/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import type { AddressConfig } from "../runtime-config/index.ts";
import type { ConnectionPlace, UpstreamSocket, UpstreamSocketOwner } from "./upstream-socket.ts";

const never = Number.POSITIVE_INFINITY;

/** So long an attempt has the field to itself. */
const attemptDelayMs = 300;

/** Opens a socket to one address. */
export type OpenAttempt = (address: AddressConfig, owner: UpstreamSocketOwner) => StreamSocket;

/** A connection to a host with several addresses: they are tried one after the other, the next when one fails or has not got anywhere in
 *  300 ms. The first that is connected (its handshake included) wins, and is the connection from then on; the others end.
 *  Spec: RFC 8305; Envoy `HappyEyeballsConnectionImpl`. */
export class SocketRace implements UpstreamSocket, DeadlineHolder {
	queuedFor: Millis = never;
	readonly #place: ConnectionPlace;
	readonly #open: OpenAttempt;
	readonly #owner: UpstreamSocketOwner;
	readonly #running = new Set<Attempt>();
	#tried = 0;
	#winner: Attempt | undefined;
	#isOver = false;
	#hasEnded = false;

	constructor(place: ConnectionPlace, open: OpenAttempt, owner: UpstreamSocketOwner) {
		this.#place = place;
		this.#open = open;
		this.#owner = owner;
		this.#tryNext();
	}

	/** The socket that won; undefined before. */
	get winner(): StreamSocket | undefined {
		return this.#winner?.socket;
	}

	/** Where the socket that won leads; undefined before. */
	get address(): AddressConfig | undefined {
		return this.#winner?.address;
	}

	get destroyed(): boolean {
		return this.#winner?.socket.destroyed ?? this.#isOver;
	}

	get readableEnded(): boolean {
		return this.#winner?.socket.readableEnded ?? false;
	}

	get writableEnded(): boolean {
		return this.#winner?.socket.writableEnded ?? this.#hasEnded;
	}

	get writableLength(): number {
		return this.#winner?.socket.writableLength ?? 0;
	}

	get localAddress(): string | undefined {
		return this.#winner?.socket.localAddress;
	}

	get localPort(): number | undefined {
		return this.#winner?.socket.localPort;
	}

	write(bytes: Uint8Array, done?: () => void): boolean;
	write(text: string, encoding: "latin1"): boolean;
	/** Nothing is written before there is a winner. */
	write(data: Uint8Array | string, last?: (() => void) | "latin1"): boolean {
		const socket = this.#winner?.socket;
		if (socket === undefined) return false;
		return typeof data === "string"
			? socket.write(data, "latin1")
			: socket.write(data, last === "latin1" ? undefined : last);
	}

	cork(): void {
		this.#winner?.socket.cork();
	}

	uncork(): void {
		this.#winner?.socket.uncork();
	}

	/** Before there is a winner: it ends as soon as it has won. */
	end(): void {
		this.#hasEnded = true;
		this.#winner?.socket.end();
	}

	destroySoon(): void {
		if (this.#winner === undefined) this.destroy();
		else this.#winner.socket.destroySoon();
	}

	resetAndDestroy(): void {
		if (this.#winner === undefined) this.destroy();
		else this.#winner.socket.resetAndDestroy();
	}

	destroy(): void {
		if (this.#winner !== undefined) {
			this.#winner.socket.destroy();
			return;
		}
		this.#end();
		for (const attempt of this.#running) attempt.socket.destroy();
	}

	pause(): void {
		this.#winner?.socket.pause();
	}

	resume(): void {
		this.#winner?.socket.resume();
	}

	isPaused(): boolean {
		return this.#winner?.socket.isPaused() ?? false;
	}

	onDeadline(now: Millis): Millis {
		if (this.#isOver || !this.#hasNext) return never;
		this.#countAttempt();
		this.#tryNext();
		return this.#hasNext ? now + attemptDelayMs : never;
	}

	/** An attempt is connected. */
	won(attempt: Attempt): void {
		if (this.#isOver) return;
		this.#end();
		this.#winner = attempt;
		for (const other of this.#running) if (other !== attempt) other.socket.destroy();
		this.#running.clear();
		this.#owner.onSocketReady();
		if (this.#hasEnded) attempt.socket.end();
	}

	/** An attempt is closed. */
	lost(attempt: Attempt, error: Error | undefined): void {
		if (!this.#running.delete(attempt)) return;
		if (!this.#isOver && this.#hasNext) {
			this.#countAttempt();
			this.#tryNext();
		}
		if (this.#running.size > 0) return;
		this.#end();
		this.#owner.onSocketClose(error);
	}

	get #hasNext(): boolean {
		return this.#tried < this.#place.host.addresses.length;
	}

	/** Every attempt is a connection of its own, as in Envoy; the first is counted by whoever has the race. */
	#countAttempt(): void {
		this.#place.cluster.stats.upstream_cx_total.value++;
		this.#place.host.stats.cx_total.value++;
	}

	#tryNext(): void {
		const address = this.#place.host.addresses[this.#tried++]!;
		const attempt = new Attempt(this, this.#owner, address);
		this.#running.add(attempt);
		attempt.start(this.#open);
		const { clock, deadlines } = this.#place.context;
		deadlines.cancel(this);
		if (this.#hasNext) deadlines.schedule(this, clock.now() + attemptDelayMs);
	}

	#end(): void {
		this.#isOver = true;
		this.#place.context.deadlines.cancel(this);
	}
}

/** A connection to one of the addresses. */
class Attempt implements UpstreamSocketOwner {
	readonly address: AddressConfig;
	readonly #race: SocketRace;
	readonly #owner: UpstreamSocketOwner;
	#socket: StreamSocket | undefined;

	constructor(race: SocketRace, owner: UpstreamSocketOwner, address: AddressConfig) {
		this.#race = race;
		this.#owner = owner;
		this.address = address;
	}

	/** It was started. */
	get socket(): StreamSocket {
		return this.#socket!;
	}

	get #isWinner(): boolean {
		return this.#race.winner === this.#socket;
	}

	start(open: OpenAttempt): void {
		this.#socket = open(this.address, this);
	}

	onSocketReady(): void {
		this.#race.won(this);
	}

	onSocketBytes(bytes: number): void {
		if (this.#isWinner) this.#owner.onSocketBytes(bytes);
	}

	onSocketEnd(): void {
		if (this.#isWinner) this.#owner.onSocketEnd();
	}

	onSocketClose(error: Error | undefined): void {
		if (this.#isWinner) this.#owner.onSocketClose(error);
		else this.#race.lost(this, error);
	}

	onSocketDrain(): void {
		if (this.#isWinner) this.#owner.onSocketDrain();
	}
}
