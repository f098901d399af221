import { computeJa3, computeJa4, parseFirstBytes } from "../../../wire/tls-hello/index.ts";
import type { TlsInspectorStats } from "../../stats/index.ts";
import type { ListenerFilter, PendingConnection } from "./listener-filter.ts";

/** Options of {@link createTlsInspector}. */
export interface TlsInspectorOptions {
	readonly maxClientHelloBytes: number;
	/** A handshake that cannot be parsed ends the connection; otherwise it counts as plain text, as in Envoy. */
	readonly closeOnParsingErrors: boolean;
	/** Fingerprints that are computed. */
	readonly ja3: boolean;
	readonly ja4: boolean;
}

/** A TLS record's head: less tells nothing. */
const recordHeaderBytes = 5;

/** Looks whether a connection begins with a ClientHello, for its server name and protocols. */
export function createTlsInspector(options: TlsInspectorOptions, stats: TlsInspectorStats): ListenerFilter {
	return {
		inspect(bytes, connection) {
			if (bytes.length < recordHeaderBytes) return "more";
			const { maxClientHelloBytes } = options;
			const first = parseFirstBytes(
				bytes.length > maxClientHelloBytes ? bytes.subarray(0, maxClientHelloBytes) : bytes,
			);
			if (first.kind === "incomplete") {
				if (bytes.length < maxClientHelloBytes) return "more";
				stats.client_hello_too_large.value++;
				writeReason(connection, "ClientHelloTooLarge");
				return "refuse";
			}
			stats.bytes_processed.record(bytes.length);
			if (first.kind !== "client-hello") {
				if (options.closeOnParsingErrors || isGoodbye(bytes)) return "refuse";
				connection.transportProtocol = "raw_buffer";
				connection.transportFailureReason = describeFault(bytes);
				writeReason(connection, "ClientHelloNotDetected");
				stats.tls_not_found.value++;
				return 0;
			}
			connection.transportProtocol = "tls";
			connection.serverName = first.serverName;
			stats.tls_found.value++;
			if (options.ja3) connection.ja3 = computeJa3(first.shape);
			if (options.ja4) connection.ja4 = computeJa4(first.shape);
			(first.serverName === "" ? stats.sni_not_found : stats.sni_found).value++;
			if (first.applicationProtocols.length > 0) connection.applicationProtocols = first.applicationProtocols;
			(first.applicationProtocols.length === 0 ? stats.alpn_not_found : stats.alpn_found).value++;
			return 0;
		},
	};
}

/** Says in the connection's dynamic metadata why it was not taken for TLS. */
function writeReason(connection: PendingConnection, reason: string): void {
	connection.dynamicMetadata ??= new Map();
	connection.dynamicMetadata.set("envoy.filters.listener.tls_inspector", { failure_reason: reason });
}

/** Whether a TLS connection ends before it began: an alert that says so (RFC 8446, section 6.1). */
function isGoodbye(bytes: Buffer): boolean {
	return bytes.length >= 7 && bytes[0] === 0x15 && bytes[1] === 3 && bytes.readUInt32BE(3) === 0x0002_0100;
}

/** What Envoy's TLS library says of a first flight that is none. */
function describeFault(bytes: Buffer): string {
	const [code, name] = findFault(bytes.toString("latin1", 0, recordHeaderBytes), bytes[1]);
	return `TLS_error|error:${code}:SSL routines:OPENSSL_internal:${name}:TLS_error_end`;
}

function findFault(start: string, major: number | undefined): readonly [string, string] {
	if (/^(?:GET |POST |HEAD |PUT )/.test(start)) return ["1000009c", "HTTP_REQUEST"];
	if (start === "CONNE") return ["1000009b", "HTTPS_PROXY_REQUEST"];
	return major === 3 ? ["10000096", "EXCESSIVE_MESSAGE_SIZE"] : ["100000f7", "WRONG_VERSION_NUMBER"];
}
