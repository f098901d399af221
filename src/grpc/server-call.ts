import { EventEmitter } from "node:events";
import { status as grpcStatus, type MethodDefinition } from "@grpc/grpc-js";
import { describeError, getHeader, type HeaderList, PieceList, type Timer } from "../core/index.ts";
import { encodeStatusMessage, frameMessage, MessageReader } from "../wire/grpc/index.ts";
import { Http2ErrorCode, type Http2Stream } from "../wire/http2/index.ts";
import type { GrpcConnection } from "./grpc-connection.ts";

/** A method of a service, and who answers it. */
export interface Method {
	readonly definition: MethodDefinition<unknown, unknown>;
	/** Of a unary method: gets the call with its request, and answers once; of a stream both ways: gets the call. */
	readonly handle: (call: ServerCall, answer: (error: CallFailure | null, value?: unknown) => void) => void;
}

/** How a handler ends a call with another status than OK; `details` goes before `message`. */
export interface CallFailure {
	readonly code?: number | undefined;
	readonly details?: string | undefined;
	readonly message?: string | undefined;
}

/** The head of every answer. */
export const responseFields: HeaderList = [
	...["content-type", "application/grpc+proto"],
	...["grpc-accept-encoding", "identity"],
];

/** One call, in the words of `ServerDuplexStream` and `ServerUnaryCall`: "data", "end", "cancelled", "close" and "drain" are told; an "error" that
 *  is emitted ends the call with its status. */
export class ServerCall extends EventEmitter {
	/** What the client says besides: the first value of a name in lower case. */
	readonly metadata: { get(name: string): string[] };
	/** Of a unary call. */
	request: unknown;
	readonly #connection: GrpcConnection;
	readonly #stream: Http2Stream<ServerCall>;
	readonly #method: Method;
	readonly #reader: MessageReader;
	readonly #timer: Timer | undefined;
	/** What came while it was paused: not consumed, so that the windows bound it. */
	readonly #kept = new PieceList();
	#isPaused = false;
	#hasEnd = false;
	#hasHead = false;
	/** Trailers are sent, or the stream is gone. */
	#isOver = false;
	#isClosed = false;

	/** @param timeoutMs the client's deadline */
	constructor(
		connection: GrpcConnection,
		stream: Http2Stream<ServerCall>,
		method: Method,
		fields: HeaderList,
		timeoutMs: number | undefined,
	) {
		super();
		this.metadata = {
			get(name) {
				const value = getHeader(fields, name);
				return value === undefined ? [] : [value];
			},
		};
		this.#connection = connection;
		this.#stream = stream;
		this.#method = method;
		const { clock, maxMessageBytes } = connection.context;
		this.#reader = new MessageReader(maxMessageBytes, (message) => this.#onMessage(message));
		this.on("error", ({ code, details, message }: CallFailure) =>
			this.#finish(code ?? grpcStatus.UNKNOWN, details ?? message ?? ""),
		);
		if (timeoutMs === undefined) return;
		this.#timer = clock.setTimer(timeoutMs, () => {
			if (this.#isOver) return;
			this.#finish(grpcStatus.DEADLINE_EXCEEDED, "Deadline exceeded");
			this.emit("cancelled");
		});
	}

	/** Hands a stream to its handler; a unary call waits for its message. */
	start(): void {
		if (this.#method.definition.requestStream) this.#run();
	}

	getPeer(): string {
		return this.#connection.peer;
	}

	/** @returns false when the caller should wait for "drain" */
	write(value: unknown): boolean {
		if (this.#isOver) return false;
		this.#sendHead();
		const message = this.#method.definition.responseSerialize(value);
		return this.#connection.codec.sendData(this.#stream, frameMessage(message), false);
	}

	/** Ends the call well. */
	end(): void {
		this.#finish(grpcStatus.OK, "");
	}

	pause(): void {
		this.#isPaused = true;
	}

	resume(): void {
		if (!this.#isPaused) return;
		this.#isPaused = false;
		for (const bytes of this.#kept.take()) this.onData(bytes, false);
		if (this.#hasEnd) this.onEnd();
	}

	// --- from the connection

	onData(view: Buffer, endStream: boolean): void {
		if (this.#isPaused && view.length > 0) this.#kept.push(view, false);
		else {
			const problem = this.#isOver ? undefined : this.#reader.read(view);
			this.#connection.codec.consume(this.#stream, view.length);
			if (problem !== undefined) {
				const isTooLarge = problem === "message too large";
				this.#finish(isTooLarge ? grpcStatus.RESOURCE_EXHAUSTED : grpcStatus.INTERNAL, problem);
			}
		}
		if (endStream) this.onEnd();
	}

	/** The client has said everything. */
	onEnd(): void {
		this.#hasEnd = true;
		if (this.#isPaused || this.#isOver) return;
		if (this.#method.definition.requestStream) this.emit("end");
		else if (this.request === undefined) this.#finish(grpcStatus.INTERNAL, "the request has no message");
	}

	onWritable(): void {
		this.emit("drain");
	}

	/** The client reset the call, or is gone. */
	onGone(): void {
		const wasOver = this.#isOver;
		this.#isOver = true;
		if (!wasOver) this.emit("cancelled");
		this.onClosed();
	}

	/** Both ends are done. */
	onClosed(): void {
		this.#isOver = true;
		this.#timer?.cancel();
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.emit("close");
	}

	#onMessage(bytes: Buffer): void {
		if (this.#isOver) return;
		const { requestStream, requestDeserialize } = this.#method.definition;
		let message: unknown;
		try {
			message = requestDeserialize(bytes);
		} catch (error) {
			this.#finish(grpcStatus.INTERNAL, `the request cannot be read: ${describeError(error)}`);
			return;
		}
		if (requestStream) {
			this.emit("data", message);
			return;
		}
		if (this.request !== undefined) {
			this.#finish(grpcStatus.INTERNAL, "the request has more than one message");
			return;
		}
		this.request = message;
		this.#run();
	}

	#run(): void {
		this.#method.handle(this, (error, value) => {
			if (error !== null) this.#finish(error.code ?? grpcStatus.UNKNOWN, error.details ?? error.message ?? "");
			else {
				this.write(value);
				this.end();
			}
		});
	}

	#sendHead(): void {
		if (this.#hasHead) return;
		this.#hasHead = true;
		this.#connection.codec.sendHead(this.#stream, 200, responseFields, false);
	}

	#finish(code: number, message: string): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.#timer?.cancel();
		const { codec } = this.#connection;
		const trailers: HeaderList = ["grpc-status", String(code)];
		if (message !== "") trailers.push("grpc-message", encodeStatusMessage(message));
		if (this.#hasHead) codec.sendTrailers(this.#stream, trailers);
		else codec.sendHead(this.#stream, 200, [...responseFields, ...trailers], true);
		// A client that goes on sending need not be listened to.
		if (!this.#stream.isRemoteDone) codec.resetStream(this.#stream, Http2ErrorCode.noError);
	}
}
