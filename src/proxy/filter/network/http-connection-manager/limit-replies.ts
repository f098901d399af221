import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { LocalReply } from "../../http/filter.ts";

/** The stream took longer than it may. */
export function durationReply(status: number): LocalReply {
	return { status, body: "downstream duration timeout", details: "max_duration_timeout", flags: 0, grpcStatus: 4 };
}

/** Nothing moved for too long. */
export function idleReply(status: number): LocalReply {
	const flags = ResponseFlag.streamIdleTimeout;
	return { status, body: "stream timeout", details: "stream_idle_timeout", flags };
}

/** The request took too long to arrive. */
export const requestTimeoutReply: LocalReply = Object.freeze({
	status: 408,
	body: "request timeout",
	details: "request_overall_timeout",
	flags: 0,
});

/** The request's head took too long to arrive. */
export const headerTimeoutReply: LocalReply = Object.freeze({
	status: 408,
	body: "request header timeout",
	details: "request_header_timeout",
	flags: ResponseFlag.downstreamProtocolError,
});

/** Neither the manager nor the route lets the request change the protocol. */
export const upgradeRefusedReply: LocalReply = Object.freeze({
	status: 403,
	body: "",
	details: "upgrade_failed",
	flags: 0,
});

/** A filter wanted more of the request's body than may be held. */
export const largeRequestReply: LocalReply = Object.freeze({
	status: 413,
	body: "Payload Too Large",
	details: "request_payload_too_large",
	flags: 0,
});

/** A filter wanted more of the response's body than may be held. */
export const largeResponseReply: LocalReply = Object.freeze({
	status: 500,
	body: "Internal Server Error",
	details: "response_payload_too_large",
	flags: 0,
});
