import { isOver, listenOnce } from "./handle-request.ts";
import type { HandleSocketOptions } from "./handle-socket-options.ts";
import { holdSegments } from "./held-segments.ts";
import { callAll, EventedSocket } from "./socket-events.ts";
import { createStreamError, endOfStream, streamErrorOf } from "./stream-error.ts";
import type { HandleAddress, HandleRequest, SocketHandle, StreamHandle, StreamHandles } from "./stream-handles.ts";
import type { StreamSocket, WriteOutcome } from "./stream-socket.ts";
import { writeChunks } from "./write-chunks.ts";

/** The buffer that all handle sockets of a thread read into: what arrives is used up or copied before the next read. */
export const sharedReadBuffer: Buffer = Buffer.allocUnsafeSlow(256 * 1024);

type Chunk = Uint8Array | string;
type OwnedHandle = StreamHandle & { [ownerKey]?: HandleSocket | undefined };

const ownerKey = Symbol("owner");

/** A socket straight on Node's stream handle: the events and words of `net.Socket` without its buffers, states and ticks. Starts paused. */
export class HandleSocket extends EventedSocket implements StreamSocket {
	readonly #handles: StreamHandles;
	readonly #handle: OwnedHandle;
	readonly #allowHalfOpen: boolean;
	readonly #highWaterMark: number;
	readonly #below: HandleSocket | undefined;
	readonly #keepsSession: boolean;
	readonly #hearsOut: boolean;
	/** What a write failed with, while the rest of what the peer sent is read; nothing is written any more. */
	#failure: Error | undefined;
	#onBytes: ((bytes: number) => void) | undefined;
	#isConnecting: boolean;
	#isPaused = true;
	#isReading = false;
	/** Bytes that wait for their reader. */
	#unread: Buffer[] | undefined;
	/** The peer's end was read, and is to be told behind them. */
	#hasUntoldEnd = false;
	#flowIsDue = false;
	/** The write under way in the library, at most one; the bytes it is about. */
	#request: HandleRequest | undefined;
	#requestBytes = 0;
	#requestDone: (() => void)[] | undefined;
	/** TLS: a write that has left, which the library calls over in its next turn only and takes no other before; nobody listens unless one waits. */
	#leaving: HandleRequest | undefined;
	/** What waits behind it, or for the connection. */
	#queue: Chunk[] = [];
	#queueBytes = 0;
	#queueDone: (() => void)[] | undefined;
	#corked = 0;
	#heldUntil: "write" | "end" | undefined;
	#isFinished = false;
	#endsSoon = false;
	#isClosed = false;
	destroyed = false;
	readableEnded = false;
	writableEnded = false;
	writableNeedDrain = false;
	#lastBytesRead = 0;
	#lastBytesWritten = 0;

	constructor(handles: StreamHandles, handle: StreamHandle, options: HandleSocketOptions) {
		super();
		this.#handles = handles;
		this.#handle = handle;
		this.#allowHalfOpen = options.allowHalfOpen;
		this.#highWaterMark = options.highWaterMark;
		this.#isConnecting = options.isConnecting ?? false;
		this.#below = options.below;
		this.#keepsSession = options.keepsSession ?? false;
		this.#hearsOut = options.hearsOut ?? false;
		this.#onBytes = options.onBytes;
		this.#handle[ownerKey] = this;
		handle.onread = onRead;
		handle.useUserBuffer(sharedReadBuffer);
	}

