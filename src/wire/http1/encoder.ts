import type { HeaderList } from "../../core/index.ts";

/** Reason phrases by status (RFC 9110 and its registry, worded as Envoy does). */
const reasons: Readonly<Record<number, string>> = {
	100: "Continue",
	101: "Switching Protocols",
	103: "Early Hints",
	200: "OK",
	201: "Created",
	202: "Accepted",
	203: "Non-Authoritative Information",
	204: "No Content",
	205: "Reset Content",
	206: "Partial Content",
	207: "Multi-Status",
	208: "Already Reported",
	226: "IM Used",
	300: "Multiple Choices",
	301: "Moved Permanently",
	302: "Found",
	303: "See Other",
	304: "Not Modified",
	305: "Use Proxy",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	402: "Payment Required",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	406: "Not Acceptable",
	407: "Proxy Authentication Required",
	408: "Request Timeout",
	409: "Conflict",
	410: "Gone",
	411: "Length Required",
	412: "Precondition Failed",
	413: "Payload Too Large",
	414: "URI Too Long",
	415: "Unsupported Media Type",
	416: "Range Not Satisfiable",
	417: "Expectation Failed",
	421: "Misdirected Request",
	422: "Unprocessable Entity",
	423: "Locked",
	424: "Failed Dependency",
	425: "Too Early",
	426: "Upgrade Required",
	428: "Precondition Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
	506: "Variant Also Negotiates",
	507: "Insufficient Storage",
	508: "Loop Detected",
	510: "Not Extended",
	511: "Network Authentication Required",
};

const statusLines: readonly string[] = Array.from(
	{ length: 600 },
	(_, status) => `HTTP/1.1 ${status} ${reasons[status] ?? "Unknown"}\r\n`,
);

/** The reason phrase of a status; `Unknown` when it has none. */
export function reasonOf(status: number): string {
	return reasons[status] ?? "Unknown";
}

/** A status line with its line end. */
export function formatStatusLine(status: number, versionMinor: 0 | 1): string {
	if (versionMinor === 1 && status < 600) return statusLines[status]!;
	return `HTTP/1.${versionMinor} ${status} ${reasonOf(status)}\r\n`;
}

/** The lines of `headers` from entry `start` on (an even index), each with its line end. */
export function formatFields(headers: HeaderList, start: number): string {
	let text = "";
	for (let index = start; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
	return text;
}

/** As {@link formatFields}, with the first letter of every part of a name in upper case, the rest as it is. */
export function formatProperCaseFields(headers: HeaderList, start: number): string {
	let text = "";
	for (let index = start; index < headers.length; index += 2) {
		text += `${toProperCase(headers[index]!)}: ${headers[index + 1]}\r\n`;
	}
	return text;
}

/** `content-type` to `Content-Type`. */
export function toProperCase(name: string): string {
	return name.replace(/(^|[^a-zA-Z0-9])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}

/** The size line of a chunk of `bytes` (at least 1). The chunk's data and {@link chunkEnd} follow. */
export function formatChunkSize(bytes: number): string {
	return `${bytes.toString(16)}\r\n`;
}

/** What follows a chunk's data. */
export const chunkEnd = "\r\n";
/** The end of a chunked body without trailers. */
export const lastChunk = "0\r\n\r\n";

/** The end of a chunked body with trailers. */
export function formatLastChunk(trailers: HeaderList): string {
	return `0\r\n${formatFields(trailers, 0)}\r\n`;
}
