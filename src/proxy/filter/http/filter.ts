import type { HeaderList, Millis } from "../../../core/index.ts";
import type { ConnectionFacts } from "../../../engine/format/index.ts";
import type { RouteEntry } from "../../../engine/router/index.ts";
import type { PassRequestHead, PassResponseHead } from "./pass-head.ts";
import type { StreamRecord } from "./stream-record.ts";

/** An answer that the proxy makes itself. */
export interface LocalReply {
	readonly status: number;
	readonly body: string;
	/** Details of access logs, spelled as Envoy does. */
	readonly details: string;
	/** Bits of ResponseFlag. */
	readonly flags: number;
	/** Further fields of the answer. */
	readonly headers?: HeaderList;
	/** Status for gRPC clients; derived from `status` when absent. */
	readonly grpcStatus?: number;
	/** Whether the route's response header operations apply: for answers that the router makes. */
	readonly byRouter?: boolean;
}

/** Where a gate lets a body through; writing after the end does nothing. */
export interface BodyOutlet {
	write(view: Buffer, last: boolean): void;
	writeTrailers(trailers: HeaderList): void;
	/** The gate takes more again. */
	onDrain(): void;
}

/** Holds a response's body back. */
export interface BodyGate {
	/** Views are valid during the call. @returns false when the upstream should wait */
	push(view: Buffer, last: boolean): boolean;
	pushTrailers(trailers: HeaderList): void;
	close(): void;
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
	now(): Millis;
	/** The route's config for this filter, if any. */
	routeConfig(name: string): unknown;
	/** A place of the filter's own, by its index in the chain. */
	getState(index: number): unknown;
	setState(index: number, state: unknown): void;
	/** After a filter stopped: goes on with the next one. */
	continueRequest(): void;
	sendLocalReply(reply: LocalReply): void;
	/** Puts a gate before the response's body; before the response began. */
	gateResponse(create: (outlet: BodyOutlet) => BodyGate): void;
}

/** `stop`: the filter answered, or will call `continueRequest` later. */
export type FilterVerdict = "continue" | "stop";

/** A filter of one chain: made once, state per stream lies in the stream. A hook that is absent costs nothing. */
export interface HttpFilter {
	readonly name: string;
	/** Whether the filter is on for streams whose route says nothing about it. */
	readonly disabled: boolean;
	onRequestHead?(stream: FilterStream, endStream: boolean): FilterVerdict;
	/** Before the head is sent; may change it. Local replies pass here too. */
	onResponseHead?(stream: FilterStream, head: PassResponseHead, endStream: boolean): void;
	/** The stream is over; its record is complete. */
	onEnd?(stream: FilterStream): void;
}