	/** Undefined when it is closed. */
	get descriptor(): number | undefined {
		if (this.#below !== undefined) return this.#below.descriptor;
		return this.destroyed || this.#handle.fd < 0 ? undefined : this.#handle.fd;
	}

	get remoteAddress(): string | undefined {
		return this.remote.address;
	}

	get remotePort(): number | undefined {
		return this.remote.port;
	}

	get localAddress(): string | undefined {
		return this.local.address;
	}

	get localPort(): number | undefined {
		return this.local.port;
	}

	/** The peer, in one call. */
	get remote(): HandleAddress {
		return this.#below?.remote ?? this.#ask("getpeername");
	}

	/** This side, in one call. */
	get local(): HandleAddress {
		return this.#below?.local ?? this.#ask("getsockname");
	}

	get bytesRead(): number {
		return this.destroyed ? this.#lastBytesRead : this.#handle.bytesRead;
	}

	get bytesWritten(): number {
		return this.destroyed ? this.#lastBytesWritten : this.#handle.bytesWritten + this.#queueBytes;
	}

	/** Whether everything that was written is with the system; for a TLS handle above, whose encrypted bytes this does not count. */
	get hasSentAll(): boolean {
		return this.#handle.writeQueueSize === 0;
	}

	get writableLength(): number {
		return this.#requestBytes + this.#queueBytes;
	}

	get readableLength(): number {
		return this.#unread?.reduce((sum, { length }) => sum + length, 0) ?? 0;
	}

	// --- reading

	isPaused(): boolean {
		return this.#isPaused;
	}

	pause(): this {
		this.#isPaused = true;
		if (this.#isReading && !this.destroyed) {
			this.#isReading = false;
			this.#handle.readStop();
		}
		return this;
	}

	resume(): this {
		this.#isPaused = false;
		if (this.destroyed || this.#isConnecting) return this;
		if (this.#unread === undefined && !this.#hasUntoldEnd) this.#startReading();
		else if (!this.#flowIsDue) {
			this.#flowIsDue = true;
			process.nextTick(() => this.#flow());
		}
		return this;
	}

	/** Reads although the socket is paused, and keeps what comes: for the handshake of a TLS handle. */
	readAhead(): void {
		this.#startReading();
	}

	/** From here on `onBytes` is told what is read, at the start of {@link sharedReadBuffer} until it returns, in place of "data". */
	readInto(onBytes: (bytes: number) => void): void {
		this.#onBytes = onBytes;
	}

	/** What was read and not handed on, which is gone from here. */
	takeUnread(): readonly Buffer[] {
		const unread = this.#unread ?? [];
		this.#unread = undefined;
		return unread;
	}

	/** The stream's own handle, for one above it. */
	get handle(): StreamHandle {
		return this.#handle;
	}

	unshift(bytes: Uint8Array): void {
		this.#unread ??= [];
		this.#unread.unshift(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
	}

	#startReading(): void {
		if (this.#isReading || this.readableEnded || this.#hasUntoldEnd) return;
		this.#isReading = true;
		const status = this.#handle.readStart();
		if (status < 0) this.destroy(streamErrorOf(status, "read"));
	}

	/** Hands on what waited. */
	#flow(): void {
		this.#flowIsDue = false;
		while (this.#unread !== undefined && !this.#isPaused && !this.destroyed) {
			const bytes = this.#unread.shift()!;
			if (this.#unread.length === 0) this.#unread = undefined;
			if (this.#onBytes === undefined) this.events.emit("data", bytes);
			else
				for (let at = 0; at < bytes.length; at += sharedReadBuffer.length)
					this.#onBytes(bytes.copy(sharedReadBuffer, 0, at));
		}
		if (this.#isPaused || this.destroyed) return;
		if (this.#hasUntoldEnd) this.#tellEnd();
		else this.#startReading();
	}

	/** From the library: bytes are in the buffer, or reading ended. */
	onRead(): void {
		const count = this.#handles.state[this.#handles.readCount]!;
		if (this.destroyed || count === 0) return;
		if (count < 0) {
			this.#isReading = false;
			if (count !== endOfStream) this.destroy(this.#failure ?? streamErrorOf(count, "read"));
			else if (this.#isPaused || this.#unread !== undefined) {
				this.#hasUntoldEnd = true;
				this.events.emit("hidden");
			} else this.#tellEnd();
			return;
		}
		// TLS may have more than was asked for.
		if (this.#isPaused || this.#unread !== undefined) {
			this.#unread ??= [];
			this.#unread.push(Buffer.from(sharedReadBuffer.subarray(0, count)));
		} else if (this.#onBytes === undefined) this.events.emit("data", Buffer.from(sharedReadBuffer.subarray(0, count)));
		else this.#onBytes(count);
	}

	#tellEnd(): void {
		this.#hasUntoldEnd = false;
		if (this.#failure !== undefined) return void this.destroy(this.#failure);
		this.readableEnded = true;
		this.events.emit("end");
		if (this.destroyed) return;
		if (!this.#allowHalfOpen) this.end();
		if (this.#isFinished) this.destroy();
	}

	// --- writing

	write(data: Chunk, how?: "latin1" | (() => void)): boolean {
		if (this.destroyed || this.#failure !== undefined) return false;
		if (this.writableEnded) {
			this.destroy(Object.assign(new Error("write after end"), { code: "ERR_STREAM_WRITE_AFTER_END" }));
			return false;
		}
		const done = typeof how === "function" ? how : undefined;
		if (this.#isWriting() || this.#corked > 0 || this.#isConnecting) {
			this.#queue.push(data);
			this.#queueBytes += data.length;
			if (done !== undefined) {
				this.#queueDone ??= [];
				this.#queueDone.push(done);
			}
			return this.#hasRoom();
		}
		return this.#dispatch(this.#writeOne(data), data, data.length, done === undefined ? undefined : [done]);
	}

	/** Writes bytes of a buffer that will be used again. @param done called when it may be, unless that is at once: "gone" */
	writeReusable(bytes: Uint8Array, done: () => void): WriteOutcome {
		let isUsedUp = false;
		let hasRoom: boolean;
		if (this.destroyed || this.writableEnded || this.#isWriting() || this.#corked > 0 || this.#isConnecting)
			hasRoom = this.write(bytes, done);
		else {
			const result = this.#writeOne(bytes);
			if (result === 0 && this.#heldUntil === undefined) return "gone";
			// TLS has encrypted or copied them.
			isUsedUp = this.#below !== undefined;
			hasRoom = this.#dispatch(result, bytes, bytes.length, isUsedUp ? undefined : [done]);
		}
		if (this.destroyed || this.#failure !== undefined || (isUsedUp && hasRoom)) return "gone";
		if (isUsedUp) process.nextTick(done);
		return hasRoom ? "taken" : "full";
	}

	/** What leaves from here on makes up full segments, and the rest goes with the next write, or with our end, at once or after 200 ms. */
	holdUntil(what: "write" | "end"): void {
		const { descriptor } = this;
		if (this.#heldUntil !== undefined || (descriptor !== undefined && holdSegments(descriptor, true)))
			this.#heldUntil = what;
	}

	cork(): void {
		this.#corked++;
	}

	uncork(): void {
		if (--this.#corked === 0) this.#flushQueue();
	}

	end(): this {
		if (this.writableEnded) return this;
		this.writableEnded = true;
		this.#finishWhenEmpty();
		return this;
	}

	/** Whether the library takes no write now; then {@link #onWritten} follows. */
	#isWriting(): boolean {
		const leaving = this.#leaving;
		if (leaving === undefined) return this.#request !== undefined;
		this.#leaving = undefined;
		if (isOver(leaving)) return false;
		this.#request = leaving;
		listenOnce(leaving, (status) => this.#onWritten(status));
		return true;
	}

	#hasRoom(): boolean {
		if (this.writableLength < this.#highWaterMark) return true;
		this.writableNeedDrain = true;
		return false;
	}

	#writeOne(data: Chunk): number | HandleRequest {
		return typeof data === "string" ? this.#handle.writeLatin1String(null, data) : this.#handle.writeBuffer(null, data);
	}

	/** What becomes of a write: done, failed, or under way. */
	#dispatch(result: number | HandleRequest, data: unknown, bytes: number, done: (() => void)[] | undefined): boolean {
		if (this.#heldUntil === "write") this.#letGo();
		if (result === 0) {
			if (done !== undefined) process.nextTick(callAll, done);
			return true;
		}
		const failure = typeof result === "number" ? result : this.#handles.state[this.#handles.writeError]!;
		if (typeof result === "number" || failure !== 0) return this.#failWrite(failure);
		const isOverAlready = isOver(result);
		if (done === undefined && !isOverAlready && this.#below?.hasSentAll === true) {
			this.#leaving = result;
			return true;
		}
		result.data = data;
		this.#request = result;
		this.#requestBytes = bytes;
		this.#requestDone = done;
		listenOnce(result, (status) => this.#onWritten(status));
		if (isOverAlready) process.nextTick(() => this.#onWritten(result.writeStatus!));
		return this.#hasRoom();
	}

	#letGo(): void {
		this.#heldUntil = undefined;
		const { descriptor } = this;
		if (descriptor !== undefined) holdSegments(descriptor, false);
	}

	#onWritten(status: number): void {
		if (this.destroyed) return;
		const done = this.#requestDone;
		this.#request = undefined;
		this.#requestBytes = 0;
		this.#requestDone = undefined;
		if (done !== undefined) callAll(done);
		if (status < 0) this.#failWrite(status);
		else this.#flushQueue();
		this.#tellDrain();
	}

	#failWrite(status: number): false {
		const error = streamErrorOf(status, "write");
		if (!this.#hearsOut || this.#isPaused) this.destroy(error);
		this.#failure = error;
		this.#queue = [];
		this.#queueBytes = 0;
		this.resume();
		return false;
	}

	#tellDrain(): void {
		if (this.destroyed || this.#failure !== undefined || this.writableLength > 0 || !this.writableNeedDrain) return;
		this.writableNeedDrain = false;
		this.events.emit("drain");
	}

	#flushQueue(): void {
		if (this.destroyed || this.#failure !== undefined || this.#isWriting()) return;
		if (this.#corked > 0 || this.#isConnecting) return;
		const queue = this.#queue;
		if (queue.length > 0) {
			const bytes = this.#queueBytes;
			const done = this.#queueDone;
			this.#queue = [];
			this.#queueBytes = 0;
			this.#queueDone = undefined;
			this.#dispatch(
				queue.length === 1 ? this.#writeOne(queue[0]!) : writeChunks(this.#handle, queue),
				queue,
				bytes,
				done,
			);
			// All of it left at once: whoever was asked to wait while it was kept is told so, in a turn of its own.
			if (this.writableNeedDrain && this.writableLength === 0) process.nextTick(() => this.#tellDrain());
		}
		if (this.writableEnded) this.#finishWhenEmpty();
	}

	/** Sends our end once nothing is left to be written. */
	#finishWhenEmpty(): void {
		if (this.destroyed || this.#failure !== undefined || this.#isConnecting) return;
		if (this.writableLength > 0 || this.#isWriting()) return;
		const request = this.#handles.createShutdown();
		listenOnce(request, () => this.#finish());
		this.#request = request;
		const status = this.#handle.shutdown(request);
		if (status === 1) this.#finish();
		else if (status < 0 && !this.destroyed) this.destroy(streamErrorOf(status, "shutdown"));
	}

	#finish(): void {
		if (this.destroyed || this.#isFinished) return;
		this.#isFinished = true;
		this.events.emit("finish");
		if (this.readableEnded || this.#endsSoon) this.destroy();
	}

	// --- the end

	destroySoon(): void {
		this.end();
		if (this.#isFinished || this.#failure !== undefined) this.destroy(this.#failure);
		else this.#endsSoon = true;
	}

	destroy(error?: Error): this {
		if (this.destroyed) return this;
		if (this.#keepsSession && error === undefined && !this.writableEnded && this.#below?.destroyed === false)
			this.#handle.shutdown(this.#handles.createShutdown());
		this.#leave();
		const onClosed = (): void => {
			this.#isClosed = true;
			if (error !== undefined) this.events.emit("error", error);
			this.events.emit("close");
		};
		if (this.#below === undefined) this.#handle.close(onClosed);
		else if (this.#below.#isClosed) process.nextTick(onClosed);
		else {
			this.#below.once("close", onClosed);
			this.#below.destroy();
		}
		return this;
	}

	/** Closes with a reset, where the stream can. */
	resetAndDestroy(): this {
		const { reset } = this.#handle as SocketHandle;
		if (this.#below !== undefined) this.#below.resetAndDestroy();
		if (this.destroyed || this.#below !== undefined || reset === undefined) return this.destroy();
		this.#leave();
		const onClosed = (): void => {
			this.#isClosed = true;
			this.events.emit("close");
		};
		const status = reset.call(this.#handle, onClosed);
		if (status < 0) this.#handle.close(onClosed);
		return this;
	}

	#leave(): void {
		this.#lastBytesRead = this.#handle.bytesRead;
		this.#lastBytesWritten = this.#handle.bytesWritten + this.#queueBytes;
		this.destroyed = true;
		this.#isReading = false;
		this.#unread = undefined;
		this.#queue = [];
		this.#queueBytes = this.#requestBytes = 0;
		this.#handle.onread = ignore;
		// TLS handles outlive their connection until the next full collection: they must not keep it for as long.
		this.#handle[ownerKey] = undefined;
	}

	/** From whoever connects: how it went. */
	onConnected(status: number, target: string): void {
		if (this.destroyed) return;
		if (status < 0) {
			this.destroy(createStreamError(status, "connect", target));
			return;
		}
		this.#isConnecting = false;
		this.events.emit("connect");
		if (this.destroyed) return;
		this.#flushQueue();
		if (!this.#isPaused) this.resume();
	}

	#ask(call: "getpeername" | "getsockname"): HandleAddress {
		const address: HandleAddress = {};
		const handle = this.#handle as SocketHandle;
		if (!this.destroyed) handle[call]?.(address);
		return address;
	}
}

function onRead(this: OwnedHandle): void {
	this[ownerKey]!.onRead();
}

function ignore(): void {
	return;
}
