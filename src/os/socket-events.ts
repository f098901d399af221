import type { SocketSignal } from "./stream-socket.ts";

type Listener = (value?: never) => void;
type Wrapped = Listener & { readonly original?: Listener };
type Listeners = Wrapped | readonly Wrapped[] | undefined;

const slots = { data: 0, drain: 1, end: 2, close: 3, error: 4, connect: 5, finish: 6, hidden: 7 } as const;
const nothing: readonly undefined[] = Object.values(slots).map(() => undefined);

/** "hidden": the peer's end was read while the socket is paused. */
export type SocketEvent = keyof typeof slots;

/** Listeners of the few events that a socket has: much less than an EventEmitter, for connections that live for one request. Listeners may
 *  come and go while they are called; those of the beginning are called. */
export class SocketEvents {
	readonly #slots: Listeners[] = [...nothing];

	add(event: SocketEvent, listener: Listener): void {
		const slot = slots[event];
		const present = this.#slots[slot];
		if (present === undefined) this.#slots[slot] = listener;
		else this.#slots[slot] = typeof present === "function" ? [present, listener] : [...present, listener];
	}

	addOnce(event: SocketEvent, listener: Listener): void {
		const once = (value?: never): void => {
			this.remove(event, once);
			listener(value);
		};
		once.original = listener;
		this.add(event, once);
	}

	remove(event: SocketEvent, listener: Listener): void {
		const slot = slots[event];
		const present = this.#slots[slot];
		const isIt = (one: Wrapped): boolean => one === listener || one.original === listener;
		if (typeof present === "function") {
			if (isIt(present)) this.#slots[slot] = undefined;
		} else if (present !== undefined) {
			this.#slots[slot] = present.filter((one) => !isIt(one));
		}
	}

	emit(event: SocketEvent, value?: unknown): void {
		const present = this.#slots[slots[event]];
		if (present === undefined) return;
		if (typeof present === "function") present(value as never);
		else for (const listener of present) listener(value as never);
	}
}

/** What a socket calls, and how others listen to it. */
export class EventedSocket {
	protected readonly events = new SocketEvents();

	on(event: "data", listener: (bytes: Buffer) => void): this;
	on(event: "error", listener: (error: Error) => void): this;
	on(event: SocketSignal | "hidden", listener: () => void): this;
	on(event: SocketEvent, listener: (value: never) => void): this {
		this.events.add(event, listener as () => void);
		return this;
	}

	once(event: "data", listener: (bytes: Buffer) => void): this;
	once(event: SocketSignal, listener: () => void): this;
	once(event: SocketEvent, listener: (value: never) => void): this {
		this.events.addOnce(event, listener as () => void);
		return this;
	}

	off(event: "data", listener: (bytes: Buffer) => void): this;
	off(event: "error", listener: (error: Error) => void): this;
	off(event: SocketSignal | "hidden", listener: () => void): this;
	off(event: SocketEvent, listener: (value: never) => void): this {
		this.events.remove(event, listener as () => void);
		return this;
	}
}

/** In their order. */
export function callAll(callbacks: readonly (() => void)[]): void {
	for (const callback of callbacks) callback();
}
