import type { OutgoingRequest } from "./upstream-pool.ts";

/** Methods whose requests need no Content-Length when they have no body. */
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "CONNECT", "TRACE", "DELETE"]);

/** The head of a request as it goes to the upstream, and whether its body is chunked. */
export interface RequestText {
	readonly text: string;
	readonly chunked: boolean;
}

/** Writes a request's head. `hasLength`: a Content-Length is among its fields. */
export function formatRequest(
	request: OutgoingRequest,
	endStream: boolean,
	hasLength: boolean,
	properCase: boolean,
): RequestText {
	const isConnect = request.upgrade === "CONNECT";
	const target = isConnect ? request.authority : request.path;
	const host = request.isHostRemoved === true ? "" : `${properCase ? "Host" : "host"}: ${request.authority}\r\n`;
	let text = `${request.method} ${target} HTTP/1.1\r\n${host}${request.format(properCase)}`;
	let chunked = false;
	if (!hasLength && request.upgrade === undefined) {
		if (!endStream) {
			chunked = true;
			text += "transfer-encoding: chunked\r\n";
		} else if (!bodiless.has(request.method)) {
			text += "content-length: 0\r\n";
		}
	}
	return { text: `${text}\r\n`, chunked };
}
