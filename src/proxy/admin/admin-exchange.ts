import type { Socket } from "node:net";
import type { HeaderList } from "../../core/index.ts";
import { chunkEnd, formatChunkSize, formatFields, formatStatusLine, lastChunk } from "../../wire/http1/index.ts";

/** A request to the admin port as it came. */
export interface AdminMessage {
	readonly method: string;
	readonly target: string;
	readonly versionMinor: 0 | 1;
	readonly authority: string | undefined;
	/** The other headers. */
	readonly headers: HeaderList;
	/** Undefined when it was too long to be kept. */
	readonly body: string | undefined;
}

/** A request to the admin port, and the way its answer goes out. */
export class AdminExchange {
	readonly request: AdminMessage;
	readonly socket: Socket;
	/** The answer goes on until its client sends nothing more: it may have nothing to say for hours. */
	endsWithClient = false;
	#closes: boolean;
	readonly #onEnd: (closes: boolean) => void;
	/** The head, until something goes out with it. */
	#head = "";
	#ended = false;

	/** @param closes the connection ends with the answer @param onEnd called when all of it is written, with whether the connection ends */
	constructor(socket: Socket, request: AdminMessage, closes: boolean, onEnd: (closes: boolean) => void) {
		this.socket = socket;
		this.request = request;
		this.#closes = closes;
		this.#onEnd = onEnd;
	}

	/** Nobody reads the answer any more. */
	get isOver(): boolean {
		return this.#ended || this.socket.destroyed;
	}

	/** Begins an answer in chunks, which HTTP/1.1 has: it goes out with the first piece of the body. */
	begin(status: number, headers: HeaderList): void {
		this.#head = this.#format(status, [...headers, "transfer-encoding", "chunked"]);
	}

	/** Answers with a text as a whole. @param closes the connection ends, whatever the client wanted */
	answer(status: number, headers: HeaderList, body: string, closes: boolean): void {
		if (this.isOver) return;
		this.#closes ||= closes;
		const head = this.#format(status, ["content-length", String(Buffer.byteLength(body)), ...headers]);
		this.socket.write(this.request.method === "HEAD" ? head : head + body);
		this.#ended = true;
		this.#onEnd(this.#closes);
	}

	#format(status: number, headers: HeaderList): string {
		const end = this.#closes ? ["connection", "close"] : [];
		return `${formatStatusLine(status, 1)}${formatFields([...headers, ...end], 0)}\r\n`;
	}

	/** Writes a piece of the body. @returns false when the client has yet to read what was written before */
	write(piece: string | Uint8Array): boolean {
		const isBodiless = this.request.method === "HEAD";
		const size = typeof piece === "string" ? Buffer.byteLength(piece) : piece.length;
		if (this.isOver || ((size === 0 || isBodiless) && this.#head === "")) return true;
		const isChunked = size > 0 && !isBodiless;
		const before = this.#head + (isChunked ? formatChunkSize(size) : "");
		this.#head = "";
		const behind = isChunked ? chunkEnd : "";
		if (isBodiless) return this.socket.write(before);
		if (typeof piece === "string") return this.socket.write(before + piece + behind);
		this.socket.cork();
		if (before !== "") this.socket.write(before);
		const isRead = this.socket.write(piece);
		if (behind !== "") this.socket.write(behind);
		this.socket.uncork();
		return isRead;
	}

	/** Has the head go out without a body yet. */
	flush(): void {
		this.write("");
	}

	/** Writes the last piece. */
	end(piece: string): void {
		if (this.isOver) return;
		this.socket.cork();
		this.write(piece);
		this.flush();
		if (this.request.method !== "HEAD") this.socket.write(lastChunk);
		this.socket.uncork();
		this.#ended = true;
		this.#onEnd(this.#closes);
	}

	/** Resolves when the client has read on, or is gone. */
	drained(): Promise<void> {
		const { socket } = this;
		return new Promise((resolve) => {
			const done = (): void => {
				socket.off("drain", done);
				socket.off("close", done);
				resolve();
			};
			socket.once("drain", done);
			socket.once("close", done);
		});
	}
}
