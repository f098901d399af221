import type { HeaderList, Millis } from "../../../core/index.ts";
import type { ConnectionFacts } from "../../../engine/format/index.ts";
import type { RouteEntry } from "../../../engine/router/index.ts";
import type { PassRequestHead, PassResponseHead } from "./pass-head.ts";
import type { StreamRecord } from "./stream-record.ts";

/** An answer that the proxy makes itself. */
export interface LocalReply {
	readonly status: number;
	readonly body: string;
	/** The body is bytes that somebody else said, a character each; else it is text. */
	readonly isBinary?: boolean;
	/** Details of access logs, spelled as Envoy does. */
	readonly details: string;
	/** Bits of ResponseFlag. */
	readonly flags: number;
	/** Those that its own text does not show yet. */
	readonly lateFlags?: number;
	/** Further fields of the answer. */
	readonly headers?: HeaderList;
	/** Status for gRPC clients; derived from `status` when absent. */
	readonly grpcStatus?: number;
	/** Whether the router makes it: then the route's response header operations apply whatever the route does; to answers of others they
	 *  apply when it leads to an upstream. */
	readonly byRouter?: boolean;
	/** Whether it is the answer that was asked for, of which neither route nor `local_reply_config` say anything (a CORS preflight). */
	readonly isBare?: boolean;
}

/** What a filter says to a head. While a head waits, the filter must end the wait: with `continueRequest`/`continueResponse`, a local
 *  reply, or (`stop-head`) a body or trailers hook that says `continue`. Never call continue from within a hook. */
export type HeadVerdict =
	| "continue"
	/** Nothing more comes to this filter until it continues; then its body hook sees what came meanwhile. The sender is slowed down at the
	 *  buffer limit. */
	| "stop"
	/** The same, but more than the buffer limit fails the request (413) or the response (500). */
	| "stop-buffer"
	/** Only the head waits: body and trailers go on to this filter's own hooks. */
	| "stop-head";

/** What a filter says to a piece of a body. */
export type BodyVerdict =
	/** Goes on, behind the head and behind what this filter had held. */
	| "continue"
	/** Held here; more than the buffer limit fails the request (413) or the response (500). */
	| "buffer"
	/** Held here; the sender is slowed down at the buffer limit. */
	| "wait"
	/** The filter has it, and will add what it wants with {@link FilterPath.add}; that of a last piece must add the end too. */
	| "taken";

/** What a filter says to trailers. `continue` also lets go what the filter held. */
export type TrailersVerdict = "continue" | "stop";

/** A piece of a body in a hook; `bytes` may be replaced. Valid during the call. */
export interface BodyChunk {
	bytes: Buffer;
}

/** One direction of a stream's way through its filters, as a filter may use it. `index` is the filter's own. */
export interface FilterPath {
	/** Ends the wait at this filter: head, held body, held trailers go on, in this order. Not within a hook. */
	continue(index: number): void;
	/** Puts bytes behind this filter. While its head or body is held, they join what is held. The path owns the buffer. */
	add(index: number, bytes: Buffer, last: boolean): void;
	/** Puts trailers behind the body; in the head hook of a message that ends there, or in the body hook of its last piece. */
	addTrailers(index: number, trailers: HeaderList): void;
	/** What is held here of the body. */
	held(index: number): Buffer;
	/** How many bytes {@link held} has, without putting them together. */
	heldBytes(index: number): number;
	/** Puts other bytes in the place of what is held here. */
	replaceHeld(index: number, bytes: Buffer): void;
	/** Takes what is held here out of the path: the filter has it, and will add what it wants. */
	takeHeld(index: number): { readonly bytes: Buffer; readonly last: boolean };
	/** How much may be held; 0 for no limit. */
	setLimit(bytes: number): void;
	/** Asks the sender to wait until {@link resume} was called as often. */
	pause(): void;
	resume(): void;
}

/** A request as filters see it. */
export interface FilterStream {
	readonly request: PassRequestHead;
	readonly record: StreamRecord;
	readonly connection: ConnectionFacts;
	/** Undefined: no route matched. */
	readonly route: RouteEntry | undefined;
	/** Whether the last byte of the request is here. */
	readonly isRequestComplete: boolean;
	readonly isOver: boolean;
	/** Whether the answer (also a local reply) has begun its way through the filters. */
	readonly responseStarted: boolean;
	/** The request's way to the router. */
	readonly requestPath: FilterPath;
	/** The response's way to the client; there is none before the response began. */
	readonly responsePath: FilterPath;
	/** What a client's head may have, its first line's parts counted as fields. */
	readonly headLimits: { readonly maxHeaderCount: number; readonly maxHeadBytes: number };
	now(): Millis;
	/** The route's config for this filter, if any. */
	routeConfig(name: string): unknown;
	/** A place of the filter's own, by its index in the chain. */
	getState(index: number): unknown;
	setState(index: number, state: unknown): void;
	/** `requestPath.continue`; does nothing when the stream was answered meanwhile. */
	continueRequest(index: number): void;
	/** `responsePath.continue`. */
	continueResponse(index: number): void;
	/** Answers in place of the upstream. The answer passes the response hooks of every filter, unless a response is in there already. Ends
	 *  the stream when the client has the head of another answer. */
	sendLocalReply(reply: LocalReply): void;
	/** The route is chosen again, by the request as it is then, before the next filter runs. */
	clearRouteCache(): void;
	/** Merges keys into a namespace of the stream's dynamic metadata. */
	setDynamicMetadata(namespace: string, values: Readonly<Record<string, unknown>>): void;
}

/** A filter of one chain: made once, state per stream lies in the stream. A hook that is absent costs nothing. Request hooks run in the
 *  order of the chain, response hooks in the reverse. */
export interface HttpFilter {
	readonly name: string;
	/** Whether the filter is on only for streams whose route says so. */
	readonly disabled: boolean;
	/** The filter's place in its chain, under which it keeps its state and continues. */
	readonly index: number;
	onRequestHead?(stream: FilterStream, endStream: boolean): HeadVerdict;
	onRequestBody?(stream: FilterStream, chunk: BodyChunk, last: boolean): BodyVerdict;
	onRequestTrailers?(stream: FilterStream, trailers: HeaderList): TrailersVerdict;
	/** Before the head is sent; may change it. Local replies pass here too. */
	onResponseHead?(stream: FilterStream, head: PassResponseHead, endStream: boolean): HeadVerdict | undefined;
	onResponseBody?(stream: FilterStream, chunk: BodyChunk, last: boolean): BodyVerdict;
	onResponseTrailers?(stream: FilterStream, trailers: HeaderList): TrailersVerdict;
	/** The stream is over; its record is complete. */
	onEnd?(stream: FilterStream): void;
	/** The chain is gone: what the filter does by itself ends. */
	onClose?(): void;
}
