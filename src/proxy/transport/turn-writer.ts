import type { TurnEndHolder, TurnQueue } from "../../core/index.ts";
import { HandleSocket } from "../../os/index.ts";
import { CopiedWrites, type WritableSocket } from "./copied-writes.ts";

/** Bytes up to this many join the text around them in one write. */
const joinBytes = 8 * 1024;
/** Bytes up to this many never are a write of their own. */
const tinyBytes = 512;
/** Text that is longer does not wait for the end of its turn. */
const maxTextBytes = 16 * 1024;

/** The output of one connection. Text leaves at the end of the turn, all of it in one write: whoever waits for it on another core is woken
 *  once for everything that was read here in one go, not once for every message. Invariant: bytes leave in the order of the calls. */
export class TurnWriter implements TurnEndHolder {
	readonly #socket: WritableSocket;
	readonly #turns: TurnQueue;
	readonly #maxUnsentBytes: number;
	readonly #takesAtOnce: boolean;
	#text = "";
	#isQueued = false;
	#copies: CopiedWrites | undefined;

	/** @param maxUnsentBytes with so many bytes on their way, whoever writes is asked to wait for the socket's drain; at least its
	 *  high-water mark
	 *  @param takesAtOnce bytes are used up when the socket's `write` returns, unless others wait before them: TLS */
	constructor(socket: WritableSocket, turns: TurnQueue, maxUnsentBytes: number, takesAtOnce = false) {
		this.#socket = socket;
		this.#turns = turns;
		this.#maxUnsentBytes = maxUnsentBytes;
		this.#takesAtOnce = takesAtOnce;
	}

	/** Bytes that were written and have not left. */
	get unsentBytes(): number {
		return this.#socket.writableLength + this.#text.length;
	}

	/** Latin-1 text. @returns false when the caller should wait for the drain */
	write(text: string): boolean {
		this.#text += text;
		if (this.#text.length > maxTextBytes) this.flush();
		else if (!this.#isQueued && text !== "") {
			this.#isQueued = true;
			this.#turns.add(this);
		}
		return this.#socket.writableLength < this.#maxUnsentBytes;
	}

	/** Text, bytes and text. `owned`: nobody else changes the bytes. @returns false when the caller should wait for the drain */
	writeAround(before: string, view: Buffer, behind: string, owned: boolean): boolean {
		const bytes = view.length;
		if (bytes === 0) return this.write(before + behind);
		if (bytes <= joinBytes && (bytes <= tinyBytes || before !== "" || behind !== "" || !owned)) {
			return this.write(before + view.toString("latin1") + behind);
		}
		this.#text += before;
		const socket = this.#socket;
		socket.cork();
		this.flush();
		if (owned) socket.write(view);
		else {
			this.#copies ??= new CopiedWrites(socket);
			this.#copies.write(view);
		}
		if (behind !== "") socket.write(behind, "latin1");
		socket.uncork();
		return socket.writableLength < this.#maxUnsentBytes;
	}

	/** Bytes of a buffer that will be used again. @returns false when the caller should wait for the drain */
	writeView(view: Buffer): boolean {
		if (view.length <= joinBytes || !this.#takesAtOnce) return this.writeAround("", view, "", false);
		this.flush();
		if (this.#socket.writableLength > 0) return this.writeAround("", view, "", false);
		this.#socket.write(view);
		return this.#socket.writableLength < this.#maxUnsentBytes;
	}

	/** Sends what waits; before anything else is done to the socket. */
	flush(): void {
		const text = this.#text;
		if (text === "") return;
		this.#text = "";
		if (!this.#socket.destroyed) this.#socket.write(text, "latin1");
	}

	/** As {@link flush}; the socket's end follows, and goes with it. */
	flushLast(): void {
		if (this.#text !== "" && this.#socket instanceof HandleSocket) this.#socket.holdUntil("end");
		this.flush();
	}

	onTurnEnd(): void {
		this.#isQueued = false;
		this.flush();
	}
}
