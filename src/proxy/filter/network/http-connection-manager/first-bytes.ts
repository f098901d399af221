import { clientPreface } from "../../../../wire/http2/index.ts";

/** What is enough to know HTTP/2 by. */
const http2Prefix = clientPreface.slice(0, 12);
/** A line of three words of which neither the second is a target nor the third a version (RFC 9112, section 3). */
const noRequestLine = /^\S+ [^\s/*:]+ (?!HTTP\/)\S+\r\n/;

/** Whether a connection's first bytes are those of HTTP/2 with prior knowledge. */
export function beginsAsHttp2(data: Buffer): boolean {
	return data[0] === 80 && data.toString("latin1", 0, http2Prefix.length) === http2Prefix;
}

/** Whether a connection's first bytes are no request of any version: where either version may come, a client of HTTP/2 could not read the
 *  answer of HTTP/1. */
export function beginsAsNothing(data: Buffer): boolean {
	return noRequestLine.test(data.toString("latin1", 0, 256));
}
