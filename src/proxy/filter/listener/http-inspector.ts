import type { HttpInspectorStats } from "../../stats/index.ts";
import type { ListenerFilter } from "./listener-filter.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** A request line beyond this is none. */
const maxLineBytes = 64 * 1024;
/** A path, `*`, a URL, or the host and port of CONNECT. */
const target = "(?:/\\S*|\\*|[A-Za-z][A-Za-z0-9+.-]*://\\S+|\\S+:\\d+)";
const requestLine = new RegExp(`^[!#$%&'*+.^_\`|~0-9A-Za-z-]+ +${target}(?: +HTTP/\\d\\.\\d)? *$`);
const startOfRequestLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: +(?:\S+(?: +[HTP/.\d]*)? *)?)?\r?$/;

/** Looks for the protocol of a plain-text connection: `h2c`, `http/1.1` or `http/1.0`. */
export function createHttpInspector(stats: HttpInspectorStats): ListenerFilter {
	return {
		inspect(bytes, connection) {
			// A TLS inspector was here before: what is encrypted is not looked into.
			if (connection.transportProtocol === "tls") return 0;
			const protocol = detectHttp(bytes);
			if (protocol === undefined) return "more";
			if (protocol === "") {
				stats.http_not_found.value++;
				return 0;
			}
			connection.applicationProtocols = [protocol];
			const count = { h2c: stats.http2_found, "http/1.1": stats.http11_found, "http/1.0": stats.http10_found }[
				protocol
			];
			count.value++;
			return 0;
		},
	};
}

/** Empty for no HTTP, undefined when more bytes are needed. */
function detectHttp(bytes: Buffer): "h2c" | "http/1.1" | "http/1.0" | "" | undefined {
	const text = bytes.toString("latin1", 0, maxLineBytes);
	if (text.startsWith(preface)) return "h2c";
	if (preface.startsWith(text)) return undefined;
	const end = text.search(/\r?\n/);
	if (end === -1) return startOfRequestLine.test(text) && text.length < maxLineBytes ? undefined : "";
	const line = text.slice(0, end);
	if (!requestLine.test(line)) return "";
	return line.trimEnd().endsWith("HTTP/1.1") ? "http/1.1" : "http/1.0";
}
