import type { HeaderList } from "../../core/index.ts";
import type { StreamInfo } from "../../engine/format/index.ts";

/** How a call ended. */
export interface GrpcStatus {
	/** gRPC status code: 0 is success, 4 a deadline that passed, 14 a service that could not be reached. */
	readonly code: number;
	/** What the service said, or why it could not be asked. */
	readonly message: string;
	/** Trailers of the answer (its headers when there was nothing else); empty when the service was not reached. */
	readonly metadata: HeaderList;
}

/** The end of a unary call. */
export interface GrpcResponse extends GrpcStatus {
	/** The answer's message; present when `code` is 0. */
	readonly body: Buffer | undefined;
	/** The headers of the answer. */
	readonly headers: HeaderList;
}

/** Options of both kinds of call. */
export interface GrpcStreamOptions {
	/** 0 for none; by default none. */
	readonly timeoutMs?: number;
	/** Sent beside the configured `initial_metadata`. */
	readonly metadata?: HeaderList;
	/** The stream on whose behalf the call is made: what formats in `initial_metadata` are about. */
	readonly stream?: StreamInfo;
}

/** Options of {@link GrpcClient.unary}. */
export interface GrpcCallOptions extends GrpcStreamOptions {
	/** By default the service's configured timeout. */
	readonly timeoutMs?: number;
}

/** A unary call on its way. */
export interface GrpcCall {
	/** Takes it back: `done` is not called any more. */
	cancel(): void;
}

/** Who listens to a stream. None of these is called before `stream` has returned, nor after `onEnd`, nor after `cancel`. */
export interface GrpcStreamHandlers {
	onHeaders?(headers: HeaderList): void;
	onMessage(message: Buffer): void;
	/** After {@link GrpcStream.send} returned false: there is room again. */
	onDrain?(): void;
	/** Once: the service ended it, or it failed. */
	onEnd(status: GrpcStatus): void;
}

/** A bidirectional stream. */
export interface GrpcStream {
	/** Sends a message; what cannot leave yet is kept up to a bound, beyond which the stream fails with RESOURCE_EXHAUSTED.
	 *  @returns false when the caller should wait for `onDrain` */
	send(message: Uint8Array): boolean;
	/** Nothing more is sent; the service may still answer. */
	end(): void;
	/** Resets it: no handler is called any more. */
	cancel(): void;
	/** Stops and resumes what comes in. */
	pause(): void;
	resume(): void;
	/** Whether the service's connection is there and the stream is open on it. */
	readonly isOpen: boolean;
	/** Bytes that wait to leave. */
	readonly queuedBytes: number;
}

/** Calls one configured service. */
export interface GrpcClient {
	/** The cluster that is asked. */
	readonly clusterName: string;
	/** @param path `/package.Service/Method`
	 *  @param done called once, never before `unary` has returned */
	unary(path: string, message: Uint8Array, options: GrpcCallOptions, done: (response: GrpcResponse) => void): GrpcCall;
	stream(path: string, handlers: GrpcStreamHandlers, options?: GrpcStreamOptions): GrpcStream;
}
